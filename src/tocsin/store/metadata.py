"""What is known about each metric: its type, help and unit."""

from __future__ import annotations

from collections.abc import Iterable

from tocsin.kit import gauge
from tocsin.model.samples import Metadata

_MOST = 200_000
_left_out = gauge.counter("metadata_left_out", "Metadata not kept: too many metrics have some.")


class MetadataBook:
    """Metadata by metric, the newest of each type; several types mean that targets disagree."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Metadata]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def changed(self, entries: Iterable[Metadata]) -> list[Metadata]:
        """Those that say something new, the last word on each metric and type."""
        news: dict[tuple[str, str], Metadata] = {}
        for entry in entries:
            if self._known.get(entry.metric, {}).get(entry.type) == entry:
                news.pop((entry.metric, entry.type), None)
            elif entry.metric in self._known or len(self._known) < _MOST:
                news[entry.metric, entry.type] = entry
            else:
                _left_out.inc()
        return list(news.values())

    def record(self, entries: Iterable[Metadata]) -> None:
        """Know these from now on; the last one of a metric becomes its first."""
        for entry in entries:
            types = self._known.setdefault(entry.metric, {})
            types.pop(entry.type, None)
            types[entry.type] = entry

    def read(self, metric: str = "", limit: int = 0) -> dict[str, list[Metadata]]:
        """Of one metric, or of all (at most `limit` unless 0), sorted by name; newest first."""
        if metric:
            types = self._known.get(metric)
            return {metric: list(reversed(types.values()))} if types else {}
        names = sorted(self._known)
        chosen = names[:limit] if limit else names
        return {name: list(reversed(self._known[name].values())) for name in chosen}
