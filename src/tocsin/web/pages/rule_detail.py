"""One rule: its expression with graph, its alerts, how its evaluation went, where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.checking.advice import advice
from tocsin.alert.checking.coverage import unrouted
from tocsin.alert.rules.made_rules import FILE as MADE
from tocsin.kit.fault import NotFound
from tocsin.model.labels import Labels
from tocsin.web.alert_board import BoardAlert, is_address
from tocsin.web.alert_filter import silence_address
from tocsin.web.alert_graph import Graph, graph_of
from tocsin.web.pages.render import page
from tocsin.web.pages.rules import RuleRow, rule_row
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

if TYPE_CHECKING:
    from tocsin.alert.rules.group_run import GroupRun
    from tocsin.alert.rules.rule_run import RuleRun

_LISTED = 20


@dataclass(frozen=True, slots=True)
class RuleView:
    """The page of one rule; `twins` are other rules of the same name in the same group."""

    row: RuleRow
    every_s: float
    labels: Labels
    annotations: Labels
    runbook: str
    no_data: str
    on_error: str
    graph: Graph
    doubts: Sequence[str]
    alerts: Sequence[BoardAlert]
    alert_count: int
    twins: Sequence[tuple[str, str]]


def splits(path: str) -> Iterator[tuple[str, str]]:
    """The group and the name that a path may mean, as both may have slashes."""
    parts = path.split("/")
    for place in range(1, len(parts)):
        yield "/".join(parts[:place]), "/".join(parts[place:])


def found_at(groups: Sequence[GroupRun], path: str) -> list[tuple[GroupRun, RuleRun]]:
    """The rules that a path means, in order of evaluation; empty when there is none."""
    for group_name, name in splits(path):
        found = [
            (group, run)
            for group in groups
            if group.group.name == group_name
            for run in group.rules
            if run.rule.name == name
        ]
        if found:
            return found
    return []


async def view_of(given: Services, path: str, number: int) -> RuleView:
    """The rule that a path means, the one of that number, from 1; raises NotFound."""
    found = found_at(given.rules.groups, path)
    if not found:
        raise NotFound(f"no rule {path!r} is in force; the page Rules lists those that are")
    group, run = found[min(max(1, number), len(found)) - 1]
    rule = run.rule
    row = rule_row(group, run, given.config.warnings(), given.made_rules)
    own = [
        one
        for one in await given.board.read(given)
        if one.rule
        and (one.rule.name, one.rule.group, one.rule.file, one.rule.expr)
        == (rule.name, group.group.name, group.group.file, rule.expr)
    ]
    own.sort(key=lambda one: (one.phase != "firing", one.since_ms, one.labels))
    said = dict(rule.annotations)
    links = (said.get(name, "") for name in ("runbook_url", "runbook"))
    return RuleView(
        row=row,
        every_s=group.group.interval_ms / 1000,
        labels=rule.labels,
        annotations=rule.annotations,
        runbook=next((text for text in links if is_address(text)), ""),
        no_data=rule.no_data.value if rule.is_alert else "",
        on_error=rule.on_error.value if rule.is_alert else "",
        graph=graph_of(rule.expr, rule.recover, spoken_unit=rule.unit)
        if rule.is_alert
        else Graph(row.value_query),
        doubts=row.doubts or _own_doubts(given, group, run),
        alerts=own[:_LISTED],
        alert_count=len(own),
        twins=[
            (f"{row.href}?number={place}", str(place))
            for place in range(1, len(found) + 1)
            if len(found) > 1
        ],
    )


def _own_doubts(given: Services, group: GroupRun, run: RuleRun) -> list[str]:
    """Of a rule that stands in no file: those of files are told for all at once."""
    if group.group.file != MADE:
        return []
    plan = given.alerts.plan

    def unheard(labels: Labels) -> str:
        return unrouted(plan, labels)

    mark = f"{run.rule.place}: {run.rule.name}: "
    lines = advice([group.group], None, unheard if plan else None)
    return [line.partition(mark)[2] for line in lines if line.startswith(mark)]


async def _page(request: Request) -> Response:
    path = f"{request.path_params['group']}/{request.path_params['name']}"
    asked = request.query_params.get("number", "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    view = await view_of(services(request), path, number)
    return page(request, "pages/rule.html", view=view, silence_of=silence_address)


ADDRESSES: Addresses = (get("/rules/{group}/{name:path}", _page, Access.READ),)
