"""Which part of a LogQL query is a condition in SQL, and what must be done on lines?"""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.model.labels import Matcher
from tocsin.query.logql import ast
from tocsin.query.logql.labels import LINE, label_sql, matcher_sql
from tocsin.query.logql.parsers import ERROR, pattern_regex
from tocsin.store.literal import literal

_FOUND_IN_LINE = ("__error__", "__error_details__")


@dataclass(frozen=True, slots=True)
class Plan:
    """Lines fulfil `where`; `stages` are what is left to do with each, `labels` those that the
    query names."""

    where: str
    stages: tuple[ast.Stage, ...]
    labels: tuple[str, ...]


def plan(query: ast.LogQuery) -> Plan:
    """The query's parts. Filters commute with parsers, so those of the line go before them."""
    ways = [matcher_sql(one) for one in query.matchers]
    rest: list[ast.Stage] = []
    named = [one.name for one in query.matchers]
    line_is_own = labels_are_own = True
    for stage in query.stages:
        match stage:
            case ast.LineFilter() if line_is_own and not stage.is_ip:
                ways.append(_line_sql(stage))
                continue
            case ast.LabelFilter(condition) if labels_are_own and _is_plain(condition):
                ways.append(_condition_sql(condition))
                continue
            case ast.LineFormat() | ast.Decolorize():
                line_is_own = False
            case ast.Parser() | ast.LabelFormat() | ast.Chosen():
                labels_are_own = False
                if isinstance(stage, ast.Parser) and stage.kind == "unpack":
                    line_is_own = False
        rest.append(stage)
    return Plan(" AND ".join(f"({one})" for one in ways), tuple(rest), tuple(named))


def _line_sql(stage: ast.LineFilter) -> str:
    if stage.op in ("|=", "!="):
        ways = [f"position({LINE}, {literal(text)}) > 0" for text in stage.texts if text]
        if len(ways) < len(stage.texts):
            ways.append("1")
    elif stage.op in ("|>", "!>"):
        patterns = [f"(?s){pattern_regex(text)}$" for text in stage.texts]
        ways = [f"match({LINE}, {literal(one)})" for one in patterns]
    else:
        ways = [f"match({LINE}, {literal(f'(?s){text}')})" for text in stage.texts]
    found = " OR ".join(ways)
    return f"NOT ({found})" if stage.excludes else found


def _is_plain(condition: ast.Condition) -> bool:
    match condition:
        case ast.Text(matcher):
            return matcher.name not in _FOUND_IN_LINE
        case ast.Number(_, _, _, unit):
            return not unit
        case ast.Both(left, right) | ast.Either(left, right):
            return _is_plain(left) and _is_plain(right)
    return False


def _condition_sql(condition: ast.Condition) -> str:
    match condition:
        case ast.Text(matcher):
            return matcher_sql(matcher)
        case ast.Number(label, op, value, _):
            sign = "=" if op == "==" else op
            return f"ifNull(toFloat64OrNull({label_sql(label)}) {sign} {value!r}, 0)"
        case ast.Both(left, right):
            return f"({_condition_sql(left)} AND {_condition_sql(right)})"
        case ast.Either(left, right):
            return f"({_condition_sql(left)} OR {_condition_sql(right)})"
    return "1"


def only_counts(stages: tuple[ast.Stage, ...]) -> bool:
    """Whether stages change labels alone and leave no line out, so that a count by labels that
    are kept needs none of them: what Grafana adds to count lines for its histogram."""
    return all(
        isinstance(one, ast.Parser | ast.Decolorize)
        or (isinstance(one, ast.Chosen) and one.kind == "drop" and _drops_errors(one))
        for one in stages
    )


def _drops_errors(stage: ast.Chosen) -> bool:
    names: tuple[Matcher, ...] = stage.matchers
    return all(one in (ERROR, "__error_details__") for one in stage.names) and all(
        one.name in _FOUND_IN_LINE for one in names
    )
