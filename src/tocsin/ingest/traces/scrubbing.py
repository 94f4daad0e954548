"""What must not be kept of spans? The secrets that are replaced in log lines too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from tocsin.ingest.logs.scrub import FIELD, Scrubber
from tocsin.model.spans import Span

Attributes = dict[str, str]


def scrub(scrubber: Scrubber, spans: Sequence[Span]) -> None:
    """Replace secrets in texts and attributes, in place.

    A text that many spans share is looked at once.
    """
    names: set[str] = set()
    for attributes in _every(spans):
        names.update(attributes)
    _Scrubbing(scrubber, scrubber.secret_names(names), _texts(scrubber, spans))(spans)


def _texts(scrubber: Scrubber, spans: Sequence[Span]) -> dict[str, str]:
    texts: set[str] = set()
    for attributes in _every(spans):
        texts.update(attributes.values())
    for span in spans:
        texts.add(span.name)
        if span.status_message:
            texts.add(span.status_message)
    return scrubber.replaced(sorted(texts))


def _every(spans: Sequence[Span]) -> Iterator[Attributes]:
    """Each map of attributes once; the spans of a resource share its own."""
    yield from {id(span.resource): span.resource for span in spans}.values()
    for span in spans:
        yield span.attributes
        for event in span.events:
            yield event.attributes
        for link in span.links:
            yield link.attributes


class _Scrubbing:
    """One batch, whose secret names and texts are known."""

    def __init__(self, scrubber: Scrubber, names: frozenset[str], texts: Mapping[str, str]) -> None:
        self._scrubber = scrubber
        self._names = names
        self._texts = texts
        self._resources: dict[int, Attributes] = {}
        self._fields = 0

    def __call__(self, spans: Sequence[Span]) -> None:
        if not self._names and not self._texts:
            return
        for span in spans:
            span.name = self._text(span.name)
            span.status_message = self._text(span.status_message)
            span.resource = self._resource(span.resource)
            span.attributes = self._attributes(span.attributes)
            span.events = tuple(
                msgspec.structs.replace(one, attributes=self._attributes(one.attributes))
                for one in span.events
            )
            span.links = tuple(
                msgspec.structs.replace(one, attributes=self._attributes(one.attributes))
                for one in span.links
            )
        if self._fields:
            self._scrubber.note_fields(self._fields)

    def _resource(self, resource: Attributes) -> Attributes:
        found = self._resources.get(id(resource))
        if found is None:
            found = self._resources[id(resource)] = self._attributes(resource)
        return found

    def _attributes(self, attributes: Attributes) -> Attributes:
        cleaned = {name: self._text(value) for name, value in attributes.items()}
        for name in self._names.intersection(attributes):
            if attributes[name]:
                cleaned[name] = f"[{FIELD}]"
                self._fields += 1
        return cleaned

    def _text(self, text: str) -> str:
        return self._texts.get(text, text)
