"""Which values are so wrong that they fire as they arrive?

What was pushed is looked at after it was kept, within the request. An alert fires once, is told
again while it goes on, and ends by itself when nothing has fired it for its quiet time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from tocsin.alert.rules.immediate_config import ImmediateRule
from tocsin.alert.rules.immediate_series import ImmediateSeries
from tocsin.alert.rules.ports import AlertSink
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.model.alerts import Alert
from tocsin.model.events import Event
from tocsin.model.labels import NAME, Labels, from_mapping, metric_name
from tocsin.model.samples import SampleBatch

_log = log.get("rules")
_fired = gauge.counter("immediate_alerts", "Values that fired as they arrived.", ("result",))

_MOST = 1_000
"""Immediate alerts at a time; what goes beyond is counted, not told."""
_NAMES_KEPT = 10_000
_PUT_SECONDS = 2.0
_WRITE_SECONDS = 15.0
_COUNTERS = ("_total", "_count", "_sum", "_bucket")
_UNKNOWN, _IGNORED = 0, 1


@dataclass(slots=True)
class _Live:
    starts_ms: int
    ends_ms: int


class Immediate:
    """Watches what is pushed. `labels_of` gives a ref's label set; refs hold for one `epoch`. `run`
    keeps the series ALERTS of what fires going, and ends them."""

    def __init__(
        self,
        sink: AlertSink,
        clock: Clock,
        labels_of: Callable[[int], Labels],
        epoch: Callable[[], int],
        series: ImmediateSeries,
    ) -> None:
        self._sink = sink
        self._series = series
        self._clock = clock
        self._labels_of = labels_of
        self._epoch_now = epoch
        self._external_url = ""
        self._live: dict[Labels, _Live] = {}
        self._set(())

    @property
    def protocols(self) -> frozenset[str]:
        """Where something is looked for; empty when nothing is."""
        return self._protocols

    async def run(self) -> None:
        """Write what fires every 15 s, for ever."""
        while True:
            await self._clock.sleep(_WRITE_SECONDS)
            self._drop_ended()
            self._series.all_firing(self._live, self._clock.now_ms())

    def configure(self, rules: Sequence[ImmediateRule], external_url: str) -> None:
        """Watch for these and no others; what fires already ends in its time."""
        self._external_url = external_url
        if tuple(rules) != self._rules:
            self._set(rules)

    def _set(self, rules: Sequence[ImmediateRule]) -> None:
        self._rules = tuple(rules)
        self._protocols = frozenset(one for rule in rules for one in rule.protocols)
        self._by_name: dict[str, tuple[ImmediateRule, ...]] = {}
        self._forget_refs()

    def _forget_refs(self) -> None:
        self._epoch = self._epoch_now()
        self._kinds: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._last: dict[int, float] = {}

    async def events(
        self, protocol: str, events: Iterable[Event], tags: Callable[[Event], Mapping[str, str]]
    ) -> None:
        """Look at events; `tags` are those of an event that may be told."""
        firing: dict[Labels, Alert] = {}
        for event in events:
            for rule in self._rules_of(event.name, protocol):
                if event.value > rule.above:
                    own = {"service": event.service, "environment": event.environment}
                    self._fire(firing, rule, event.name, own, event.value, tags(event))
        await self._tell(firing)

    async def samples(self, protocol: str, batch: SampleBatch) -> None:
        """Look at samples; those of counters fire by what they grow by."""
        if not len(batch):
            return
        if self._epoch_now() != self._epoch:
            self._forget_refs()
        kinds = self._kinds_of(batch.refs)
        firing: dict[Labels, Alert] = {}
        for place in np.flatnonzero(kinds > _IGNORED).tolist():
            ref, value = int(batch.refs[place]), float(batch.values[place])
            labels = self._labels_of(ref)
            name = metric_name(labels)
            if name.endswith(_COUNTERS):
                before = self._last.get(ref)
                self._last[ref] = value
                if before is None:
                    continue
                value = value - before if value >= before else value
            for rule in self._rules_of(name, protocol):
                if value > rule.above:
                    own = {key: text for key, text in labels if key != NAME}
                    self._fire(firing, rule, name, own, value, {})
        await self._tell(firing)

    def _rules_of(self, name: str, protocol: str) -> tuple[ImmediateRule, ...]:
        found = self._by_name.get(name)
        if found is None:
            if len(self._by_name) >= _NAMES_KEPT:
                self._by_name.clear()
            found = tuple(rule for rule in self._rules if fnmatchcase(name, rule.metric))
            self._by_name[name] = found
        return tuple(rule for rule in found if protocol in rule.protocols) if found else ()

    def _kinds_of(self, refs: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Which refs are watched; each is looked up once."""
        highest = int(refs.max())
        if highest >= len(self._kinds):
            grown = np.zeros(max(1024, 2 * highest + 1), np.uint8)
            grown[: len(self._kinds)] = self._kinds
            self._kinds = grown
        for ref in np.unique(refs[self._kinds[refs] == _UNKNOWN]).tolist():
            name = metric_name(self._labels_of(ref))
            is_watched = any(fnmatchcase(name, rule.metric) for rule in self._rules)
            self._kinds[ref] = _IGNORED + is_watched
        return self._kinds[refs]

    def _fire(
        self,
        firing: dict[Labels, Alert],
        rule: ImmediateRule,
        metric: str,
        own: Mapping[str, str],
        value: float,
        tags: Mapping[str, str],
    ) -> None:
        now = self._clock.now_ms()
        named = {**own, **rule.labels, "alertname": rule.name, "metric": metric}
        labels = from_mapping({**named, "severity": rule.severity})
        said = {
            "summary": rule.message or f"{metric} is {value:g}",
            "value": f"{value:g}",
            "description": ", ".join(f"{key}={text}" for key, text in sorted(tags.items())),
            "runbook_url": rule.runbook,
        }
        live = self._live.get(labels)
        is_going_on = live is not None and live.ends_ms > now
        firing[labels] = Alert(
            labels=labels,
            annotations=from_mapping(said),
            starts_ms=live.starts_ms if live is not None and is_going_on else now,
            ends_ms=now + rule.quiet.ms,
            updated_ms=now,
            generator_url=f"{self._external_url}/explore?a={metric.replace('.', '_')}",
            source="immediate",
        )

    async def _tell(self, firing: Mapping[Labels, Alert]) -> None:
        """Hand on what is new, or goes on for half its quiet time since it was told."""
        due = [one for one in firing.values() if self._is_due(one)]
        room = _MOST - len(self._live)
        if len(due) > room:
            self._drop_ended()
            room = _MOST - len(self._live)
        known = [one for one in due if one.labels in self._live]
        fresh = [one for one in due if one.labels not in self._live]
        if len(fresh) > max(0, room):
            _fired.labels("too_many").inc(len(fresh) - max(0, room))
        due = [*known, *fresh[: max(0, room)]]
        if not due:
            return
        try:
            async with asyncio.timeout(_PUT_SECONDS):
                await self._sink.put(due)
        except (Fault, TimeoutError) as error:
            _fired.labels("not_taken").inc(len(due))
            _log.warning("alerts_not_taken", rule="immediate", error=repr(error))
            return
        _fired.labels("told").inc(len(due))
        for one in due:
            self._live[one.labels] = _Live(one.starts_ms, one.ends_ms)
        self._series.fire((one.labels for one in due), self._clock.now_ms())

    def _is_due(self, one: Alert) -> bool:
        live = self._live.get(one.labels)
        if live is None:
            return True
        return one.ends_ms - live.ends_ms >= (one.ends_ms - one.updated_ms) / 2

    def _drop_ended(self) -> None:
        now = self._clock.now_ms()
        self._live = {key: one for key, one in self._live.items() if one.ends_ms > now}
