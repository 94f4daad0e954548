"""For how many lines does one count that was kept of several?"""

from __future__ import annotations

from tocsin.model.logs import LogRecord

SAMPLED = "tocsin.sampled"
"""The attribute that says so to whoever reads the line."""
_MOST = (1 << 32) - 1
_MOST_KINDS = 20_000


class Sampler:
    """Keeps one of several lines of a service and level, the first one among them. A kept line
    stands for itself and for those that were left out since the one before, so that sums of weights
    are never too large, and lag behind by less than one sample."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int], tuple[int, int]] = {}

    def keeps(self, record: LogRecord, one_of: int) -> bool:
        """Whether it is kept; then it says how many lines it stands for."""
        kind = (record.service, record.level)
        found = self._waiting.get(kind)
        if found is None and len(self._waiting) >= _MOST_KINDS:
            self._waiting.clear()
        if found is None:
            self._waiting[kind] = (0, 0)
            return True
        lines, weight = found[0] + 1, found[1] + record.weight
        if lines < one_of:
            self._waiting[kind] = (lines, weight)
            return False
        self._waiting[kind] = (0, 0)
        _weigh(record, weight)
        return True

    def passes(self, record: LogRecord) -> None:
        """A line that is kept anyway, while others of its kind may wait: it takes them over."""
        kind = (record.service, record.level)
        found = self._waiting.pop(kind, None)
        if found is not None and found[1]:
            _weigh(record, found[1] + record.weight)


def _weigh(record: LogRecord, weight: int) -> None:
    record.weight = min(weight, _MOST)
    record.attributes[SAMPLED] = str(record.weight)
