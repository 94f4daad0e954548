"""What would rules change? Tried on lines that were kept, before the rules are in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.ingest.logs.pipeline import Pipeline, RuleTally
from tocsin.ingest.logs.pipeline_config import RuleConfig
from tocsin.kit.clock import Clock
from tocsin.model.logs import LogRecord, level_name

_EXAMPLES = 50


@dataclass(frozen=True, slots=True)
class Difference:
    """A field before and after; nothing on either side means that it is not there."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Example:
    """A line that would be another one, or none."""

    body: str
    service: str
    level: str
    dropped: bool
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What became of the lines. `seconds` is what the rules took, bytes are of texts."""

    lines: int
    changed: int
    dropped: int
    bytes_before: int
    bytes_after: int
    seconds: float
    counted: int
    """How many sets of labels would be counted."""
    tallies: dict[str, RuleTally]
    examples: Sequence[Example]

    @property
    def seconds_per_million(self) -> float:
        """What a million lines would take."""
        return self.seconds / self.lines * 1e6 if self.lines else 0.0


def rehearse(rules: Sequence[RuleConfig], records: Sequence[LogRecord], clock: Clock) -> Rehearsal:
    """Run rules over copies of lines; nothing is counted and nothing kept."""
    pipeline = Pipeline(rules, clock)
    changed = dropped = after = 0
    examples: list[Example] = []
    began = clock.monotonic()
    copies = [_copy(one) for one in records]
    kept = {id(one) for one in pipeline(list(copies))}
    seconds = clock.monotonic() - began
    for old, new in zip(records, copies, strict=True):
        is_dropped = id(new) not in kept
        differences = [] if is_dropped else list(_differences(old, new))
        dropped += is_dropped
        changed += bool(differences)
        after += 0 if is_dropped else _size(new)
        if (is_dropped or differences) and len(examples) < _EXAMPLES:
            level = level_name(old.level)
            examples.append(Example(old.body, old.service, level, is_dropped, differences))
    return Rehearsal(
        lines=len(records),
        changed=changed,
        dropped=dropped,
        bytes_before=sum(map(_size, records)),
        bytes_after=after,
        seconds=seconds,
        counted=len(pipeline.counts.values),
        tallies=pipeline.tallies,
        examples=examples,
    )


def _copy(record: LogRecord) -> LogRecord:
    return msgspec.structs.replace(record, attributes=dict(record.attributes))


def _size(record: LogRecord) -> int:
    return len(record.body) + len(record.original)


def _differences(old: LogRecord, new: LogRecord) -> Iterable[Difference]:
    for name in ("body", "service", "severity", "host", "environment", "source", "user_id"):
        before, after = str(getattr(old, name)), str(getattr(new, name))
        if before != after:
            yield Difference("message" if name == "body" else name, before, after)
    if old.ts_ns != new.ts_ns:
        yield Difference("time", str(old.ts_ns), str(new.ts_ns))
    if old.level != new.level:
        yield Difference("level", level_name(old.level), level_name(new.level))
    for name in sorted(old.attributes.keys() | new.attributes.keys()):
        before, after = old.attributes.get(name, ""), new.attributes.get(name, "")
        if before != after:
            yield Difference(name, before, after)
