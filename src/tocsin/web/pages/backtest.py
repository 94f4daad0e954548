"""What would this rule have done last week? The page on which a rule is edited and tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, NotFound
from tocsin.kit.quantity import Duration
from tocsin.query.promql.errors import ParseError
from tocsin.web.api.prometheus_answer import CallerLeft, while_connected
from tocsin.web.csrf import form_of
from tocsin.web.pages.render import frame, html, page, respond
from tocsin.web.pages.trial_drawing import Graph, Lane, graph_of, lane_of
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import Services, services
from tocsin.web.trials import RuleEdit, TrialRequest, alerts_named, report_of

if TYPE_CHECKING:
    from tocsin.alert.trying.trial_report import Report

_LISTED = 20
_SPANS = ("1d", "3d", "7d", "14d", "30d")


@dataclass(frozen=True, slots=True)
class RuleChoice:
    """A rule that can be tried; `value` names it in the form."""

    value: str
    words: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class RuleForm:
    """What the form shows: the rule in force, or what was typed last."""

    rule: str
    group: str
    number: int
    expr: str
    hold: str
    keep_firing: str
    recover: str
    since: str


@dataclass(frozen=True, slots=True)
class TrialView:
    """A report as the page shows it."""

    report: Report
    lanes: Sequence[Lane]
    graph: Graph | None
    proposal_links: Sequence[str]
    listed: int = _LISTED


def form_for(given: Services, query: dict[str, str]) -> tuple[RuleForm | None, list[RuleChoice]]:
    """The form of the rule that the address names, else of the first one; None without rules."""
    known = list(alerts_named(given.rules.groups))
    seen: dict[tuple[str, str], int] = {}
    choices: list[tuple[str, str, int]] = []
    for group, rule in known:
        key = rule.name, group.name
        seen[key] = seen.get(key, 0) + 1
        choices.append((*key, seen[key]))
    if not choices:
        return None, []
    query = query | dict(parse_qsl(query.get("choice", "")))
    wanted = query.get("rule", "")
    name, group_name, number = wanted, query.get("group", ""), query.get("number", "")
    chosen = next(
        (
            place
            for place, one in enumerate(choices)
            if one[0] == name and group_name in ("", one[1]) and number in ("", str(one[2]))
        ),
        None,
    )
    if chosen is None:
        if wanted:
            raise NotFound(f"no alerting rule {wanted!r} is in force; choose one of the list")
        chosen = 0
    rule = known[chosen][1]
    form = RuleForm(
        *choices[chosen],
        expr=query.get("expr", rule.expr),
        hold=query.get("for", str(Duration(rule.hold_ms / 1000))),
        keep_firing=query.get("keep_firing_for", str(Duration(rule.keep_firing_ms / 1000))),
        recover=query.get("recover", rule.recover),
        since=query.get("since", "7d"),
    )
    return form, [
        RuleChoice(
            urlencode({"rule": one[0], "group": one[1], "number": one[2]}),
            f"{one[0]} · {one[1]}{f' · {one[2]}' if seen[one[0], one[1]] > 1 else ''}",
            place == chosen,
        )
        for place, one in enumerate(choices)
    ]


async def view_of(given: Services, report: Report, form: RuleForm) -> TrialView:
    """The report with its drawing and links."""
    learnt = report.proposals.proposals if report.proposals else []
    base = {"rule": form.rule, "group": form.group, "number": form.number, "since": form.since}
    return TrialView(
        report=report,
        lanes=[lane_of(one) for one in (report.before, report.tried) if one is not None],
        graph=await graph_of(given, report.tried),
        proposal_links=[
            "/rules/backtest?"
            + urlencode(
                {
                    **base,
                    "expr": form.expr,
                    "for": str(Duration(one.hold)),
                    "keep_firing_for": str(Duration(one.keep_firing)),
                    "recover": one.recover,
                }
            )
            for one in learnt
        ],
    )


async def _page(request: Request) -> Response:
    """The form, filled with the rule in force; nothing runs yet."""
    form, choices = form_for(services(request), dict(request.query_params))
    return page(
        request, "pages/backtest.html", form=form, choices=choices, spans=_SPANS, view=None,
        problem="",
    )  # fmt: skip


async def _run(request: Request) -> Response:
    """Try what the form says; the whole page without script, its lower part for htmx."""
    given = services(request)
    sent = {key: value for key, value in (await form_of(request)).items() if isinstance(value, str)}
    form, choices = form_for(given, sent)
    view, problem, status = None, "", 200
    if form is not None:
        try:
            report = await while_connected(request, report_of(given, _asked(form, sent), _silent))
            view = await view_of(given, report, form)
        except (Fault, ParseError) as error:
            problem, status = str(error), 400
        except CallerLeft:
            problem, status = "nobody waits for this any more", 499
    values: dict[str, Any] = {  # Any: each template has its own values
        "form": form,
        "choices": choices,
        "spans": _SPANS,
        "view": view,
        "problem": problem,
    }
    if "hx-request" in request.headers:
        # htmx shows only what is answered with 200.
        return respond(html("parts/trial.html", frame(request), **values))
    return page(request, "pages/backtest.html", status=status, **values)


def _asked(form: RuleForm, sent: dict[str, str]) -> TrialRequest:
    return TrialRequest(
        rule=form.rule,
        group=form.group,
        number=form.number,
        since=form.since,
        edit=RuleEdit(
            expr=form.expr,
            for_=form.hold,
            keep_firing_for=form.keep_firing,
            recover=form.recover,
        ),
        propose="propose" in sent,
    )


async def _silent(title: str, share: float) -> None:
    """A page waits without being told how far it is."""


ADDRESSES: Addresses = (
    get("/rules/backtest", _page, Access.READ),
    post("/rules/backtest", _run, Access.READ),
)
