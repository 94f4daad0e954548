"""The format of Prometheus's own PromQL tests, as far as our corpora use it.

A file is blocks between `clear`s. `load STEP` gives series as `name{label="x"} 1 2+3x4 _ stale`;
`eval instant at T QUERY` and `eval range from A to B step S QUERY` are followed by the expected
series or one number, and by `expect ordered`, `expect fail|warn|info [msg: …]`, `expect no_warn`,
`expect no_info`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.model.labels import Labels, MatchOp, make
from tocsin.model.samples import STALE
from tocsin.query.promql.durations import parse_duration
from tocsin.query.promql.parse import parse_selector

_INSTANT = re.compile(r"eval instant at (\S+) (.+)")
_RANGE = re.compile(r"eval range from (\S+) to (\S+) step (\S+) (.+)")
_EXPECT = re.compile(r"expect (\w+)(?: msg: ?(.+))?")
_RUN = re.compile(r"([+-]?(?:inf|nan|[\d.]+(?:e[+-]?\d+)?))([+-][\d.]+)?x(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Eval:
    """One query and what it must give."""

    file: str
    line: int
    query: str
    start_ms: int
    end_ms: int
    step_ms: int
    is_range: bool
    series: dict[Labels, list[float | None]] = field(default_factory=dict)
    order: list[Labels] = field(default_factory=list)
    scalar: float | None = None
    expects: dict[str, str] = field(default_factory=dict)
    data: dict[Labels, dict[int, float]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.query}"


def read(path: Path) -> Iterator[Eval]:
    """All evals of a file, each with the series that were loaded before it."""
    data: dict[Labels, dict[int, float]] = {}
    current: Eval | None = None
    step_ms = 0
    for number, raw in enumerate(path.read_text().splitlines(), 1):
        line = raw.split("#")[0].strip() if "#" in raw and '"' not in raw else raw.strip()
        if not line:
            continue
        if line == "clear" or line.startswith(("load ", "eval ")):
            if current is not None:
                yield current
            current = None
        if line == "clear":
            data = {}
        elif line.startswith("load "):
            step_ms = parse_duration(line.removeprefix("load ").strip())
        elif line.startswith("eval "):
            current = _eval(path.name, number, line, data)
        elif current is None:
            labels, points = _series(line)
            loaded = {at * step_ms: v for at, v in enumerate(points) if v is not None}
            data = {**data, labels: loaded}
        else:
            _expectation(current, line)
    if current is not None:
        yield current


def _eval(file: str, number: int, line: str, data: dict[Labels, dict[int, float]]) -> Eval:
    if instant := _INSTANT.match(line):
        at = parse_duration(instant[1])
        return Eval(file, number, instant[2], at, at, 1000, False, data=data)
    matched = _RANGE.match(line)
    if matched is None:
        raise ValueError(f"{file}:{number}: {line!r} is no eval")
    start, end, step = (parse_duration(matched[place]) for place in (1, 2, 3))
    return Eval(file, number, matched[4], start, end, step, True, data=data)


def _expectation(current: Eval, line: str) -> None:
    if matched := _EXPECT.fullmatch(line):
        current.expects[matched[1]] = matched[2] or ""
        return
    if re.fullmatch(r"[+-]?(?:inf|nan|[\d.]+(?:e[+-]?\d+)?)", line, re.IGNORECASE):
        current.scalar = float(line)
        return
    labels, points = _series(line)
    current.series[labels] = points
    current.order.append(labels)


def _series(line: str) -> tuple[Labels, list[float | None]]:
    selector, _, points = line.rpartition("}") if "}" in line else line.partition(" ")
    selector = f"{selector}}}" if "}" in line else selector
    matchers = parse_selector(selector) if selector != "{}" else ()
    if any(matcher.op is not MatchOp.EQUAL for matcher in matchers):
        raise ValueError(f"{line!r} is no series")
    return make((m.name, m.value) for m in matchers), list(_points(points))


def _points(text: str) -> Iterator[float | None]:
    for word in text.split():
        if word.startswith("_"):
            yield from [None] * int(word.partition("x")[2] or 1)
        elif word == "stale":
            yield STALE
        elif run := _RUN.fullmatch(word):
            for place in range(int(run[3]) + 1):
                yield float(run[1]) + place * float(run[2] or 0)
        else:
            yield float(word)
