"""What becomes of a line in a pipeline? Stages as functions, run over batches in threads."""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.model.labels import Matcher, MatchOp
from tocsin.query.logql import ast, parsers, templates
from tocsin.query.logql.faults import LogqlError
from tocsin.query.logql.labels import same_level
from tocsin.query.logql.parsers import DETAILS, ERROR, pattern_regex
from tocsin.query.logql.units import bytes_of, seconds_of

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_IPS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|(?<![0-9a-fA-F:])[0-9a-fA-F:]*:[0-9a-fA-F:.]+")
"""An address is not looked for within a run of its letters: long ones are no addresses."""
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(slots=True)
class Entry:
    """A line on its way; changed by the stages. `parsed` names labels that were found in it."""

    ts_ns: int
    line: str
    labels: dict[str, str]
    parsed: set[str] = field(default_factory=set)
    value: float | None = None


Step = Callable[[Entry], bool]
"""Changes an entry; False leaves it out."""


def compiled(stages: Sequence[ast.Stage]) -> Step:
    """A pipeline as one function. Raises LogqlError for a stage that cannot be run."""
    try:
        steps = [_step(one) for one in stages]
    except Rejected as error:
        raise LogqlError(str(error)) from error

    def run(entry: Entry) -> bool:
        return all(step(entry) for step in steps)

    return run


def _step(stage: ast.Stage) -> Step:
    match stage:
        case ast.LineFilter():
            test = line_test(stage)
            return lambda entry: test(entry.line)
        case ast.LabelFilter(condition):
            return _condition(condition)
        case ast.Parser():
            return _parser(stage)
        case ast.LineFormat(template):
            return _line_format(template)
        case ast.LabelFormat(changes):
            return _label_format(changes)
        case ast.Chosen():
            return _chosen(stage)
        case ast.Decolorize():
            return _decolorize
    return _unwrap(stage)


def line_test(stage: ast.LineFilter) -> Callable[[str], bool]:
    """Whether a line passes a filter."""
    if stage.is_ip:
        tests = [_ip_in_text(text) for text in stage.texts]
    elif stage.op in ("|=", "!="):
        tests = [lambda line, text=text: text in line for text in stage.texts]  # type: ignore[misc]  # a text each
    else:
        patterns = [
            pattern_regex(text) + "$" if stage.op.endswith(">") else text for text in stage.texts
        ]
        searches = [compile_pattern(one).search for one in patterns]
        tests = [lambda line, find=find: find(line) is not None for find in searches]  # type: ignore[misc]  # a pattern each
    if stage.excludes:
        return lambda line: not any(test(line) for test in tests)
    return lambda line: any(test(line) for test in tests)


def _ip_in_text(network: str) -> Callable[[str], bool]:
    inside = _network(network)
    return lambda line: any(inside(one) for one in _IPS.findall(line))


def _network(text: str) -> Callable[[str], bool]:
    first, _, last = text.partition("-")
    try:
        if last:
            low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
            return lambda one: (ip := _ip(one)) is not None and _between(low, ip, high)
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise Rejected(f"ip: {text!r} is no address, range or network") from error
    return lambda one: (ip := _ip(one)) is not None and ip in network


def _between(low: Any, ip: Any, high: Any) -> bool:  # addresses of either kind
    return low.version == ip.version == high.version and bool(low <= ip <= high)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _condition(condition: ast.Condition) -> Step:
    match condition:
        case ast.Text(matcher):
            return lambda entry: matches(matcher, entry.labels.get(matcher.name, ""))
        case ast.Number():
            return _number(condition)
        case ast.Address(label, op, network):
            inside = _network(network)
            wanted = op == "="
            return lambda entry: inside(entry.labels.get(label, "")) is wanted
        case ast.Both(left, right):
            one, other = _condition(left), _condition(right)
            return lambda entry: one(entry) and other(entry)
    one, other = _condition(condition.left), _condition(condition.right)
    return lambda entry: one(entry) or other(entry)


def matches(matcher: Matcher, value: str) -> bool:
    """Whether a label's value is wanted; levels by any of their spellings."""
    if matcher.name in ("level", "detected_level") and value != matcher.value:
        if matcher.op is MatchOp.EQUAL:
            return same_level(matcher.value, value)
        if matcher.op is MatchOp.NOT_EQUAL:
            return not same_level(matcher.value, value)
    return matcher.matches(value)


def _number(condition: ast.Number) -> Step:
    compare = _COMPARE[condition.op]
    read = {"": _plain, "duration": seconds_of, "bytes": bytes_of}[condition.unit]

    def step(entry: Entry) -> bool:
        text = entry.labels.get(condition.label)
        if text is None:
            return False
        value = read(text)
        if value is None:
            entry.labels.setdefault(ERROR, "LabelFilterErr")
            entry.labels.setdefault(DETAILS, f"{text[:60]!r} is no number")
            return True  # as Loki has it: what could not be judged is shown with its error
        return compare(value, condition.value)

    return step


def _plain(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _parser(stage: ast.Parser) -> Step:
    parse = parsers.compiled(stage)

    def step(entry: Entry) -> bool:
        found = parse(entry.line)
        if found.error:
            entry.labels[ERROR] = found.error
        if found.line is not None:
            entry.line = found.line
        for name, value in found.labels.items():
            own = entry.labels.get(name)
            if own is None or name in entry.parsed:
                entry.labels[name] = value
                entry.parsed.add(name)
            elif own != value:
                entry.labels[f"{name}_extracted"] = value
                entry.parsed.add(f"{name}_extracted")
        return True

    return step


def _line_format(template: str) -> Step:
    render = templates.compiled(template)

    def step(entry: Entry) -> bool:
        try:
            entry.line = render(entry.labels, entry.line, entry.ts_ns)
        except Rejected as error:
            entry.labels[ERROR] = "TemplateFormatErr"
            entry.labels[DETAILS] = str(error)[:200]
        return True

    return step


def _label_format(changes: Sequence[tuple[str, str, bool]]) -> Step:
    made = [
        (name, templates.compiled(source) if is_template else None, source)
        for name, source, is_template in changes
    ]

    def step(entry: Entry) -> bool:
        before = dict(entry.labels)
        for name, render, source in made:
            if render is None:
                if source in before:
                    entry.labels.pop(source, None)
                    entry.labels[name] = before[source]
            else:
                try:
                    entry.labels[name] = render(before, entry.line, entry.ts_ns)
                except Rejected:
                    entry.labels[ERROR] = "TemplateFormatErr"
            entry.parsed.add(name)
        return True

    return step


def _chosen(stage: ast.Chosen) -> Step:
    names = frozenset(stage.names)
    by_name = {one.name: one for one in stage.matchers}

    def is_named(name: str, value: str) -> bool:
        return name in names or (name in by_name and by_name[name].matches(value))

    def drop(entry: Entry) -> bool:
        entry.labels = {n: v for n, v in entry.labels.items() if not is_named(n, v)}
        return True

    def keep(entry: Entry) -> bool:
        entry.labels = {
            n: v for n, v in entry.labels.items() if is_named(n, v) or n in (ERROR, DETAILS)
        }
        return True

    return drop if stage.kind == "drop" else keep


def _decolorize(entry: Entry) -> bool:
    entry.line = _COLOURS.sub("", entry.line)
    return True


def _unwrap(stage: ast.Unwrap) -> Step:
    read = {"": _plain, "duration": seconds_of, "bytes": bytes_of}[stage.convert]

    def step(entry: Entry) -> bool:
        text = entry.labels.pop(stage.label, None)
        entry.value = read(text) if text is not None else None
        if text is not None and entry.value is None:
            entry.labels[ERROR] = "SampleExtractionErr"
        return text is not None

    return step
