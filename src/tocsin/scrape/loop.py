"""One target: fetched on schedule, read, reported on, and ended properly."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tocsin.ingest.exposition import Exposed, ExpositionReader, Format, format_of
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Rejected, Temporary
from tocsin.model import labels as model
from tocsin.model.samples import REFUSED, STALE_BITS, SampleBatch, SeriesIntake
from tocsin.scrape.config import Job
from tocsin.scrape.fetch import Answer
from tocsin.scrape.http_options import HttpOptions
from tocsin.scrape.shape import shape_of
from tocsin.scrape.target import Target

_log = log.get("scrape")
_scrapes = gauge.counter("scrapes", "Scrapes by outcome.", ("outcome",))
_seconds = gauge.histogram("scrape_seconds", "Time that scrapes took, in seconds.")
_samples = gauge.counter("scrape_samples", "Samples read by scraping.")
_missed = gauge.counter("scrape_missed_intervals", "Intervals in which a target was not scraped.")

LARGEST_BODY_BYTES = 256 << 20
"""The limit where the configuration sets none."""

_ALIGN_SECONDS = 0.02
"""A scrape that starts so little late has the time it was due: regular times pack better."""

_METADATA_EVERY = 40
_ACCEPT = {
    "OpenMetricsText1.0.0": "application/openmetrics-text;version=1.0.0",
    "OpenMetricsText0.0.1": "application/openmetrics-text;version=0.0.1",
    "PrometheusText1.0.0": "text/plain;version=1.0.0",
    "PrometheusText0.0.4": "text/plain;version=0.0.4",
}


class SampleSink(Protocol):
    """Where samples go. It must not wait and must not change the batch's arrays."""

    def submit(self, batch: SampleBatch) -> bool:
        """Take the batch; False when it was dropped because too much waits already."""


class Getter(Protocol):
    """Where bodies come from: the network, or this process itself."""

    async def get(
        self,
        url: str,
        options: HttpOptions,
        headers: Mapping[str, str],
        *,
        timeout: float,
        limit_bytes: int,
    ) -> Answer:
        """As Fetcher.get."""


@dataclass(slots=True)
class TargetState:
    """What is known of a target, for pages and the API. Times are milliseconds and seconds."""

    target: Target
    health: Literal["up", "down", "unknown"] = "unknown"
    last_scrape_ms: int = 0
    last_duration_seconds: float = 0.0
    samples_scraped: int = 0
    samples_kept: int = 0
    body_bytes: int = 0
    error: str = ""
    """Why the last scrape failed; empty when it did not."""
    notices: tuple[str, ...] = ()
    """What was lost although the scrape went well: refused series by reason."""
    scrapes: int = 0
    failures: int = 0
    missed: int = 0


@dataclass(slots=True)
class _Outcome:
    exposed: Exposed | None = None
    body_bytes: int = 0
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all loops share."""

    clock: Clock
    getter: Getter
    intake: SeriesIntake
    sink: SampleSink
    gate: asyncio.Semaphore


@dataclass(slots=True)
class ScrapeLoop:
    """Scrapes one target until it is cancelled; `end` writes its staleness markers."""

    job: Job
    target: Target
    around: Surroundings
    forced_error: str = ""
    """Why the target is not asked at all although it is reported on."""
    state: TargetState = field(init=False)
    _reader: ExpositionReader = field(init=False)
    _epoch: int = field(init=False)
    _alive: NDArray[np.int64] | None = field(default=None, init=False)
    _counted: NDArray[np.int64] | None = field(default=None, init=False)
    _twice: int = field(default=0, init=False)
    _report_refs: dict[str, int] = field(default_factory=dict, init=False)
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.state = TargetState(self.target)
        self._reader = ExpositionReader(self.around.intake, shape_of(self.job, self.target.labels))
        self._epoch = self.around.intake.epoch
        self._headers = request_headers(self.job, self.target.timeout)

    async def run(self) -> None:
        """Scrape at `phase` of each interval of the wall clock, for ever."""
        clock, interval = self.around.clock, self.target.interval
        last_due = -math.inf
        while True:
            now = clock.now()
            due = next_due(now, interval, self.target.phase)
            if abs(due - last_due) < interval / 2:  # woken a little early: that one is done
                due += interval
            if last_due < due - 1.5 * interval and math.isfinite(last_due):
                missed = round((due - last_due) / interval) - 1
                self.state.missed += missed
                _missed.inc(missed)
            last_due = due
            await clock.sleep(due - now)
            at = clock.now()
            aligned = abs(at - due) <= min(_ALIGN_SECONDS, interval / 100)
            await self.scrape(round((due if aligned else at) * 1000))

    async def scrape(self, at_ms: int) -> None:
        """Scrape once and hand the samples on; never raises for what the target does."""
        async with self._busy:
            if self.around.intake.epoch != self._epoch:
                self._epoch = self.around.intake.epoch
                self._alive = None
                self._report_refs.clear()
            async with self.around.gate:
                outcome = await self._fetch(at_ms)
            self._note(outcome, at_ms)
            self._submit(outcome, at_ms)

    def end(self) -> None:
        """Mark all series of the target as ended, because it is scraped no more."""
        if self.around.intake.epoch != self._epoch:
            return
        reports = [ref for ref in self._report_refs.values() if ref >= 0]
        alive = self._alive if self._alive is not None else np.zeros(0, np.int64)
        refs = np.concatenate([alive, np.array(reports, np.int64)])
        if len(refs):
            self._hand_on(_stale(refs, self.around.clock.now_ms()))

    def inherit(self, before: ScrapeLoop) -> None:
        """Go on where a loop of the same target with other settings stopped."""
        self._alive, self._epoch = before._alive, before._epoch
        self._report_refs = before._report_refs
        self.state = before.state
        self.state.target = self.target

    async def _fetch(self, at_ms: int) -> _Outcome:
        outcome = _Outcome()
        start = self.around.clock.monotonic()
        limit = self.job.body_size_limit or LARGEST_BODY_BYTES
        try:
            if self.forced_error:
                raise Rejected(self.forced_error)
            answer = await self.around.getter.get(
                self.target.url,
                self.job.config,
                self._headers,
                timeout=self.target.timeout,
                limit_bytes=limit,
            )
            if answer.status != 200:
                raise Temporary(f"server returned HTTP status {answer.status}")
            outcome.body_bytes = len(answer.body)
            style = format_of(answer.content_type, fallback_of(self.job))
            exposed = await self._reader.read_kindly(
                answer.body,
                style,
                at_ms,
                honor_timestamps=self.job.config.honor_timestamps,
            )
            most = self.job.sample_limit
            outcome.exposed = exposed
            if most and exposed.kept > most:
                raise Rejected(f"sample_limit exceeded: {exposed.kept} samples, limit {most}")
        except Fault as error:
            outcome.error = str(error)
        outcome.seconds = self.around.clock.monotonic() - start
        return outcome

    def _note(self, outcome: _Outcome, at_ms: int) -> None:
        state, exposed = self.state, outcome.exposed
        state.scrapes += 1
        state.last_scrape_ms, state.last_duration_seconds = at_ms, outcome.seconds
        state.body_bytes = outcome.body_bytes
        state.samples_scraped = exposed.scraped if exposed else 0
        state.samples_kept = exposed.kept if exposed else 0
        state.notices = self._notices(exposed) if exposed else ()
        if outcome.error:
            if state.health != "down" or state.error != outcome.error:
                _log.info(
                    "scrape_failed", job=self.job.name, url=self.target.url, error=outcome.error
                )
            state.failures += 1
        state.health = "down" if outcome.error else "up"
        state.error = outcome.error
        _scrapes.labels("failed" if outcome.error else "ok").inc()
        _seconds.observe(outcome.seconds)
        _samples.inc(state.samples_scraped)

    def _notices(self, exposed: Exposed) -> tuple[str, ...]:
        """What of a body is lost: series not taken, and samples that stand in it twice."""
        batch = exposed.batch
        if batch.refs is not self._counted:
            self._counted = batch.refs
            self._twice = len(batch.refs) - len(np.unique(batch.refs))
        notices = [f"{count} series not taken: {why}" for why, count in batch.refused.items()]
        if self._twice and exposed.timed is None:
            notices.append(f"{self._twice} samples stand in the body twice: one each is kept")
        return tuple(notices)

    def _submit(self, outcome: _Outcome, at_ms: int) -> None:
        parts: list[SampleBatch] = []
        alive: NDArray[np.int64] | None = None
        if outcome.exposed is not None and not outcome.error:
            batch = outcome.exposed.batch
            alive = self._tracked(outcome.exposed)
            if self.state.scrapes % _METADATA_EVERY != 1 and not outcome.exposed.added:
                batch.metadata = []  # known already
            parts.append(batch)
        gone = _gone(self._alive, alive)
        if len(gone):
            parts.append(_stale(gone, at_ms))
        self._alive = alive
        parts.append(self._report(outcome, at_ms))
        self._hand_on(_joined(parts))

    def _tracked(self, exposed: Exposed) -> NDArray[np.int64]:
        """Series whose end is noticed: not those with their own times, unless asked for."""
        refs = exposed.batch.refs
        if exposed.timed is None or self.job.config.track_timestamps_staleness:
            return refs
        return refs[~exposed.timed]

    def _report(self, outcome: _Outcome, at_ms: int) -> SampleBatch:
        exposed = outcome.exposed
        values = {
            "up": 0.0 if outcome.error else 1.0,
            "scrape_duration_seconds": outcome.seconds,
            "scrape_samples_scraped": float(exposed.scraped if exposed else 0),
            "scrape_samples_post_metric_relabeling": float(exposed.kept if exposed else 0),
            "scrape_series_added": float(exposed.added if exposed and not outcome.error else 0),
        }
        if self.job.extra_metrics:
            too_large = outcome.error.startswith("the body is larger")
            values["scrape_timeout_seconds"] = self.target.timeout
            values["scrape_sample_limit"] = float(self.job.sample_limit)
            values["scrape_body_size_bytes"] = -1.0 if too_large else float(outcome.body_bytes)
        refs = np.array([self._report_ref(name) for name in values], np.int64)
        numbers = np.array(list(values.values()), np.float64)
        taken = refs != REFUSED
        times = np.full(int(taken.sum()), at_ms, np.int64)
        return SampleBatch(refs[taken], times, numbers[taken])

    def _report_ref(self, name: str) -> int:
        ref = self._report_refs.get(name)
        if ref is None:
            labels = model.make([(model.NAME, name), *self.target.labels])
            ref = self._report_refs[name] = self.around.intake.ref(labels)
        return ref

    def _hand_on(self, batch: SampleBatch) -> None:
        if not self.around.sink.submit(batch):
            self.state.error = "scraped, but not stored: too many samples wait to be written"
            _scrapes.labels("not_stored").inc()
            _log.warning("scrape_not_stored", job=self.job.name, url=self.target.url)


def next_due(now: float, interval: float, phase: float) -> float:
    """The first moment after `now` that lies at `phase` of an interval."""
    offset = interval * phase
    return (math.floor((now - offset) / interval) + 1) * interval + offset


def request_headers(job: Job, timeout: float) -> dict[str, str]:
    """What Prometheus sends with each scrape; protobuf is not offered."""
    kinds = [_ACCEPT[name] for name in job.protocols if name in _ACCEPT]
    weight = len(kinds) + 1
    offers = []
    for number, kind in enumerate(kinds):
        extra = f";escaping={job.escaping}" if "version=1.0.0" in kind else ""
        offers.append(f"{kind}{extra};q=0.{weight - number}")
    return {
        "Accept": ",".join([*offers, "*/*;q=0.1"]),
        "Accept-Encoding": "gzip" if job.config.enable_compression else "identity",
        "X-Prometheus-Scrape-Timeout-Seconds": f"{timeout:g}",
    }


def fallback_of(job: Job) -> Format | None:
    """The format taken when the target does not say which it sends."""
    name = job.config.fallback_scrape_protocol
    if not name:
        return None
    return Format.OPENMETRICS if name.startswith("OpenMetrics") else Format.TEXT


def _gone(before: NDArray[np.int64] | None, now: NDArray[np.int64] | None) -> NDArray[np.int64]:
    if before is None or before is now:
        return np.zeros(0, np.int64)
    if now is None:
        return np.unique(before)
    if np.array_equal(before, now):
        return np.zeros(0, np.int64)
    return np.setdiff1d(before, now)


def _stale(refs: NDArray[np.int64], at_ms: int) -> SampleBatch:
    markers = np.full(len(refs), STALE_BITS, np.uint64).view(np.float64)
    return SampleBatch(refs, np.full(len(refs), at_ms, np.int64), markers)


def _joined(parts: list[SampleBatch]) -> SampleBatch:
    return SampleBatch(
        np.concatenate([part.refs for part in parts]),
        np.concatenate([part.ts for part in parts]),
        np.concatenate([part.values for part in parts]),
        exemplars=[exemplar for part in parts for exemplar in part.exemplars],
        metadata=[metadata for part in parts for metadata in part.metadata],
    )
