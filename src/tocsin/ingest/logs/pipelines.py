"""Which rules are in force: the configuration's, and those that people made on the page, with who
changed them when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol, TypeVar

import msgspec
import numpy as np

from tocsin.ingest.logs.pipeline import Counts, Pipeline, RuleTally
from tocsin.ingest.logs.pipeline_config import Rules, checked, read_rules
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.model.labels import Labels
from tocsin.model.logs import LogRecord
from tocsin.model.samples import SampleBatch

T = TypeVar("T")
SETTING = "log_pipelines"
_VERSIONS_KEPT = 50
_COUNT_SECONDS = 10.0
_LONGEST_TEXT = 200_000

_log = log.get("logs")
_lines = gauge.counter("log_rule_lines", "Lines that a rule was applied to.", ("rule",))
_dropped = gauge.counter("log_rule_dropped", "Lines that a rule left out.", ("rule",))
_seconds = gauge.counter("log_rule_seconds", "Time that a rule took.", ("rule",))


class Kept(Protocol):
    """Where versions are kept (`state.settings.Settings`)."""

    async def get(self, key: str, kind: type[T], default: T) -> T: ...
    async def set(self, key: str, value: object, *, by: str) -> None: ...


class Series(Protocol):
    """Gives label sets their refs (`ingest.limits.CardinalityGuard`)."""

    def ref(self, labels: Labels) -> int: ...


class Samples(Protocol):
    """Where counts go (`ingest.intake.Intake`)."""

    async def accept(self, protocol: str, batch: SampleBatch) -> object: ...


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The page's rules as they were written at one time; `at_ms` is since the epoch."""

    number: int
    text: str
    by: str
    at_ms: int
    note: str = ""


class Pipelines:
    """A step of the intake. `load` before lines come; `save` puts other rules in force at once."""

    def __init__(self, clock: Clock, kept: Kept, configured: Rules = ()) -> None:
        self._clock = clock
        self._kept = kept
        self._configured = configured
        self._made: Rules = ()
        self._counts = Counts()
        self._told: dict[str, RuleTally] = {}
        self._turn = asyncio.Lock()
        self.versions: tuple[Version, ...] = ()
        """The newest first."""
        self._pipeline = Pipeline((), clock, counts=self._counts)
        self._build()

    def __call__(self, records: list[LogRecord]) -> list[LogRecord]:
        """Apply the rules that are in force."""
        return self._pipeline(records)

    @property
    def configured(self) -> Rules:
        """The rules of the configuration, which come first."""
        return self._configured

    @property
    def text(self) -> str:
        """The page's rules as they are written."""
        return self.versions[0].text if self.versions else ""

    @property
    def tallies(self) -> Mapping[str, RuleTally]:
        """What each rule did since it came into force."""
        return self._pipeline.tallies

    async def load(self) -> None:
        """Read what people made. A version that cannot be read any more is logged and left out."""
        versions = await self._kept.get(SETTING, tuple[Version, ...], ())
        self.versions = versions
        try:
            self._made = read_rules(self.text)
            self._build()
        except Rejected as error:
            self._made = ()
            self._build()
            _log.error("log_rules_left_out", version=versions[0].number, error=str(error))

    def configure(self, configured: Rules) -> None:
        """Put the configuration's rules in force. Raises Rejected when a rule of the page has the
        same name as one of them."""
        checked((*configured, *self._made))
        if configured != self._configured:
            self._configured = configured
            self._build()

    def all_with(self, text: str) -> Rules:
        """The rules that would be in force with this text on the page. Raises Rejected."""
        if len(text) > _LONGEST_TEXT:
            raise Rejected(f"the rules have more than {_LONGEST_TEXT:,} characters")
        return checked((*self._configured, *read_rules(text)))

    async def save(self, text: str, *, by: str, note: str = "", seen: int | None = None) -> Version:
        """Keep another version and put it in force. Raises Rejected for rules with a mistake, or
        when somebody saved another version than the one that was `seen`."""
        async with self._turn:
            self.all_with(text)
            number = self.versions[0].number if self.versions else 0
            if seen is not None and seen != number:
                raise Rejected(f"somebody saved version {number} meanwhile; look at it first")
            version = Version(
                number=number + 1, text=text, by=by, at_ms=self._clock.now_ms(), note=note[:500]
            )
            versions = (version, *self.versions)[:_VERSIONS_KEPT]
            await self._kept.set(SETTING, versions, by=by)
            self.versions = versions
            self._made = read_rules(text)
            self._build()
            return version

    async def revert(self, number: int, *, by: str) -> Version:
        """Put an earlier version in force, as a new one. Raises NotFound."""
        for one in self.versions:
            if one.number == number:
                return await self.save(one.text, by=by, note=f"as version {number}")
        raise NotFound(f"version {number} of the rules is not kept, or not any more")

    async def run(self, samples: Samples, series: Series) -> None:
        """Write what rules counted as series, for ever."""
        while True:
            await self._clock.sleep(_COUNT_SECONDS)
            await self.flush(samples, series)

    async def flush(self, samples: Samples, series: Series) -> None:
        """Write the counts as they are now."""
        self._tell()
        counted = list(self._counts.values.items())
        if not counted:
            return
        now_ms = self._clock.now_ms()
        refs = [(series.ref(labels), value) for labels, value in counted]
        good = [(ref, value) for ref, value in refs if ref >= 0]
        batch = SampleBatch(
            np.array([ref for ref, _ in good], np.int64),
            np.full(len(good), now_ms, np.int64),
            np.array([value for _, value in good], np.float64),
        )
        try:
            await samples.accept("log_rules", batch)
        except Fault as error:
            _log.warning("log_counts_left_out", error=str(error))

    def _build(self) -> None:
        self._told = {}
        rules = checked((*self._configured, *self._made))
        self._pipeline = Pipeline(rules, self._clock, counts=self._counts)

    def _tell(self) -> None:
        for name, now in self._pipeline.tallies.items():
            told = self._told.get(name, RuleTally())
            _lines.labels(name).inc(now.lines - told.lines)
            _dropped.labels(name).inc(now.dropped - told.dropped)
            _seconds.labels(name).inc(max(0.0, now.seconds - told.seconds))
            self._told[name] = RuleTally(now.lines, now.dropped, now.seconds)
