"""Which series are made of events, and which tags may become labels?

An event `user_action` becomes `user_action` (its value, at its own time), and two counters at the
time of arrival: `user_action_events_total` (how many) and `user_action_value_sum` (their sum), so
that simultaneous events of many browsers add up instead of covering each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from tocsin.ingest import naming
from tocsin.ingest.config import DeriveConfig
from tocsin.kit.clock import Clock
from tocsin.model import labels as label_sets
from tocsin.model.events import Event
from tocsin.model.labels import NAME, Labels
from tocsin.model.samples import REFUSED, SampleBatch, SeriesIntake, batch_of

COUNT_SUFFIX = "_events_total"
SUM_SUFFIX = "_value_sum"

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ID_SHAPES = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"  # a UUID
    r"|[0-9a-f]{24,}"  # an object id, a digest
    r"|\d{12,}"  # a number of an account, a time in milliseconds
    r"|[a-z]+_[0-9a-z]{20,}"  # user_2abc…, sess_…
    r"|[0-7][0-9a-hjkmnp-tv-z]{25}"  # a ULID
    r"|[^@\s]+@[^@\s]+\.[^@\s]+"  # a mail address
    r"|[a-z][a-z0-9+.-]*://.*"  # a URL
    r"|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?",  # an IPv4 address
    re.IGNORECASE | re.DOTALL,
)
_ID_SEGMENT = re.compile(r"\d{4,}")
_BEFORE_MS = 15_000
"""How long before its first value a counter was zero: about the distance of two samples, so that
`increase` does not extrapolate the first event to more than one."""
_TOO_MANY = "too many counters of events at once (setting ingest.derive.max_series)"


@dataclass(slots=True)
class _Counted:
    """One counter pair; `count_ref` and `sum_ref` are given anew after a change of epoch."""

    count_ref: int
    sum_ref: int
    events: int = 0
    value: float = 0.0
    last: float = 0.0
    is_new: bool = True


class Derived:
    """Makes series of events; holds the running counts."""

    def __init__(self, series: SeriesIntake, config: DeriveConfig, clock: Clock) -> None:
        self._series = series
        self._config = config
        self._clock = clock
        self._drop = re.compile("|".join(translate(p.lower()) for p in config.drop_tags) or "(?!)")
        self._keep = frozenset(config.keep_tags)
        self._counted: dict[Labels, _Counted] = {}
        self._epoch = series.epoch

    def labels(self, event: Event) -> dict[str, str]:
        """The event's tags that may become labels, by label name."""
        found = {}
        for tag, value in event.attributes.items():
            name = naming.label_name(tag)
            if value and name and not name.startswith("__") and self._may(tag, value):
                found[name] = templated(value) if value.startswith("/") else value
        return found

    def series_of(self, events: Iterable[Event]) -> SampleBatch:
        """The samples of these events; what a limit keeps out is counted in `refused`."""
        self._renew()
        refs: list[int] = []
        ts: list[int] = []
        values: list[float] = []
        touched: dict[Labels, _Counted] = {}
        batch = batch_of([], [], [])
        for event in events:
            tags = self.labels(event)
            for name in self._names(event.name):
                labels = label_sets.from_mapping({**tags, NAME: name})
                ref = self._series.ref(labels)
                if ref == REFUSED:
                    batch.refused[self._series.why(labels)] += 1
                    continue
                refs.append(ref)
                ts.append(event.ts_ms)
                values.append(event.value)
            self._count(event, tags, touched, batch)
        now = self._clock.now_ms()
        for counted in touched.values():
            _write(counted, now, refs, ts, values)
        made = batch_of(refs, ts, values)
        made.refused = batch.refused
        return made

    def repeat(self) -> SampleBatch:
        """The counters as they stand, now; for the regular samples that `rate` needs."""
        self._renew()
        oldest = self._clock.monotonic() - self._config.forget
        alive = {key: counted for key, counted in self._counted.items() if counted.last >= oldest}
        self._counted = alive
        refs: list[int] = []
        ts: list[int] = []
        values: list[float] = []
        for counted in alive.values():
            _write(counted, self._clock.now_ms(), refs, ts, values)
        return batch_of(refs, ts, values)

    def _names(self, name: str) -> tuple[str, ...]:
        plain = naming.metric_name(name)
        return (plain, name) if plain != name and self._config.dotted_names else (plain,)

    def _may(self, tag: str, value: str) -> bool:
        name = snake(tag)
        if name in self._keep:
            return True
        if self._drop.match(name) or len(value) > self._config.max_value_length:
            return False
        return not (self._config.drop_values and _ID_SHAPES.fullmatch(value))

    def _count(
        self,
        event: Event,
        tags: Mapping[str, str],
        touched: dict[Labels, _Counted],
        batch: SampleBatch,
    ) -> None:
        name = naming.metric_name(event.name)
        key = label_sets.from_mapping({**tags, NAME: name})
        counted = self._counted.get(key)
        if counted is None:
            if len(self._counted) >= self._config.max_series:
                batch.refused[_TOO_MANY] += 1
                return
            counted = self._counted[key] = self._new(key)
        counted.events += 1
        counted.value += event.value
        counted.last = self._clock.monotonic()
        touched[key] = counted

    def _new(self, key: Labels) -> _Counted:
        pairs = dict(key)
        count_ref, sum_ref = (
            self._series.ref(label_sets.from_mapping({**pairs, NAME: pairs[NAME] + suffix}))
            for suffix in (COUNT_SUFFIX, SUM_SUFFIX)
        )
        return _Counted(count_ref, sum_ref)

    def _renew(self) -> None:
        """Ask for all refs again when those given out may no longer hold."""
        if self._series.epoch == self._epoch:
            return
        self._epoch = self._series.epoch
        for key, counted in self._counted.items():
            fresh = self._new(key)
            counted.count_ref, counted.sum_ref = fresh.count_ref, fresh.sum_ref


def _write(
    counted: _Counted, now_ms: int, refs: list[int], ts: list[int], values: list[float]
) -> None:
    for ref, value in (
        (counted.count_ref, float(counted.events)),
        (counted.sum_ref, counted.value),
    ):
        if ref == REFUSED:
            continue
        if counted.is_new:
            # A counter that starts at its first value would hide it from rate().
            refs.append(ref)
            ts.append(now_ms - _BEFORE_MS)
            values.append(0.0)
        refs.append(ref)
        ts.append(now_ms)
        values.append(value)
    counted.is_new = False


@lru_cache(maxsize=4096)
def snake(tag: str) -> str:
    """`userId` and `user-id` as `user_id`, to compare tags by."""
    return naming.label_name(_HUMP.sub("_", tag)).lower()


def templated(path: str) -> str:
    """A page's path without its query, segments that look like ids as `:id`."""
    plain = re.split(r"[?#]", path, maxsplit=1)[0]
    segments = [
        ":id" if _ID_SHAPES.fullmatch(part) or _ID_SEGMENT.fullmatch(part) else part
        for part in plain.split("/")
    ]
    return "/".join(segments)
