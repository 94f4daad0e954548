"""Where does each service stand in the drawing of who calls whom? Callers at the left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from tocsin.query.traces.answers import Dependency, Rate

MOST_NODES = 60
"""More are not told apart; the table has them all."""
NODE_WIDTH, NODE_HEIGHT = 176, 48
_ACROSS, _DOWN, _EDGE = 268, 74, 12
_SWEEPS = 4
_MOST_COLUMNS = 8
_DENSE = 100


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A service, or what is known by its callers alone (`kind` says as what)."""

    name: str
    kind: str
    x: int
    y: int
    rate: Rate | None
    calls: int
    failures: int

    @property
    def failed(self) -> float:
        """The share that failed, 0 to 1."""
        return self.failures / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """Calls from one to the other: the path that is drawn, and how thick."""

    call: Dependency
    path: str
    width: float

    @property
    def failed(self) -> float:
        """The share that failed, 0 to 1."""
        return self.call.failures / self.call.calls if self.call.calls else 0.0


@dataclass(frozen=True, slots=True)
class Graph:
    """The drawing. `left_out` nodes had no room."""

    nodes: Sequence[GraphNode]
    edges: Sequence[GraphEdge]
    width: int
    height: int
    left_out: int

    @property
    def is_dense(self) -> bool:
        """Whether lines have to be thin to be told apart."""
        return len(self.edges) > _DENSE


def graph_of(calls: Sequence[Dependency], rates: Mapping[str, Rate]) -> Graph:
    """The drawing of these calls; services that nobody calls and that call nobody stand alone."""
    names = _busiest(calls, rates)
    kept = names[:MOST_NODES]
    drawn = [one for one in calls if one.parent in kept and one.child in kept]
    joined = {name for one in drawn for name in (one.parent, one.child)}
    # What is known by its callers alone says nothing without them.
    kept = [name for name in kept if name in joined or name in rates]
    layers = _ordered(_layers(kept, drawn), drawn)
    tallest = max((len(layer) for layer in layers), default=1)
    places: dict[str, tuple[int, int]] = {}
    for column, layer in enumerate(layers):
        top = _EDGE + (tallest - len(layer)) * _DOWN // 2
        for row, name in enumerate(layer):
            places[name] = (_EDGE + column * _ACROSS, top + row * _DOWN)
    most = max((one.calls for one in drawn), default=1)
    return Graph(
        nodes=[_node(name, places[name], calls, rates) for name in kept],
        edges=[_edge(one, places, most) for one in drawn],
        width=max(1, len(layers) - 1) * _ACROSS + NODE_WIDTH + 2 * _EDGE,
        height=max(1, tallest - 1) * _DOWN + NODE_HEIGHT + 2 * _EDGE,
        left_out=len(names) - len(kept),
    )


def around(
    service: str, calls: Sequence[Dependency], rates: Mapping[str, Rate]
) -> tuple[list[Dependency], dict[str, Rate]]:
    """The calls of one service alone, and how those do that have part in them."""
    kept = [one for one in calls if service in (one.parent, one.child)]
    names = {service, *(name for one in kept for name in (one.parent, one.child))}
    return kept, {name: rate for name, rate in rates.items() if name in names}


def _busiest(calls: Sequence[Dependency], rates: Mapping[str, Rate]) -> list[str]:
    sums = {name: one.requests for name, one in rates.items()}
    for call in calls:
        sums.setdefault(call.parent, 0)
        sums[call.child] = max(sums.get(call.child, 0), call.calls)
    return sorted(sums, key=lambda name: (-sums[name], name))


def _layers(names: Sequence[str], calls: Sequence[Dependency]) -> list[list[str]]:
    """Each to the right of all its callers, calls that close a ring left aside; where that takes
    too many columns, to the right of the nearest of them."""
    children: dict[str, list[str]] = {name: [] for name in names}
    called = set()
    for one in calls:
        children[one.parent].append(one.child)
        called.add(one.child)
    column = dict.fromkeys(names, 0)
    roots = [name for name in names if name not in called] or list(names[:1])
    done: set[str] = set()
    order: list[str] = []
    for root in [*roots, *names]:
        _visit(root, children, done, order)
    seen: set[str] = set()
    for name in reversed(order):
        seen.add(name)
        for child in children[name]:
            if child not in seen:
                column[child] = max(column[child], column[name] + 1)
    if max(column.values(), default=0) >= _MOST_COLUMNS:
        column = _steps(roots, names, children)
    layers: list[list[str]] = [[] for _ in range(max(column.values(), default=0) + 1)]
    for name in names:
        layers[column[name]].append(name)
    return [layer for layer in layers if layer]


def _steps(
    roots: Sequence[str], names: Sequence[str], children: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """How many calls each is away from where requests come in."""
    found = dict.fromkeys(roots, 0)
    waiting = list(roots)
    for name in waiting:
        for child in children[name]:
            if child not in found:
                found[child] = found[name] + 1
                waiting.append(child)
    return {name: found.get(name, 0) for name in names}


def _visit(
    root: str, children: Mapping[str, Sequence[str]], done: set[str], order: list[str]
) -> None:
    """Append what is below, then the root itself."""
    if root in done:
        return
    done.add(root)
    waiting = [(root, iter(children[root]))]
    while waiting:
        name, rest = waiting[-1]
        child = next((one for one in rest if one not in done), None)
        if child is None:
            order.append(name)
            waiting.pop()
        else:
            done.add(child)
            waiting.append((child, iter(children[child])))


def _ordered(layers: list[list[str]], calls: Sequence[Dependency]) -> list[list[str]]:
    """Each near the middle of those it is joined with: fewer lines cross."""
    for _ in range(_SWEEPS):
        place = {name: row for layer in layers for row, name in enumerate(layer)}
        for number, layer in enumerate(layers):
            near = {
                name: [place[one.parent] for one in calls if one.child == name]
                + [place[one.child] for one in calls if one.parent == name]
                for name in layer
            }
            layers[number] = sorted(
                layer,
                key=lambda name, near=near, place=place: (  # type: ignore[misc]  # defaults bind
                    sum(near[name]) / len(near[name]) if near[name] else place[name]
                ),
            )
    return layers


def _node(
    name: str, at: tuple[int, int], calls: Sequence[Dependency], rates: Mapping[str, Rate]
) -> GraphNode:
    rate = rates.get(name)
    inward = [one for one in calls if one.child == name]
    kind = "" if rate else next((one.kind for one in inward), "")
    count = rate.requests if rate else sum(one.calls for one in inward)
    failures = rate.failures if rate else sum(one.failures for one in inward)
    return GraphNode(name, kind, *at, rate, count, failures)


def _edge(one: Dependency, places: Mapping[str, tuple[int, int]], most: int) -> GraphEdge:
    (x1, y1), (x2, y2) = places[one.parent], places[one.child]
    x1, y1, y2 = x1 + NODE_WIDTH, y1 + NODE_HEIGHT // 2, y2 + NODE_HEIGHT // 2
    bend = max(40, abs(x2 - x1) // 2)
    path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 5} {y2}"
    return GraphEdge(one, path, round(1.2 + 2.8 * log(1 + one.calls) / log(1 + most), 2))
