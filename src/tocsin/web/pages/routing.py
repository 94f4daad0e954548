"""Who is told of which alerts, and who would be told of this one? The page Routing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.routing.matchers import parse_matchers
from tocsin.alert.routing.moment import zone_of
from tocsin.alert.routing.route_tree import RouteNode
from tocsin.alert.trying.route_story import Event
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels, MatchOp
from tocsin.web.pages.render import page
from tocsin.web.route_trial import RoutesAnswer, RouteTrial, RouteTrialAnswer, routes_of, tried
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Question:
    """What the form holds: the labels as typed, when, by which clocks, how long."""

    labels: str
    at: str
    zone: str
    lasts: str


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the timeline, its moment by the zone's clocks."""

    event: Event
    day: str
    clock: str


@dataclass(frozen=True, slots=True)
class RoutingView:
    """The page; `answer` None when nothing is asked or `problem` says what is wrong with it.

    `taken` are the numbers of the routes that take the alert, `on_the_way` those above them.
    """

    routes: RoutesAnswer | None
    question: Question
    answer: RouteTrialAnswer | None = None
    problem: str = ""
    lines: Sequence[Line] = ()
    more: int = 0
    taken: frozenset[int] = frozenset()
    on_the_way: frozenset[int] = frozenset()
    zone_name: str = "UTC"

    @property
    def alike(self) -> frozenset[int]:
        """The routes whose times are those of the route above, so that they need not be said."""
        return frozenset(_alike(self.routes.tree)) if self.routes else frozenset()

    @property
    def firing(self) -> int:
        """How many alerts are on their way to somebody, each route counted."""
        return sum(node.firing for _, node in self.routes.tree.walk()) if self.routes else 0

    @property
    def count(self) -> int:
        """How many routes there are."""
        return sum(1 for _ in self.routes.tree.walk()) if self.routes else 0


def trial_address(labels: Labels) -> str:
    """The page with these labels filled in and tried: what an alert's page links to."""
    text = " ".join(f"{name}={_quoted(value)}" for name, value in labels)
    return f"/routing?{urlencode({'labels': text})}"


def labels_of(text: str) -> dict[str, str]:
    """Of `severity=critical service="my api"` or `{severity="critical"}`; raises Rejected."""
    found: dict[str, str] = {}
    for part in _parts(text):
        try:
            matchers = parse_matchers(part)
        except Rejected as error:
            raise Rejected(f"{part!r} is no label; write name=value") from error
        if any(one.op is not MatchOp.EQUAL or not one.name for one in matchers):
            raise Rejected(f"{part!r} is no label; write name=value")
        found.update((one.name, one.value) for one in matchers)
    return found


def _parts(text: str) -> Iterator[str]:
    """At spaces, commas and line ends outside of quotes."""
    part, is_quoted, is_escaped = "", False, False
    for char in text.strip().removeprefix("{").removesuffix("}"):
        if char == '"' and not is_escaped:
            is_quoted = not is_quoted
        is_escaped = char == "\\" and not is_escaped
        if not is_quoted and (char.isspace() or char == ","):
            if part:
                yield part
            part = ""
            continue
        part += char
    if part:
        yield part


def _quoted(value: str) -> str:
    if value and all(char.isalnum() or char in "._-/:" for char in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def view_of(
    routes: RoutesAnswer | None, question: Question, answer: RouteTrialAnswer | None, problem: str
) -> RoutingView:
    """The page's values."""
    if answer is None or routes is None:
        return RoutingView(routes, question, problem=problem)
    zone = zone_of(question.zone)
    lines = [
        Line(
            event,
            f"{datetime.fromtimestamp(event.at_ms / 1000, zone):%A %Y-%m-%d}",
            f"{datetime.fromtimestamp(event.at_ms / 1000, zone):%H:%M:%S}",
        )
        for event in answer.timeline
    ]
    taken = frozenset(answer.forecast.routes)
    return RoutingView(
        routes=routes,
        question=question,
        answer=answer,
        lines=lines[:_SHOWN],
        more=max(0, len(lines) - _SHOWN),
        taken=taken,
        on_the_way=frozenset(_above(routes.tree, taken)),
        zone_name=datetime.fromtimestamp(answer.forecast.at_ms / 1000, zone).tzname() or "UTC",
    )


def _alike(node: RouteNode) -> Iterator[int]:
    for child in node.routes:
        if _times(child) == _times(node):
            yield child.number
        yield from _alike(child)


def _times(node: RouteNode) -> tuple[object, ...]:
    return node.group_by, node.group_wait, node.group_interval, node.repeat_interval


def _above(node: RouteNode, taken: frozenset[int]) -> list[int]:
    """The numbers of the nodes that lead to one of those."""
    below = [number for child in node.routes for number in _above(child, taken)]
    if below or node.number in taken:
        return [node.number, *below]
    return []


def _question(query: Mapping[str, str]) -> Question:
    return Question(
        labels=query.get("labels", "").strip(),
        at=query.get("at", "").strip() or "now",
        zone=query.get("zone", "").strip() or "UTC",
        lasts=query.get("for", "").strip() or "6h",
    )


async def _page(request: Request) -> Response:
    given = services(request)
    question = _question(request.query_params)
    routes = routes_of(given.alerts, given.clock.now_ms())
    answer, problem = None, ""
    if question.labels and routes is not None:
        try:
            asked = RouteTrial(
                labels=labels_of(question.labels),
                at=question.at,
                zone=question.zone,
                lasts=question.lasts,
            )
            answer = await tried(given, asked)
        except Rejected as error:
            problem = str(error)
    return page(request, "pages/routing.html", view=view_of(routes, question, answer, problem))


ADDRESSES: Addresses = (get("/routing", _page, Access.READ),)
