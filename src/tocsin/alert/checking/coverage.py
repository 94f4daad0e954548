"""Does anybody hear of an alert? Asked of a rule, before it has ever fired.

A rule fixes some labels; others come with its series and may have any value. Only what holds
whatever those are is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from tocsin.alert.policy.policy_routes import NOBODY
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.routing.route import Route
from tocsin.model.labels import Labels, Matcher

_LABEL = "severity"
_TEMPLATE = "{{"


class Certainty(Enum):
    """Whether a route takes an alert of which not every label is known."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


def unrouted(plan: RoutingPlan | None, rule_labels: Labels) -> str:
    """Why nobody is told of the alerts of a rule, empty when somebody is or may be.

    `rule_labels` are `alertname` and the labels that the rule gives; those with a template count
    as not known, as do all that the rule does not name.
    """
    if plan is None:
        return "there are no routes, so nobody is told"
    known = {name: value for name, value in rule_labels if _TEMPLATE not in value}
    ends, _ = possible_ends(plan.root, known)
    if any(_told(plan, route) for route in ends):
        return ""
    names = ", ".join(dict.fromkeys(repr(route.receiver) for route in ends))
    return f"it leads to the receiver {names}, which tells nobody"


def without_level(plan: RoutingPlan | None, rule_labels: Labels) -> str:
    """Who is told of alerts whose severity no level of `severities` names; empty when one does,
    when there are no levels, or when a route of the `alertmanager.yml` may take them."""
    value = dict(rule_labels).get(_LABEL, "")
    levels = [route for route in plan.root.routes if route.otherwise] if plan else []
    if plan is None or not levels or _TEMPLATE in value:
        return ""
    default = next((route for route in levels if not route.matchers), plan.root)
    rest = {plan.root.number} if default is plan.root else {one.number for one in default.walk()}
    known = {name: text for name, text in rule_labels if _TEMPLATE not in text}
    ends, _ = possible_ends(plan.root, {_LABEL: "", **known})
    if any(route.number not in rest for route in ends):
        return ""
    said = f"no level of severities is called {value!r}" if value else "it has no severity"
    told = ", ".join(dict.fromkeys(route.receiver for route in ends))
    return f"{said}; it is told to {told}"


def _told(plan: RoutingPlan, route: Route) -> bool:
    return route.receiver != NOBODY and bool(plan.receivers.get(route.receiver))


def possible_ends(route: Route, known: Mapping[str, str]) -> tuple[list[Route], Certainty]:
    """The routes that such an alert may end at, and whether this one takes it at all."""
    takes = _certainty(route.matchers, known)
    if takes is Certainty.NO:
        return [], takes
    found: list[Route] = []
    is_taken = False
    for child in route.routes:
        if child.otherwise and is_taken:
            continue
        ends, below = possible_ends(child, known)
        found += ends
        if below is Certainty.YES:
            is_taken = True
            if not child.goes_on:
                break
    if not is_taken:
        found.append(route)
    return found, takes


def _certainty(matchers: Iterable[Matcher], known: Mapping[str, str]) -> Certainty:
    answer = Certainty.YES
    for matcher in matchers:
        if matcher.name not in known:
            answer = Certainty.MAYBE
        elif not matcher.matches(known[matcher.name]):
            return Certainty.NO
    return answer


def implied(wanted: Matcher, given: Sequence[Matcher]) -> bool:
    """Whether alerts that satisfy all of `given` are sure to satisfy `wanted`."""
    return any(
        one == wanted
        or (one.name == wanted.name and one.op.value == "=" and wanted.matches(one.value))
        for one in given
    )


def impossible(given: Sequence[Matcher]) -> Matcher | None:
    """The condition that contradicts an equality among them; None when all may hold at once."""
    exact = [one for one in given if one.op.value == "="]
    return next(
        (
            one
            for one in reversed(given)
            for fixed in exact
            if one.name == fixed.name and not one.matches(fixed.value)
        ),
        None,
    )
