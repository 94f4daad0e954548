"""Which series belong together? Label sets cut down to some labels, numbered, once per query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.model.labels import NAME, Labels
from tocsin.query.promql.matrix import Ints, only, without
from tocsin.query.promql.quoting import quote


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """`codes[i]` is the group of series i; `labels[code]` the labels that its members share."""

    codes: Ints
    labels: list[Labels]

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.labels)


class LabelSets:
    """Remembers, while one query runs, how series were grouped: labels are hashed only once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, tuple[str, ...], bool], tuple[Sequence[Labels], Groups]] = {}

    def groups(self, labels: Sequence[Labels], names: tuple[str, ...], *, excluded: bool) -> Groups:
        """Series grouped by the labels in `names`, or by all others but the metric's name."""
        key = id(labels), names, excluded
        known = self._known.get(key)
        if known is not None:
            return known[1]
        groups = _grouped(labels, names, excluded=excluded)
        # Holding the sequence keeps its id from being given to another one.
        self._known[key] = labels, groups
        return groups


def _grouped(labels: Sequence[Labels], names: tuple[str, ...], *, excluded: bool) -> Groups:
    if not excluded and not names:
        return Groups(np.zeros(len(labels), np.int64), [()] if labels else [])
    places: dict[Labels, int] = {}
    if excluded:
        hidden = frozenset((*names, NAME))
        codes = [places.setdefault(without(one, hidden), len(places)) for one in labels]
    else:
        shown = frozenset(names)
        codes = [places.setdefault(only(one, shown), len(places)) for one in labels]
    return Groups(np.array(codes, np.int64), list(places))


def text(labels: Labels) -> str:
    """A label set as Prometheus prints it: `{job="api", path="/"}`."""
    return "{" + ", ".join(f"{_name(name)}={quote(value)}" for name, value in labels) + "}"


def _name(name: str) -> str:
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if plain else quote(name)
