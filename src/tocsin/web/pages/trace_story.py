"""What does a trace tell at first sight? Where its time went, and what failed first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.query.traces.answers import ERROR, Trace
from tocsin.query.traces.tree import Node


@dataclass(frozen=True, slots=True)
class Share:
    """A service's part: `own_ns` its spans did not wait for others, summed; `critical_ns` of the
    critical path were its own."""

    service: str
    spans: int
    errors: int
    own_ns: int
    critical_ns: int


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A span as the waterfall draws it; `colour` of its service, times from the trace's begin."""

    span_id: str
    up: int
    depth: int
    name: str
    service: str
    colour: int
    kind: int
    is_failed: bool
    offset_ns: int
    duration_ns: int
    own_ns: int
    below: int
    failed: int
    is_lost: bool
    critical: tuple[tuple[int, int], ...]
    message: str


def rows_of(nodes: Sequence[Node], trace: Trace, colours: dict[str, int]) -> list[Row]:
    """All spans, in the order in which they stand."""
    return [
        Row(
            span_id=node.span.span_id,
            up=node.up,
            depth=node.depth,
            name=node.span.name,
            service=node.span.service,
            colour=colours.get(node.span.service, 9),
            kind=node.span.kind,
            is_failed=node.span.status == ERROR,
            offset_ns=node.span.ts_ns - trace.began_ns,
            duration_ns=node.span.duration_ns,
            own_ns=node.own_ns,
            below=node.below,
            failed=node.failed,
            is_lost=node.is_lost,
            critical=node.critical,
            message=node.span.status_message[:200],
        )
        for node in nodes
    ]


def shares_of(nodes: Sequence[Node]) -> list[Share]:
    """Each service, those first that the critical path spent most time in."""
    sums: dict[str, list[int]] = {}
    for node in nodes:
        one = sums.setdefault(node.span.service, [0, 0, 0, 0])
        one[0] += 1
        one[1] += node.span.status == ERROR
        one[2] += node.own_ns
        one[3] += sum(end - start for start, end in node.critical)
    found = [Share(service, *numbers) for service, numbers in sums.items()]
    return sorted(found, key=lambda share: (-share.critical_ns, -share.own_ns, share.service))


def cause_of(nodes: Sequence[Node]) -> Node | None:
    """The first span that failed without one below it that failed; None when none did."""
    failed = [node for node in nodes if node.span.status == ERROR and not node.failed]
    return min(failed, key=lambda node: node.span.ts_ns, default=None)
