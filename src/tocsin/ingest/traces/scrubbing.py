"""What must not be kept of spans? The secrets that are replaced in log lines too."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import TypeVar

import msgspec

from tocsin.ingest.logs.scrub import FIELD, Scrubber
from tocsin.ingest.traces.bounds import maps_beside
from tocsin.model.span_table import SpanTable
from tocsin.model.spans import SpanEvent, SpanLink

Attributes = dict[str, str]

Detail = TypeVar("Detail", SpanEvent, SpanLink)

_KNOWN, _LONGEST = 32_768, 100
"""So many texts of at most so many characters are remembered to hold no secret: some 5 MiB."""


class SpanScrubber:
    """Replaces secrets in texts and attributes, by the rules of lines.

    A text that many spans share is looked at once, and one that was harmless lately not again.
    """

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._harmless: set[str] = set()

    def __call__(self, table: SpanTable, texts: Set[str]) -> SpanTable:
        """The spans without secrets; `texts` are the values of their attributes."""
        names: set[str] = set().union(*set(table.names))
        said = {*texts, *table.name, *table.status_message}
        for attributes in maps_beside(table):
            names.update(attributes)
            said.update(attributes.values())
        unknown = said - self._harmless
        replaced = self._scrubber.replaced(unknown)
        secret = self._scrubber.secret_names(names)
        self._remember(unknown - replaced.keys())
        if replaced or secret:
            return _Scrubbing(self._scrubber, secret, replaced)(table)
        return table

    def _remember(self, texts: Set[str]) -> None:
        short = {one for one in texts if len(one) <= _LONGEST}
        if len(self._harmless) + len(short) > _KNOWN:
            self._harmless = set()
        if len(short) <= _KNOWN:
            self._harmless |= short


class _Scrubbing:
    """One table, whose secret names and texts are known."""

    def __init__(self, scrubber: Scrubber, names: frozenset[str], texts: dict[str, str]) -> None:
        self._scrubber = scrubber
        self._names = names
        self._texts = texts
        self._fields = 0

    def __call__(self, table: SpanTable) -> SpanTable:
        texts = self._texts
        resources = {id(one): one for one in table.resource}
        cleaned = {key: self._attributes(one) for key, one in resources.items()}
        found = replace(
            table,
            name=[texts.get(one, one) for one in table.name],
            status_message=[texts.get(one, one) for one in table.status_message],
            values=self._values(table),
            resource=[cleaned[id(one)] for one in table.resource],
            events=[self._details(one) for one in table.events],
            links=[self._details(one) for one in table.links],
        )
        if self._fields:
            self._scrubber.note_fields(self._fields)
        return found

    def _values(self, table: SpanTable) -> list[str]:
        texts = self._texts
        found = [texts.get(one, one) for one in table.values]
        if self._names:
            for start, names in zip(table.starts(), table.names, strict=False):
                for place in self._secret_places(names):
                    if found[start + place]:
                        found[start + place] = f"[{FIELD}]"
                        self._fields += 1
        return found

    def _secret_places(self, names: tuple[str, ...]) -> list[int]:
        if self._names.isdisjoint(names):
            return []
        return [place for place, name in enumerate(names) if name in self._names]

    def _details(self, details: tuple[Detail, ...]) -> tuple[Detail, ...]:
        return tuple(
            msgspec.structs.replace(one, attributes=self._attributes(one.attributes))
            for one in details
        )

    def _attributes(self, attributes: Attributes) -> Attributes:
        cleaned = {name: self._texts.get(value, value) for name, value in attributes.items()}
        for name in self._names.intersection(attributes):
            if attributes[name]:
                cleaned[name] = f"[{FIELD}]"
                self._fields += 1
        return cleaned
