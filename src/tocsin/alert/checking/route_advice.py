"""What looks unwise in a routing tree that is not wrong? Each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tocsin.alert.checking.coverage import implied, impossible
from tocsin.alert.policy.policy_routes import NOBODY
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.routing.matchers import matcher_text
from tocsin.alert.routing.route import Route
from tocsin.kit.document import Document
from tocsin.model.labels import Matcher

_MEANT_FOR_NOBODY = frozenset(
    ("null", "none", "nobody", "noop", "void", "blackhole", "black-hole", "devnull", "dev-null")
)


def route_advice(plan: RoutingPlan) -> list[str]:
    """Receivers and time intervals that nothing uses, routes that never take an alert, and
    receivers that tell nobody although their name does not say so."""
    document = plan.document
    return [
        *_unused(plan),
        *_silent(plan),
        *_never(document.get("route"), plan.root, ()),
    ]


def _unused(plan: RoutingPlan) -> Iterator[str]:
    routes = list(plan.root.walk())
    instead = {channel.receiver for then in plan.fallbacks.after.values() for channel in then}
    used = {route.receiver for route in routes} | instead
    own = {part.part.name for parts in plan.receivers.values() for part in parts}
    for name in sorted(set(plan.receivers) - used):
        parts = plan.receivers[name]
        where = parts[0].part.node.place if parts and len(own) > 1 else plan.document.name
        yield f"{where}: no route leads to the receiver {name!r}"
    named = {name for route in routes for name in (*route.mute, *route.active)}
    for name in sorted(set(plan.intervals) - named):
        yield f"{plan.document.name}: no route uses the time interval {name!r}"


def _silent(plan: RoutingPlan) -> Iterator[str]:
    for name in dict.fromkeys(route.receiver for route in plan.root.walk() if not route.routes):
        is_meant = name == NOBODY or name.lower() in _MEANT_FOR_NOBODY
        if not plan.receivers.get(name) and not is_meant:
            yield (
                f"{plan.document.name}: the receiver {name!r} has no way of telling anybody; give "
                "it one such as webhook_configs"
            )


def _never(part: Document | None, route: Route, above: Sequence[Matcher]) -> Iterator[str]:
    """Routes of the file that never take an alert, by what stands above and before them."""
    conditions = (*above, *route.matchers)
    for index, child in enumerate(route.routes):
        below = part.get("routes", index) if part is not None else None
        if below is None:
            return  # the routes of severities come after those of the file
        place = below.node.place
        own = (*conditions, *child.matchers)
        wrong = impossible(own)
        before = _shadow(route.routes[:index], own)
        if wrong is not None:
            yield (
                f"{place}: this route never takes an alert: {matcher_text(wrong)} contradicts "
                "another condition here or above"
            )
        elif before is not None:
            yield (
                f"{place}: this route never takes an alert: route {before + 1} of the same list "
                "takes them all before; put this one first, or give that one continue: true"
            )
        else:
            yield from _never(below, child, conditions)


def _shadow(earlier: Sequence[Route], own: Sequence[Matcher]) -> int | None:
    """Which of the earlier siblings takes everything that has these conditions, if one does."""
    for index, sibling in enumerate(earlier):
        if not sibling.goes_on and all(implied(one, own) for one in sibling.matchers):
            return index
    return None
