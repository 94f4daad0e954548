"""What should the reader of a result know that is no error? Prometheus's warnings and infos."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tocsin.query.promql.ast import Pos

_DOCS = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


def go_float(value: float) -> str:
    """A number as Go's %g or %v writes it."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(float(value))
    if "e" not in text:
        text = text.removesuffix(".0")
        digits = text.lstrip("-").lstrip("0.").replace(".", "")
        if abs(value) < 1e21 or not digits:
            return text
    mantissa, _, exponent = f"{float(value)!r}".partition("e")
    power = int(exponent or 0)
    return f"{mantissa.removesuffix('.0')}e{'-' if power < 0 else '+'}{abs(power):02d}"


@dataclass(slots=True)
class _Forced:
    """Where and how much buckets were raised so that they rise."""

    lowest: float
    highest: float
    difference: float
    samples: int
    first_ms: int
    last_ms: int


class Annotations:
    """Collects texts once each, with the place in the query they speak of."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}
        self._forced: dict[tuple[str, int], _Forced] = {}

    def warn(self, text: str, pos: Pos) -> None:
        """Add a warning: the result is probably not what was meant."""
        self._warnings[f"PromQL warning: {text} ({self._place(pos)})"] = None

    def warn_plain(self, text: str) -> None:
        """Add a warning of the store."""
        self._warnings[text] = None

    def info(self, text: str, pos: Pos) -> None:
        """Add an info: worth a look."""
        self._infos[f"PromQL info: {text} ({self._place(pos)})"] = None

    def quantile(self, value: float, pos: Pos) -> None:
        """Warn when a quantile is not between 0 and 1."""
        if not 0 <= value <= 1:
            text = f"quantile value should be between 0 and 1, got {go_float(value)}"
            self.warn(text, pos)

    def forced(
        self,
        metric: str,
        pos: Pos,
        buckets: tuple[float, float],
        difference: float,
        times: tuple[int, int, int],
    ) -> None:
        """Say that `times[0]` samples between two times had buckets that fell, and how much."""
        samples, first_ms, last_ms = times
        known = self._forced.get((metric, pos.start))
        if known is None:
            self._forced[metric, pos.start] = _Forced(
                buckets[0], buckets[1], difference, samples, first_ms, last_ms
            )
            return
        known.lowest = min(known.lowest, buckets[0])
        known.highest = max(known.highest, buckets[1])
        known.difference = max(known.difference, difference)
        known.samples += samples
        known.first_ms = min(known.first_ms, first_ms)
        known.last_ms = max(known.last_ms, last_ms)

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings in the order in which they arose."""
        return tuple(self._warnings)

    @property
    def infos(self) -> tuple[str, ...]:
        """All infos."""
        texts = [self._forced_text(*item) for item in self._forced.items()]
        return (*self._infos, *texts)

    def _forced_text(self, key: tuple[str, int], forced: _Forced) -> str:
        metric, start = key
        name = f' for metric name "{metric}"' if metric else ""
        return (
            "PromQL info: input to histogram_quantile needed to be fixed for monotonicity "
            f"(see {_DOCS}){name}, from buckets {go_float(forced.lowest)} to "
            f"{go_float(forced.highest)}, with a max diff of {forced.difference:.2g}, over "
            f"{forced.samples} samples from {_rfc3339(forced.first_ms)} to "
            f"{_rfc3339(forced.last_ms)} ({self._place(Pos(start))})"
        )

    def _place(self, pos: Pos) -> str:
        before = self._query[: pos.start]
        line_start = before.rfind("\n") + 1
        column = len(before[line_start:].encode("utf-8", "surrogateescape")) + 1
        return f"{before.count(chr(10)) + 1}:{column}"


def _rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
