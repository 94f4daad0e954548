"""Make an alert of a query: the form, its graph with the threshold, and what it would have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.alert.checking.advice import advice
from tocsin.alert.checking.coverage import unrouted
from tocsin.alert.rules.made_rules import (
    GROUP,
    MadeRule,
    Problem,
    WrongRule,
    checked,
    file_text,
    group_of,
)
from tocsin.alert.trying.trial_report import Outcome
from tocsin.kit.fault import Fault
from tocsin.model.labels import Labels
from tocsin.query.promql import ast
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text
from tocsin.web.alert_graph import Graph, comparison, graph_of
from tocsin.web.api.prometheus_answer import CallerLeft, while_connected
from tocsin.web.api.rules_made import keep, remove, switch
from tocsin.web.csrf import form_of
from tocsin.web.pages.alerts import rule_address
from tocsin.web.pages.render import answer_action, page
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import Services, services
from tocsin.web.trials import RuleText, TrialRequest, report_of

OPERATORS = (">", ">=", "<", "<=", "==", "!=")
SEVERITIES = ("critical", "warning", "info")
_DOUBTS = 10
_FIELDS = (
    "id",
    "name",
    "expr",
    "hold",
    "keep_firing_for",
    "recover",
    "severity",
    "message",
    "runbook",
)


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed: a rule, and a bound beside it that its expression is compared with."""

    rule: MadeRule
    op: str = ">"
    bound: str = ""

    @property
    def whole(self) -> MadeRule:
        """The rule with the bound in its expression."""
        text = self.rule.expr.strip()
        if not self.bound or not text:
            return self.rule
        inner = f"({text})" if _needs_parentheses(text) else text
        return msgspec.structs.replace(self.rule, expr=f"{inner} {self.op} {self.bound}")


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with a form, what is doubtful, and its graph when there is one."""

    problems: Mapping[str, Sequence[Problem]]
    doubts: Sequence[str]
    graph: Graph | None
    expr: str
    pointer: str
    """The line of the expression that is wrong, and a mark under it."""
    needs_bound: bool
    """Whether nothing is compared yet."""


def _needs_parentheses(text: str) -> bool:
    try:
        return isinstance(parse(text), ast.Binary)
    except ParseError:
        return False  # the expression is refused for that, with its place


def typed(given: FormData | QueryParams) -> Form:
    """What a form or an address holds; `a` is Explore's word for `expr`."""
    values = {key: str(given.get(key) or "").strip() for key in _FIELDS}
    values["expr"] = values["expr"] or str(given.get("a") or "").strip()
    values["hold"] = values["hold"] or ("5m" if "hold" not in given else "0s")
    values["keep_firing_for"] = values["keep_firing_for"] or "0s"
    if "severity" not in given:
        values["severity"] = "warning"
    op = str(given.get("op") or ">")
    bound = str(given.get("bound") or "").strip()[:40]
    return Form(msgspec.convert(values, MadeRule), op if op in OPERATORS else ">", bound)


def check(given: Services, form: Form) -> Checked:
    """Everything that can be said of a form without evaluating it."""
    rule, problems = form.whole, list[Problem]()
    try:
        float(form.bound or "0")
    except ValueError:
        problems.append(Problem("bound", f"{form.bound!r} is no number"))
    try:
        checked(msgspec.structs.replace(rule, name=rule.name or "unnamed"))
    except WrongRule as error:
        problems += error.problems
    by_field: dict[str, list[Problem]] = {}
    for one in problems:
        by_field.setdefault(one.field, []).append(one)
    is_good = bool(rule.expr) and not by_field.keys() & {"expr", "bound"}
    return Checked(
        problems=by_field,
        doubts=_doubts(given, rule) if is_good and not problems else (),
        graph=graph_of(to_text(parse(rule.expr))) if is_good else None,
        expr=rule.expr,
        pointer=_pointer(rule.expr, by_field.get("expr", ())),
        needs_bound=is_good and comparison(rule.expr) is None and not form.bound,
    )


def _doubts(given: Services, rule: MadeRule) -> list[str]:
    group = group_of(
        [msgspec.structs.replace(rule, name=rule.name or "unnamed", disabled=False)], 1
    )
    plan = given.alerts.plan

    def unheard(labels: Labels) -> str:
        return unrouted(plan, labels) if plan is not None else ""

    lines = advice([group], None, unheard if plan else None) if group else ()
    return [line.partition(": ")[2].partition(": ")[2] for line in lines][:_DOUBTS]


def _pointer(text: str, problems: Sequence[Problem]) -> str:
    found = next((one for one in problems if one.end > one.start), None)
    if found is None:
        return ""
    begin = text.rfind("\n", 0, found.start) + 1
    line = text[begin:].split("\n", 1)[0]
    length = max(1, min(found.end, begin + len(line)) - found.start)
    return f"{line}\n{' ' * (found.start - begin)}{'^' * length}"


async def _new(request: Request) -> Response:
    """The form; with `id`, of a rule that was made here."""
    given = services(request)
    name = request.query_params.get("id", "")
    form = Form(given.made_rules.get(name)) if name else typed(request.query_params)
    return _shown(request, form)


def _shown(request: Request, form: Form, found: Checked | None = None) -> Response:
    made = services(request).made_rules.all
    before = next((one for one in made if one.id and one.id == form.rule.id), None)
    return page(
        request,
        "pages/rule_new.html",
        status=400 if found else 200,
        form=form,
        before=before,
        checked=found or check(services(request), form),
        is_refused=found is not None,
        operators=OPERATORS,
        severities=SEVERITIES,
    )


async def _preview(request: Request) -> Response:
    """The graph, what is wrong and what is doubtful, as it is typed."""
    form = typed(await form_of(request))
    found = check(services(request), form)
    return page(request, "parts/rule_preview.html", checked=found, form=form)


async def _trial(request: Request) -> Response:
    """How often it would have fired in the last week."""
    given, form = services(request), typed(await form_of(request))
    rule = msgspec.structs.replace(form.whole, name=form.rule.name or "unnamed", disabled=False)
    outcome, problem = None, ""
    try:
        checked(rule)
        outcome = await while_connected(request, tried(given, rule))
    except (Fault, ParseError) as error:
        problem = str(error)
    except CallerLeft:
        problem = "nobody waits for this any more"
    return page(request, "parts/rule_trial.html", outcome=outcome, problem=problem)


async def tried(given: Services, rule: MadeRule, since: str = "7d") -> Outcome:
    """What the rule would have done; raises as `report_of`."""
    asked = TrialRequest(
        rule=rule.name, group=GROUP, since=since, file=RuleText(name=GROUP, text=file_text([rule]))
    )
    return (await report_of(given, asked, _silent)).tried


async def _silent(title: str, share: float) -> None:
    """A page waits without being told how far it is."""


async def _make(request: Request) -> Response:
    sent = await form_of(request)
    form = typed(sent)
    found = check(services(request), form)
    rule = form.whole
    if not rule.name:
        problem = Problem("name", "give the alert a name")
        found = _with(found, problem)
    if found.problems:
        return _shown(request, form, found)
    given = services(request).made_rules
    if rule.id:
        before = given.get(rule.id)
        rule = msgspec.structs.replace(
            rule, labels=before.labels, annotations=before.annotations, disabled=before.disabled
        )
    try:
        kept = await keep(request, rule)
    except WrongRule as error:
        for one in error.problems:
            found = _with(found, one)
        return _shown(request, form, found)
    return RedirectResponse(rule_address(GROUP, kept.name), 303)


def _with(found: Checked, problem: Problem) -> Checked:
    return replace(found, problems={**found.problems, problem.field: (problem,)})


async def _switch(request: Request) -> Response:
    sent = await form_of(request)
    one = await switch(request, str(request.path_params["id"]), disabled=sent.get("off") == "1")
    words = f"{one.name} is {'not evaluated any more' if one.disabled else 'evaluated again'}."
    return answer_action(request, words, "/rules")


async def _remove(request: Request) -> Response:
    await form_of(request)
    await remove(request, str(request.path_params["id"]))
    return RedirectResponse("/rules", 303)


ADDRESSES: Addresses = (
    get("/rules/new", _new, Access.READ),
    post("/rules/new", _make, Access.RESPOND),
    post("/rules/new/preview", _preview, Access.READ),
    post("/rules/new/trial", _trial, Access.READ),
    post("/rules/made/{id}/switch", _switch, Access.RESPOND),
    post("/rules/made/{id}/remove", _remove, Access.RESPOND),
)
