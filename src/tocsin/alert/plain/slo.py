"""How good must a service be, and how much may fail? What stands under `slos` of `tocsin.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec

from tocsin.alert.plain.indicators import failed_and_all, slower_and_all
from tocsin.alert.plain.narrow import narrowed
from tocsin.alert.plain.unparenthesised import unparenthesised
from tocsin.alert.rules.rule_file import RuleFileError, expression
from tocsin.kit.document import ConfigError, Document, Entries, Items, Place, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.yaml import decode
from tocsin.model.labels import NAME, Labels
from tocsin.query.promql import ast
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text

_DAY = 86_400
_SHORTEST = 7 * _DAY
_LONGEST = 90 * _DAY
_FAILURES = ("error_rate", "success_rate", "availability")
_TIMES = ("response_time", "latency")
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
_OURS = frozenset((NAME, "slo", "alertname", "severity", "window"))
_LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"


class Objective(float):
    """The share that must be good, written `99.9%`."""

    __slots__ = ()
    EXPECTED = "a share such as 99.9%"

    @classmethod
    def from_config(cls, text: str) -> Objective:
        """Raises Rejected when it is not between 0 and 100 %, both left out."""
        number, percent = text.strip(), text.strip().endswith("%")
        try:
            value = float(number.removesuffix("%")) / (100 if percent else 1)
        except ValueError:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}") from None
        if not percent and 1 < value < 100:
            raise Rejected(f"expected {cls.EXPECTED}; write {text}%")
        if not 0 < value < 1:
            words = "at 100% nothing may ever fail" if value == 1 else "it must be below 100%"
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}: {words}")
        return cls(round(value, 12))


class SloEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One objective. Give `total` with `good` or `bad`, or an `indicator`."""

    name: Annotated[str, msgspec.Meta(pattern=_NAME)] = ""
    """Letters, digits, dots, dashes and underscores; in a mapping the key."""
    objective: Objective
    """The share that must be good."""
    window: Duration = Duration(30 * _DAY)
    """The time over which the budget counts: 7d to 90d."""
    good: str = ""
    """A counter such as `http_requests_total{code!~"5.."}`, or PromQL that gives a rate."""
    bad: str = ""
    """The same of what failed."""
    total: str = ""
    """The same of everything."""
    indicator: str = ""
    """`error_rate`, or `response_time` with `below`; `error_rate{service="api"}` narrows it."""
    below: Duration = Duration(0)
    """How long an answer may take to be good: the bound of a bucket of the histogram."""
    by: tuple[Annotated[str, msgspec.Meta(pattern=_LABEL)], ...] = ()
    """Labels, such as `service`: a budget for each of their values."""
    severity: str = "critical"
    """Of the alerts that the budget will be used up within hours or days."""
    ticket_severity: str = "medium"
    """Of the alerts that it will be used up before its time."""
    about: str = ""
    """What it promises, in a sentence."""
    runbook: str = ""
    labels: dict[str, str] = {}
    """Go to its series and alerts."""


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective, ready to be evaluated: `bad` and `total` give events of a second."""

    name: str
    objective: float
    window_ms: int
    bad: str
    total: str
    severity: str
    ticket_severity: str
    about: str
    runbook: str
    labels: Labels
    place: Place

    @property
    def budget(self) -> float:
        """The share that may fail."""
        return round(1 - self.objective, 12)


def read_slos(document: Document | None) -> list[Slo]:
    """Every objective in its order. Raises RuleFileError with every mistake."""
    problems: list[ConfigError] = []
    found: list[Slo] = []
    seen: set[str] = set()
    for key, part in _listed(document, problems):
        try:
            slo = _slo(part, key, problems)
        except ConfigError as error:
            problems.append(error)
            continue
        if slo.name in seen:
            problems.append(part.error(f"the name {slo.name!r} is given twice", "name"))
        seen.add(slo.name)
        found.append(slo)
    if problems:
        raise RuleFileError(problems)
    return found


def _listed(
    document: Document | None, problems: list[ConfigError]
) -> Iterator[tuple[str, Document]]:
    if document is None or document.data is None:
        return
    node = document.node
    if not isinstance(node, (Items, Entries)):
        problems.append(document.error("expected a list of objectives, or them by their names"))
        return
    steps: list[str | int] = [*range(len(node.nodes))]
    if isinstance(node, Entries):
        steps = [*node.nodes]
    for step in steps:
        part = document.get(step)
        if part is not None:
            yield step if isinstance(step, str) else "", part


def _slo(part: Document, key: str, problems: list[ConfigError]) -> Slo:
    entry = decode(part, SloEntry)
    name = entry.name or key
    if not name:
        problems.append(part.error("the objective has no name", "name"))
    if not _SHORTEST <= entry.window <= _LONGEST:
        problems.append(part.error("expected a window of 7d to 90d", "window"))
    problems.extend(
        part.error(f"the label {label!r} is set by Tocsin", "labels", label)
        for label in entry.labels
        if label in _OURS
    )
    bad, total = _indicated(part, entry) if entry.indicator else _counted(part, entry, problems)
    return Slo(
        name=name,
        objective=float(entry.objective),
        window_ms=entry.window.ms,
        bad=_canonical(bad, entry.by),
        total=_canonical(total, entry.by),
        severity=entry.severity,
        ticket_severity=entry.ticket_severity,
        about=entry.about,
        runbook=entry.runbook,
        labels=tuple(sorted(entry.labels.items())),
        place=part.node.place,
    )


def _indicated(part: Document, entry: SloEntry) -> tuple[str, str]:
    """What failed and all, of an indicator."""
    if entry.good or entry.bad or entry.total:
        raise part.error("give an indicator, or good and total, not both", "indicator")
    try:
        selector = parse(entry.indicator)
    except ParseError as error:
        raise part.error(f"expected an indicator's name: {error}", "indicator") from error
    name = selector.name if isinstance(selector, ast.VectorSelector) else ""
    if not isinstance(selector, ast.VectorSelector) or name not in (*_FAILURES, *_TIMES):
        known = ", ".join((*_FAILURES, *_TIMES))
        words = f"no objective can be made of {entry.indicator!r}; known: {known}"
        raise part.error(words, "indicator", nearest=nearest(name, (*_FAILURES, *_TIMES)))
    if (name in _TIMES) != bool(entry.below):
        words = "say how long a good answer takes: below: 300ms" if name in _TIMES else "remove it"
        raise part.error(words, "below" if entry.below else "indicator")
    bad, total = slower_and_all(float(entry.below)) if name in _TIMES else failed_and_all()
    matchers = tuple(one for one in selector.matchers if one.name != NAME)
    return (to_text(narrowed(parse(bad), matchers)), to_text(narrowed(parse(total), matchers)))


def _counted(part: Document, entry: SloEntry, problems: list[ConfigError]) -> tuple[str, str]:
    """What failed and all, of the expressions that are given."""
    if not entry.total or bool(entry.good) == bool(entry.bad):
        raise part.error("give total, and one of good and bad; or an indicator")
    total = _rate(part, "total", entry.total, problems)
    if entry.bad:
        return f"({_rate(part, 'bad', entry.bad, problems)}) or 0 * ({total})", total
    good = _rate(part, "good", entry.good, problems)
    return f"({total}) - (({good}) or 0 * ({total}))", total


def _rate(part: Document, key: str, text: str, problems: list[ConfigError]) -> str:
    """Events of a second: of a counter in the last five minutes, else as it is written."""
    before = len(problems)
    found = expression(part, text, problems, key)
    if len(problems) > before:
        return "vector(0)"
    if isinstance(parse(found), ast.VectorSelector):
        return f"sum(rate({found}[5m]))"
    return found


def _canonical(text: str, by: tuple[str, ...]) -> str:
    return to_text(unparenthesised(narrowed(parse(text), (), by)))
