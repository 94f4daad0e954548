"""Rules over lines on their way in: what each does, in order, and what it cost."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from tocsin.ingest.logs.fields import flattened
from tocsin.ingest.logs.grok import pattern_of
from tocsin.ingest.logs.line_values import put, remove, value_of
from tocsin.ingest.logs.pipeline_config import (
    ActionConfig,
    CountConfig,
    ParseConfig,
    RedactConfig,
    RouteConfig,
    RuleConfig,
)
from tocsin.ingest.logs.weighing import Sampler
from tocsin.kit.clock import Clock
from tocsin.kit.regex import compile_pattern
from tocsin.model.logs import LogRecord
from tocsin.query.logs.match import matcher
from tocsin.query.logs.parse import parse

_LOOKED_AT = 64 << 10
"""So many characters of a text are parsed."""
_MOST_FIELDS = 200
_MOST_COUNTED = 10_000
_PAIR = re.compile(r'([A-Za-z_@][\w.@/-]{0,99})=("(?:[^"\\]|\\.)*"|[^\s"]*)', re.ASCII)
_PLACEHOLDER = re.compile(r"\{([\w.@-]{1,200})\}", re.ASCII)

Do = Callable[[LogRecord], bool]
"""Changes a line; whether it is kept."""
Labels = tuple[tuple[str, str], ...]

_decode = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(slots=True)
class RuleTally:
    """What a rule did since it came into force."""

    lines: int = 0
    dropped: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Counts:
    """Lines counted by rules: cumulative, by metric and labels."""

    values: dict[Labels, float] = field(default_factory=dict)
    left_out: int = 0

    def add(self, labels: Labels, weight: int) -> None:
        """Count a line, unless there are too many sets of labels."""
        if labels in self.values or len(self.values) < _MOST_COUNTED:
            self.values[labels] = self.values.get(labels, 0.0) + weight
        else:
            self.left_out += 1


class Pipeline:
    """Compiled rules; called with a batch at a time, in a thread."""

    def __init__(
        self, rules: Sequence[RuleConfig], clock: Clock, *, counts: Counts | None = None
    ) -> None:
        self._clock = clock
        self.counts = counts if counts is not None else Counts()
        self.tallies = {one.name: RuleTally() for one in rules if one.enabled}
        now_ns = clock.now_ms() * 1_000_000
        self._rules = [
            (self.tallies[one.name], matcher(parse(one.when), now_ns), self._acts(one))
            for one in rules
            if one.enabled
        ]

    def __call__(self, records: list[LogRecord]) -> list[LogRecord]:
        """The lines that are kept, changed."""
        for tally, test, acts in self._rules:
            began = self._clock.monotonic()
            kept = []
            for record in records:
                if not test(record):
                    kept.append(record)
                    continue
                tally.lines += 1
                if all(act(record) for act in acts):
                    kept.append(record)
                else:
                    tally.dropped += 1
            records = kept
            tally.seconds += self._clock.monotonic() - began
        return records

    def _acts(self, rule: RuleConfig) -> list[Do]:
        return [self._act(one) for one in rule.do]

    def _act(self, action: ActionConfig) -> Do:
        if action.parse is not None:
            return _parsing(action.parse)
        if action.rename is not None:
            return _renaming(action.rename)
        if action.set is not None:
            return _setting(action.set)
        if action.remove is not None:
            return _removing(action.remove)
        if action.redact is not None:
            return _redacting(action.redact)
        if action.route is not None:
            return _routing(action.route)
        if action.count is not None:
            return self._counting(action.count)
        if action.sample is not None:
            return _sampling(action.sample)
        return lambda _record: False

    def _counting(self, config: CountConfig) -> Do:
        fixed = (("__name__", config.metric), *config.labels.items())
        names = [(re.sub(r"\W", "_", name, flags=re.ASCII), name) for name in config.by]

        def act(record: LogRecord) -> bool:
            own = ((label, (value_of(record, name) or "")[:200]) for label, name in names)
            labels = tuple(sorted((*fixed, *((key, value) for key, value in own if value))))
            self.counts.add(labels, record.weight)
            return True

        return act


def _parsing(config: ParseConfig) -> Do:
    read = _reader(config)

    def act(record: LogRecord) -> bool:
        text = value_of(record, config.field)
        if text:
            for name, value in list(read(text[:_LOOKED_AT]).items())[:_MOST_FIELDS]:
                put(record, config.prefix + name, value)
        return True

    return act


def _reader(config: ParseConfig) -> Callable[[str], dict[str, str]]:
    match config.form:
        case "json":
            return _json
        case "logfmt":
            return lambda text: {one[1]: _unquoted(one[2]) for one in _PAIR.finditer(text)}
        case "key_value":
            return lambda text: _pairs(text, config.pairs, config.equals)
        case "regexp" | "grok":
            expression, names = pattern_of(config.pattern, is_grok=config.form == "grok")
            pattern = compile_pattern(expression)

            def read(text: str) -> dict[str, str]:
                found = pattern.search(text)
                groups = found.groupdict() if found else {}
                return {names[key]: value for key, value in groups.items() if value is not None}

            return read


def _json(text: str) -> dict[str, str]:
    start = text.find("{")
    if start < 0:
        return {}
    try:
        return flattened(_decode(text[start:].encode("utf-8", "replace")))
    except (msgspec.MsgspecError, RecursionError):
        return {}


def _pairs(text: str, between: str, equals: str) -> dict[str, str]:
    found = {}
    for pair in text.split(between):
        name, is_pair, value = pair.partition(equals)
        if is_pair and name.strip():
            found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(text: str) -> str:
    return text[1:-1].replace('\\"', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _renaming(names: dict[str, str]) -> Do:
    def act(record: LogRecord) -> bool:
        for old, new in names.items():
            value = value_of(record, old)
            if value is not None:
                remove(record, old)
                put(record, new, value)
        return True

    return act


def _setting(values: dict[str, str]) -> Do:
    def act(record: LogRecord) -> bool:
        for name, value in values.items():
            text = _PLACEHOLDER.sub(lambda found: value_of(record, found[1]) or "", value)
            put(record, name, text)
        return True

    return act


def _removing(names: Sequence[str]) -> Do:
    def act(record: LogRecord) -> bool:
        for name in names:
            remove(record, name)
        return True

    return act


def _redacting(config: RedactConfig) -> Do:
    """What is replaced anywhere is replaced in the original too, which has all fields."""

    def act(record: LogRecord) -> bool:
        for name in config.fields:
            value = value_of(record, name)
            if not value:
                continue
            changed = _replaced(value, config)
            if changed == value:
                continue
            original = record.original
            put(record, name, changed)
            record.original = _without(original, value, config)
        return True

    return act


def _replaced(text: str, config: RedactConfig) -> str:
    if not config.pattern:
        return config.by
    search, parts, at = compile_pattern(config.pattern).search, [], 0
    while (found := search(text, at)) is not None and found.end() > at:
        parts += [text[at : found.start()], config.by]
        at = found.end()
    return "".join(parts) + text[at:]


def _without(original: str, value: str, config: RedactConfig) -> str:
    if config.pattern:
        return _replaced(original, config)
    return original.replace(value, config.by)


def _routing(config: RouteConfig) -> Do:
    def act(record: LogRecord) -> bool:
        record.service = config.service or record.service
        record.environment = config.environment or record.environment
        record.source = config.source or record.source
        return True

    return act


def _sampling(one_of: int) -> Do:
    sampler = Sampler()
    return lambda record: sampler.keeps(record, one_of)
