"""Who hears of an alert? The routing tree, resolved and pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tocsin.alert.routing.calendar import Intervals, holding
from tocsin.alert.routing.matchers import matcher_text, matches_all
from tocsin.model.labels import Labels, Matcher


@dataclass(frozen=True, slots=True)
class Route:
    """One node of the tree, inherited settings filled in; durations in milliseconds.

    `group_by` None means by all labels (`...`). `number` counts the nodes in reading order.
    `otherwise` means that it takes only what no earlier sibling has taken; `words` are what people
    are told of it, empty for a route of an `alertmanager.yml`. What `escalates` does not tell of
    alerts that somebody has acknowledged.
    """

    number: int
    key: str
    receiver: str
    matchers: tuple[Matcher, ...]
    goes_on: bool
    group_by: frozenset[str] | None
    group_wait_ms: int
    group_interval_ms: int
    repeat_interval_ms: int
    mute: tuple[str, ...]
    active: tuple[str, ...]
    routes: tuple[Route, ...]
    otherwise: bool = False
    words: str = ""
    escalates: bool = False

    def walk(self) -> Iterator[Route]:
        """This node and all below it, in reading order."""
        yield self
        for route in self.routes:
            yield from route.walk()


def matching(route: Route, labels: Labels) -> list[Route]:
    """The nodes that an alert of these labels ends at: the deepest that match, and the siblings
    after one that says `continue`. Empty only when the node itself does not match."""
    if not matches_all(route.matchers, labels):
        return []
    found: list[Route] = []
    for child in route.routes:
        if child.otherwise and found:
            continue
        below = matching(child, labels)
        found += below
        if below and not child.goes_on:
            break
    return found or [route]


def path_to(root: Route, wanted: Route) -> list[Route]:
    """The nodes from the root to that one, both included."""
    if root is wanted:
        return [root]
    for child in root.routes:
        below = path_to(child, wanted)
        if below:
            return [root, *below]
    return []


def why_muted(route: Route, intervals: Intervals, at_ms: int) -> str:
    """Why the route is silent at that moment; empty when it is not."""
    muted = holding(route.mute, intervals, at_ms)
    if muted:
        return f"muted by the time interval {', '.join(muted)}"
    if route.active and not holding(route.active, intervals, at_ms):
        return f"outside the active time interval {', '.join(route.active)}"
    return ""


def key_of(parent: str, matchers: tuple[Matcher, ...]) -> str:
    """How Alertmanager names a node: its matchers and those above it."""
    own = "{" + ",".join(matcher_text(matcher) for matcher in matchers) + "}"
    return f"{parent}/{own}" if parent else own
