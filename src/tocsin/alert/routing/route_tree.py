"""How is the routing tree shown? As plain data, for pages, programs and the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.routing.fallback import Channel
from tocsin.alert.routing.matchers import matcher_text
from tocsin.alert.routing.route import Route


class RouteNode(msgspec.Struct, frozen=True, kw_only=True):
    """One route with those below it; durations in seconds. `group_by` ["..."] is by all labels.

    `otherwise` means that it takes only what none of the routes before it took; `words` says what
    a severity's policy is about; `via` are the receiver's kinds of integration, `instead` who is
    told when they keep failing; `firing` counts the alerts that end here now.
    """

    number: int
    matchers: list[str]
    receiver: str
    via: list[str]
    instead: list[str]
    group_by: list[str]
    group_wait: float
    group_interval: float
    repeat_interval: float
    mute: list[str]
    active: list[str]
    goes_on: bool = msgspec.field(name="continue")
    otherwise: bool
    words: str
    firing: int = 0
    routes: list[RouteNode] = []

    @property
    def title(self) -> str:
        """Which alerts it takes, in words."""
        if self.matchers:
            return ", ".join(self.matchers)
        return "every other alert" if self.otherwise else "every alert"

    @property
    def passes_on(self) -> bool:
        """Whether no alert ends here, as those below take them all."""
        return any(not node.matchers for node in self.routes)

    def walk(self, depth: int = 0) -> Iterator[tuple[int, RouteNode]]:
        """This node and all below it with their depth, in reading order."""
        yield depth, self
        for node in self.routes:
            yield from node.walk(depth + 1)


def tree_of(plan: RoutingPlan, firing: Mapping[int, int] | None = None) -> RouteNode:
    """The tree; `firing` is how many alerts end at each route, by its number."""
    return _node(plan, plan.root, firing or {})


def _node(
    plan: RoutingPlan, route: Route, firing: Mapping[int, int], before: Sequence[Route] = ()
) -> RouteNode:
    parts = plan.receivers.get(route.receiver, ())
    return RouteNode(
        number=route.number,
        matchers=[matcher_text(matcher) for matcher in route.matchers],
        receiver=route.receiver,
        via=_kinds([part.kind for part in parts]),
        instead=[str(one) for one in plan.fallbacks.of(Channel(route.receiver))],
        group_by=["..."] if route.group_by is None else sorted(route.group_by),
        group_wait=route.group_wait_ms / 1000,
        group_interval=route.group_interval_ms / 1000,
        repeat_interval=route.repeat_interval_ms / 1000,
        mute=list(route.mute),
        active=list(route.active),
        goes_on=route.goes_on,
        otherwise=route.otherwise and (not route.matchers or not all(o.otherwise for o in before)),
        words=route.words,
        firing=firing.get(route.number, 0),
        routes=[
            _node(plan, child, firing, route.routes[:place])
            for place, child in enumerate(route.routes)
        ],
    )


def _kinds(kinds: Sequence[str]) -> list[str]:
    """ "slack", or "slack ×2" when there are several."""
    return [
        kind if kinds.count(kind) == 1 else f"{kind} ×{kinds.count(kind)}"
        for kind in dict.fromkeys(kinds)
    ]
