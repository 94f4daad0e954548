"""Which span is below which, and which ones made the trace as long as it was?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.model.spans import Span
from tocsin.query.traces.answers import ERROR

_SERVER = 2


@dataclass(frozen=True, slots=True)
class Node:
    """A span at its place. `up` is the place of its parent among the nodes, -1 at the top; `below`
    counts all spans under it, `failed` those of them that failed. `own_ns` is what no child
    covers. `critical` are the parts of it that decided how long the trace took, as nanoseconds
    from the begin of the trace. `is_lost` says that its parent did not come."""

    span: Span
    up: int
    depth: int
    below: int
    failed: int
    own_ns: int
    critical: tuple[tuple[int, int], ...]
    is_lost: bool


def tree(spans: Sequence[Span]) -> list[Node]:
    """Each span once, parents before their children, brothers by their begin."""
    parents = _parents(spans)
    children: dict[int, list[int]] = {}
    for place, parent in enumerate(parents):
        children.setdefault(parent, []).append(place)
    order = _ordered(children, len(spans))
    critical = _critical(spans, children)
    place_in = {old: new for new, (old, _) in enumerate(order)}
    below, failed = _sums(spans, parents, order)
    return [
        Node(
            span=spans[old],
            up=place_in[parents[old]] if parents[old] >= 0 else -1,
            depth=depth,
            below=below[old],
            failed=failed[old],
            own_ns=_own(spans[old], [spans[child] for child in children.get(old, ())]),
            critical=tuple(critical.get(old, ())),
            is_lost=bool(spans[old].parent_id) and parents[old] < 0,
        )
        for old, depth in order
    ]


def _parents(spans: Sequence[Span]) -> list[int]:
    """The place of each span's parent, -1 for none. Rings, which broken senders make, are cut."""
    first: dict[str, int] = {}
    for place, span in enumerate(spans):
        first.setdefault(span.span_id, place)
    found = []
    for place, span in enumerate(spans):
        shared = first[span.span_id]
        # Zipkin's servers take their client's id instead of one of their own.
        if shared != place and span.kind == _SERVER:
            found.append(shared)
        else:
            parent = first.get(span.parent_id, -1) if span.parent_id else -1
            found.append(parent if parent != place else -1)
    _cut_rings(found)
    return found


def _cut_rings(parents: list[int]) -> None:
    known = [0] * len(parents)
    for start in range(len(parents)):
        place, path = start, start + 1
        while place >= 0 and not known[place]:
            known[place] = path
            if parents[place] >= 0 and known[parents[place]] == path:
                parents[place] = -1
            place = parents[place]


def _ordered(children: dict[int, list[int]], count: int) -> list[tuple[int, int]]:
    order: list[tuple[int, int]] = []
    waiting = [(place, 0) for place in reversed(children.get(-1, []))]
    while waiting and len(order) < count:
        place, depth = waiting.pop()
        order.append((place, depth))
        waiting += [(child, depth + 1) for child in reversed(children.get(place, []))]
    return order


def _sums(
    spans: Sequence[Span], parents: Sequence[int], order: Sequence[tuple[int, int]]
) -> tuple[list[int], list[int]]:
    below, failed = [0] * len(spans), [0] * len(spans)
    for place, _ in reversed(order):
        if (parent := parents[place]) >= 0:
            below[parent] += below[place] + 1
            failed[parent] += failed[place] + (spans[place].status == ERROR)
    return below, failed


def _own(span: Span, children: Sequence[Span]) -> int:
    """How long it did not wait for a child; children may overlap, and outlive it."""
    covered, reached, end = 0, span.ts_ns, span.ts_ns + span.duration_ns
    for child in sorted(children, key=lambda one: one.ts_ns):
        start, stop = max(child.ts_ns, reached), min(child.ts_ns + child.duration_ns, end)
        if stop > start:
            covered += stop - start
            reached = stop
    return span.duration_ns - covered


def _critical(
    spans: Sequence[Span], children: dict[int, list[int]]
) -> dict[int, list[tuple[int, int]]]:
    """From the end of the longest top span backwards: the child that ended last before the moment
    is what it waited for, and what lies between is its own."""
    tops = children.get(-1, [])
    if not tops:
        return {}
    began = min(span.ts_ns for span in spans)
    top = max(tops, key=lambda place: spans[place].duration_ns)
    found: dict[int, list[tuple[int, int]]] = {}
    ends = spans[top].ts_ns + spans[top].duration_ns
    waiting = [(top, spans[top].ts_ns, ends)]
    while waiting:
        place, start, at = waiting.pop()
        by_end = sorted(children.get(place, ()), key=lambda one: _end(spans[one]), reverse=True)
        for child in by_end:
            if at <= start:
                break
            # What began after the moment, or went on behind it, was not waited for.
            stop, begin = _end(spans[child]), max(spans[child].ts_ns, start)
            if stop > at or begin >= stop:
                continue
            if at > stop:
                found.setdefault(place, []).append((stop - began, at - began))
            waiting.append((child, begin, stop))
            at = begin
        if at > start:
            found.setdefault(place, []).append((start - began, at - began))
    return {place: sorted(parts) for place, parts in found.items()}


def _end(span: Span) -> int:
    return span.ts_ns + span.duration_ns
