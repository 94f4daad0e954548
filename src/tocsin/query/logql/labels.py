"""Which labels does a line have, and how is one read in SQL?

A stream's own labels are what Tocsin keeps of every line; all attributes are labels too, with
underscores for what a label's name cannot have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tocsin.model.labels import Matcher, MatchOp
from tocsin.model.logs import LogRecord, level_name, level_of
from tocsin.query.elastic.values import LEVEL_TEXT
from tocsin.query.logs.search import Line
from tocsin.store.literal import literal

LINE = "if(original = '', body, original)"
"""What LogQL takes for the line: the whole as it came."""
STREAM = ("service_name", "level", "source", "host", "environment")
"""The labels by which lines are told apart when nothing says otherwise."""

_COLUMNS = {
    "service_name": "service",
    "service": "service",
    "source": "source",
    "host": "host",
    "environment": "environment",
    "trace_id": "trace_id",
    "span_id": "span_id",
    "user_id": "user_id",
    "severity_text": "severity",
}
_BESIDE = {
    **dict.fromkeys(("app", "application", "job", "container", "component"), "service"),
    **dict.fromkeys(("hostname", "instance", "node"), "host"),
    **dict.fromkeys(("env", "deployment_environment"), "environment"),
    **dict.fromkeys(("index", "filename"), "source"),
    "severity": "severity",
}
"""Labels that other programs use: an attribute of that name, or what is kept in a column."""
_LEVELS = ("level", "detected_level")
_OTHER = re.compile(r"[^a-zA-Z0-9_]")
_SEVERITY = "lower(severity)"


def safe_name(name: str) -> str:
    """An attribute's name as a label's."""
    found = _OTHER.sub("_", name)
    return f"_{found}" if found[:1].isdigit() else found


def stream_of(line: Line | LogRecord) -> dict[str, str]:
    """The labels that are kept of every line, empty ones left out."""
    found = {
        "service_name": line.service,
        "level": line.severity.lower() or (level_name(line.level) if line.level else ""),
        "source": line.source,
        "host": line.host,
        "environment": line.environment,
    }
    return {name: value for name, value in found.items() if value}


def metadata_of(line: Line | LogRecord) -> dict[str, str]:
    """The other labels of a line: its ids and attributes."""
    found = {
        "detected_level": level_name(line.level),
        "severity_text": line.severity,
        "trace_id": line.trace_id,
        "span_id": line.span_id,
        "user_id": line.user_id,
    }
    found |= {safe_name(name): value for name, value in line.attributes.items()}
    return {name: value for name, value in found.items() if value}


def labels_of(line: Line | LogRecord) -> dict[str, str]:
    """All labels; those that a sender gave win."""
    return stream_of(line) | metadata_of(line)


def value_of(line: Line | LogRecord, name: str) -> str:
    """What a matcher compares: a label by any of the names that other programs give it."""
    labels = labels_of(line)
    return (labels | beside(line, labels, other_names((name,)))).get(name, "")


def beside(line: Line | LogRecord, labels: dict[str, str], names: Iterable[str]) -> dict[str, str]:
    """Those of the labels that the line does not have and that are other programs' names for what
    is kept of every line."""
    found = {}
    for name in names:
        if not labels.get(name):
            found[name] = line.service if name == "service" else getattr(line, _BESIDE[name])
    return found


def other_names(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that `beside` knows."""
    return tuple(name for name in names if name in _BESIDE or name == "service")


def line_of(line: Line | LogRecord) -> str:
    """The text that LogQL is about."""
    return line.original or line.body


def label_sql(name: str) -> str:
    """A label's value in SQL, empty when the line has none."""
    if name == "level":
        own = f"if(severity != '', {_SEVERITY}, {LEVEL_TEXT})"
        return f"if(attributes['level'] != '', attributes['level'], {own})"
    if name == "detected_level":
        return f"if(level = 0, 'unknown', {LEVEL_TEXT})"
    if name in _COLUMNS:
        return f"toString({_COLUMNS[name]})"
    places = [f"attributes[{literal(one)}]" for one in _attributes(name)]
    if name in _BESIDE:
        places.append(f"toString({_BESIDE[name]})")
    if len(places) == 1:
        return places[0]
    *others, last = places
    pairs = "".join(f"{place} != '', {place}, " for place in others)
    return f"multiIf({pairs}{last})"


def _attributes(name: str) -> list[str]:
    """Under which names an attribute may be kept that has this label."""
    names = [name]
    if "_" in name.strip("_"):
        names.append(name.replace("_", "."))
        head, _, tail = name.partition("_")
        names.append(f"{head}.{tail}")
    return list(dict.fromkeys(names))


def matcher_sql(matcher: Matcher) -> str:
    """A matcher as a condition in SQL."""
    if matcher.name in _LEVELS:
        return _level_sql(matcher)
    is_column = matcher.name in _COLUMNS
    value = _COLUMNS[matcher.name] if is_column else label_sql(matcher.name)
    return _compared(value, matcher)


def _compared(value: str, matcher: Matcher) -> str:
    text = literal(matcher.value)
    match matcher.op:
        case MatchOp.EQUAL:
            return f"{value} = {text}"
        case MatchOp.NOT_EQUAL:
            return f"{value} != {text}"
    pattern = literal(f"^(?s:{matcher.value})$")
    found = f"match({value}, {pattern})"
    return found if matcher.op is MatchOp.REGEX else f"NOT {found}"


def _level_sql(matcher: Matcher) -> str:
    """By any of its spellings: `warn` is `warning`, of whatever the sender made of it."""
    positive = Matcher(
        matcher.name,
        MatchOp.REGEX if matcher.op in (MatchOp.REGEX, MatchOp.NOT_REGEX) else MatchOp.EQUAL,
        matcher.value,
    )
    ways = [_compared(one, positive) for one in (LEVEL_TEXT, _SEVERITY, "attributes['level']")]
    number = level_of(matcher.value) if positive.op is MatchOp.EQUAL else 0
    if number:
        first = (number - 1) // 4 * 4 + 1
        ways = [f"level BETWEEN {first} AND {first + 3}"]
    found = f"({' OR '.join(ways)})"
    is_positive = matcher.op in (MatchOp.EQUAL, MatchOp.REGEX)
    return found if is_positive else f"NOT {found}"


def same_level(one: str, other: str) -> bool:
    """Whether two words mean the same level."""
    number = level_of(one)
    return number > 0 and (number - 1) // 4 == (level_of(other) - 1) // 4
