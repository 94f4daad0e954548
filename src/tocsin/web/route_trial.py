"""What would become of an alert? A question of a page or a program, asked of the live routes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from itertools import islice

import msgspec

from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.routing.group import group_labels
from tocsin.alert.routing.matchers import matches_all
from tocsin.alert.routing.moment import moment_ms, zone_of
from tocsin.alert.routing.route import matching
from tocsin.alert.routing.route_tree import RouteNode, tree_of
from tocsin.alert.trying.route_story import Event, story
from tocsin.alert.trying.route_timeline import Forecast, Surroundings, forecast
from tocsin.kit.fault import NotFound
from tocsin.kit.quantity import Duration
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, Matcher, from_mapping
from tocsin.web.services import Services

NO_ROUTES = (
    "there are no routes, so nobody is told; name an alertmanager.yml in tocsin.yaml, or write "
    "severities there"
)
_MOST_OTHERS = 200
_SOON_MS = 3_600_000


class RouteTrial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert to be tried: its labels, when it begins, by the clocks of which zone, and for how
    long it fires. `live` takes what fires and is silenced now into account."""

    labels: dict[str, str]
    at: str = "now"
    zone: str = "UTC"
    lasts: str = msgspec.field(default="6h", name="for")
    live: bool = True


class RouteTrialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose routes take the alert (`receivers`), what is told to whom when, and that in words."""

    receivers: list[str]
    forecast: Forecast
    timeline: list[Event]


class RoutesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The routing tree; `intervals` says of each time interval whether it holds now."""

    tree: RouteNode
    intervals: dict[str, bool]


def routes_of(dispatcher: Dispatcher, now_ms: int) -> RoutesAnswer | None:
    """The tree in force with how many alerts fire by each route; None without routes."""
    plan = dispatcher.plan
    if plan is None:
        return None
    firing: dict[int, int] = {}
    for group in dispatcher.groups:
        count = sum(not alert.is_resolved(now_ms) for alert in group.alerts.values())
        firing[group.route.number] = firing.get(group.route.number, 0) + count
    intervals = {
        name: any(interval.holds(now_ms) for interval in intervals)
        for name, intervals in plan.intervals.items()
    }
    return RoutesAnswer(tree=tree_of(plan, firing), intervals=intervals)


async def tried(given: Services, asked: RouteTrial) -> RouteTrialAnswer:
    """What comes of it. Raises Rejected for what cannot be tried, NotFound without routes."""
    dispatcher, now_ms = given.alerts, given.clock.now_ms()
    plan = dispatcher.plan
    if plan is None:
        raise NotFound(NO_ROUTES)
    labels, zone = from_mapping(asked.labels), zone_of(asked.zone)
    at_ms = moment_ms(asked.at, now_ms, zone)
    lasts_ms = Duration.from_config(asked.lasts).ms
    around = Surroundings(config=dispatcher.config)
    if asked.live:
        causes = [
            tuple(matcher for text in one.when for matcher in text.matchers)
            for one in (dispatcher.config.dependencies if dispatcher.config else ())
        ]
        is_soon = at_ms <= now_ms + _SOON_MS
        others = _others(plan, labels, _known(dispatcher), causes) if is_soon else ()
        around = Surroundings(
            alerts=tuple(_firing_until(one, at_ms, at_ms + lasts_ms) for one in others),
            silences=tuple(
                one for one in dispatcher.silences.all() if one.state(now_ms) != "expired"
            ),
            maintenance=given.maintenance,
            config=dispatcher.config,
        )
    seen = await asyncio.to_thread(
        forecast, plan, dispatcher.integrations, labels, at_ms, lasts_ms, around
    )
    routes = tuple(plan.root.walk())
    by_number = {route.number: route.receiver for route in routes}
    return RouteTrialAnswer(
        receivers=list(dict.fromkeys(by_number[number] for number in seen.routes)),
        forecast=seen,
        timeline=story(seen, routes, zone),
    )


def _known(dispatcher: Dispatcher) -> Mapping[Labels, Alert]:
    return {labels: alert for group in dispatcher.groups for labels, alert in group.alerts.items()}


def _others(
    plan: RoutingPlan,
    labels: Labels,
    known: Mapping[Labels, Alert],
    causes: Iterable[tuple[Matcher, ...]],
) -> Iterable[Alert]:
    """Those of the known alerts that matter: what may inhibit it or be its cause, and what is told
    with it."""
    targeted = [rule.source for rule in plan.inhibit_rules if matches_all(rule.target, labels)]
    sources = [*targeted, *causes]
    groups = {(route.number, group_labels(route, labels)) for route in matching(plan.root, labels)}

    def matters(alert: Alert) -> bool:
        if any(matches_all(source, alert.labels) for source in sources):
            return True
        return any(
            (route.number, group_labels(route, alert.labels)) in groups
            for route in matching(plan.root, alert.labels)
        )

    return islice((alert for alert in known.values() if matters(alert)), _MOST_OTHERS)


def _firing_until(alert: Alert, at_ms: int, ends_ms: int) -> Alert:
    """Rules tell of an alert's end a few minutes ahead, again and again: it goes on until then."""
    if alert.is_resolved(at_ms):
        return alert
    return msgspec.structs.replace(alert, ends_ms=max(alert.ends_ms, ends_ms))
