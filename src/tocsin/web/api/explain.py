"""What did a query read, from where, and how long did each part of it take?"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.query.promql.evaluate import NodeStats
from tocsin.query.promql.result import QueryStats

_LONGEST_PART = 400


class Part(msgspec.Struct, frozen=True):
    """One node of the query: its text, and its time without that of its own parts."""

    text: str
    kind: str
    depth: int
    total_seconds: float
    own_seconds: float
    series_in: int
    series_out: int


class Explanation(msgspec.Struct, frozen=True):
    """How a query ran."""

    read_from: str
    series_read: int
    samples_read: int
    pieces_of_time: int
    parse_seconds: float
    fetch_seconds: float
    evaluate_seconds: float
    parts: list[Part]


def parts_of(query: str, nodes: Sequence[NodeStats]) -> list[Part]:
    """The nodes as a tree, parents first; `nodes` has children before their parents."""
    found: list[Part] = []
    open_parents: list[NodeStats] = []
    for node in reversed(nodes):
        while open_parents and not _holds(open_parents[-1], node):
            open_parents.pop()
        text = query[node.pos.start : node.pos.end][:_LONGEST_PART]
        found.append(
            Part(
                text=text,
                kind=node.kind,
                depth=len(open_parents),
                total_seconds=node.seconds,
                own_seconds=node.seconds,
                series_in=node.series_in,
                series_out=node.series_out,
            )
        )
        open_parents.append(node)
    return _without_children(found)


def _holds(parent: NodeStats, node: NodeStats) -> bool:
    inside = parent.pos.start <= node.pos.start and node.pos.end <= parent.pos.end
    return inside and parent.pos != node.pos


def _without_children(parts: list[Part]) -> list[Part]:
    """The parts, each with its own time: its total less that of the parts right below it."""
    own = [part.total_seconds for part in parts]
    for index, part in enumerate(parts):
        for above in range(index - 1, -1, -1):
            if parts[above].depth == part.depth - 1:
                own[above] -= part.total_seconds
                break
    return [
        msgspec.structs.replace(part, own_seconds=max(0.0, seconds))
        for part, seconds in zip(parts, own, strict=True)
    ]


def explanation(query: str, stats: QueryStats) -> Explanation:
    """A query's numbers as the page shows them."""
    return Explanation(
        read_from=" and ".join(_ORIGINS.get(name, name) for name in stats.origins) or "nothing",
        series_read=stats.series_read,
        samples_read=stats.samples_read,
        pieces_of_time=max(1, stats.chunks),
        parse_seconds=stats.parse_seconds,
        fetch_seconds=stats.fetch_seconds,
        evaluate_seconds=stats.eval_seconds,
        parts=parts_of(query, stats.nodes),
    )


_ORIGINS = {"recent": "memory", "store": "the store", "rollup": "hourly rollups"}
