"""What is wrong with a dashboard, before anybody looks at it?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tocsin.dashboard.words import BUILT_IN, filled, named_in
from tocsin.kit.fault import Rejected
from tocsin.model.dashboards import Dashboard, Panel, Variable
from tocsin.query.logs.parse import parse as parse_question
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse as parse_promql

_ASKS = ("graph", "stat", "gauge", "bars", "table", "heatmap")
_LONGEST, _LONGEST_EXAMPLE = 50_000, 200
"""A text that names a long value often would become many times as long."""
_OF_LOGS = ("logs", "log_counts")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that will not work: `panel` is its id, 0 for what belongs to none."""

    panel: int = 0
    title: str = ""
    words: str

    def __str__(self) -> str:
        where = f"panel {self.panel} {self.title!r}: " if self.panel else ""
        return f"{where}{self.words}"


def problems_of(dashboard: Dashboard) -> list[Problem]:
    """Everything that is found; none means that every query can at least be read."""
    values = {
        one.name: [each[:_LONGEST_EXAMPLE] for each in _example(one)] for one in dashboard.variables
    }
    known = {*values, *BUILT_IN}
    found = [problem for one in dashboard.variables for problem in _of_variable(one, known)]
    for panel in dashboard.panels:
        found += [
            Problem(panel=panel.id, title=panel.title, words=words)
            for words in _of_panel(panel, values, known)
        ]
    found += _overlaps(dashboard.panels)
    return found


def _example(variable: Variable) -> Sequence[str]:
    """A value that stands for those that are not known here."""
    if chosen := [one for one in variable.default if one != "$__all"]:
        return chosen[:1]
    if variable.options:
        return variable.options[:1]
    return ("1m",) if variable.source == "interval" else ("x",)


def _of_variable(one: Variable, known: set[str]) -> Iterable[Problem]:
    if one.name in BUILT_IN:
        yield Problem(words=f"the variable {one.name} has the name of one that is always there")
    if one.source == "query" and not one.query.strip():
        yield Problem(words=f"the variable {one.name} asks nothing; give it a query")
    for name in sorted(named_in(one.query) - known):
        yield Problem(words=f"the variable {one.name} names ${name}, which is not there")


def _of_panel(panel: Panel, values: Mapping[str, Sequence[str]], known: set[str]) -> Iterable[str]:
    texts = [panel.question, panel.matchers, panel.service, panel.title]
    if panel.kind in _ASKS:
        texts += [query.expr for query in panel.queries]
        if not panel.queries:
            yield "it asks nothing; give it a query"
    for name in sorted(set().union(*map(named_in, texts)) - known):
        yield f"it names ${name}, which is not among the variables"
    if panel.repeat and panel.repeat not in values:
        yield f"it is repeated for ${panel.repeat}, which is not among the variables"
    yield from _of_queries(panel, values)
    if panel.kind in _OF_LOGS:
        yield from _of_question(panel.question, values)


def _of_queries(panel: Panel, values: Mapping[str, Sequence[str]]) -> Iterable[str]:
    if panel.kind not in _ASKS:
        return
    for letter, query in zip("abcdefgh", panel.queries, strict=False):
        if len(query.expr) > _LONGEST:
            yield f"query {letter}: it has more than {_LONGEST:,} characters"
            continue
        try:
            parse_promql(filled(query.expr, values), experimental=True)
        except ParseError as error:
            yield f"query {letter}: {error}"


def _of_question(question: str, values: Mapping[str, Sequence[str]]) -> Iterable[str]:
    if len(question) > _LONGEST:
        yield f"the question: it has more than {_LONGEST:,} characters"
        return
    try:
        parse_question(filled(question, values))
    except Rejected as error:
        yield f"the question: {error}"


def _overlaps(panels: Sequence[Panel]) -> Iterable[Problem]:
    for index, one in enumerate(panels):
        for other in panels[index + 1 :]:
            if _touch(one, other):
                words = f"it lies on panel {other.id}; the lower one is moved down when shown"
                yield Problem(panel=one.id, title=one.title, words=words)


def _touch(a: Panel, b: Panel) -> bool:
    across = a.x < b.x + b.w and b.x < a.x + a.w
    return across and a.y < b.y + b.h and b.y < a.y + a.h
