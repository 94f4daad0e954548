"""Who calls whom? Spans of one service whose parent is of another, and calls that lead outside."""

from __future__ import annotations

import asyncio

import msgspec

from tocsin.query.traces.answers import ERROR, Dependency
from tocsin.query.traces.asking import Asking
from tocsin.query.traces.rates import minutes
from tocsin.query.traces.sql import within

_MOST_SPANS = 200_000
"""Where a range has more, parts of it are looked at: a join's memory is bounded so."""
_PARTS, _LEAST_PART_NS = 24, 60_000_000_000
"""So many parts are looked at, evenly apart. They are long, as traces over an end lose a call."""
_MOST_EDGES = 1_000
_OUTWARD = "(3, 4)"
"""The numbers of the kinds client and producer."""


class _Count(msgspec.Struct, frozen=True, array_like=True):
    spans: int


async def dependencies(asking: Asking, from_ns: int, until_ns: int) -> list[Dependency]:
    """The most frequent first."""
    counting = f"SELECT sum(requests) FROM spans_1m WHERE {minutes(from_ns, until_ns)}"
    (count,) = await asking.rows(counting, _Count)
    share = max(1, -(-count.spans // _MOST_SPANS))
    where = looked_at(from_ns, until_ns, share)
    inner, outer = await asyncio.gather(
        asking.rows(_between(where, share), Dependency),
        asking.rows(_outward(where, share), Dependency),
    )
    known = {one.parent for one in inner} | {one.child for one in inner}
    # A peer that is known by its name sends spans of its own: these say more.
    found = inner + [one for one in outer if one.child not in known]
    return sorted(found, key=lambda one: (-one.calls, one.parent, one.child))


def looked_at(from_ns: int, until_ns: int, share: int) -> str:
    """One in `share` nanoseconds of the range, in SQL."""
    if share == 1:
        return within(from_ns, until_ns)
    length = until_ns - from_ns
    parts = max(1, min(_PARTS, length // share // _LEAST_PART_NS))
    step = length // parts
    starts = (from_ns + number * step for number in range(parts))
    return "(" + " OR ".join(within(start, start + step // share) for start in starts) + ")"


def _between(where: str, share: int) -> str:
    return (
        f"SELECT p.service AS parent, c.service AS child, sum(c.weight) * {share} AS calls,"
        f" sumIf(c.weight, c.status = {ERROR}) * {share}, '',"
        " toUInt64(quantile(0.95)(c.duration_ns))"
        " FROM (SELECT cityHash64(trace_id, parent_id) AS up, service, status, duration_ns, weight"
        f" FROM spans WHERE {where} AND parent_id != '') AS c"
        " INNER JOIN (SELECT cityHash64(trace_id, span_id) AS id, any(service) AS service"
        f" FROM spans WHERE {where} GROUP BY id) AS p ON p.id = c.up"
        f" WHERE parent != child GROUP BY parent, child ORDER BY calls DESC LIMIT {_MOST_EDGES}"
    )


def _outward(where: str, share: int) -> str:
    """Client spans without a child, by what they say of whom they call."""
    database = (
        "if(attributes['db.system.name'] != '', attributes['db.system.name'],"
        " attributes['db.system'])"
    )
    messaging = "attributes['messaging.system']"
    address = (
        "if(attributes['server.address'] != '', attributes['server.address'],"
        " attributes['net.peer.name'])"
    )
    return (
        f"SELECT service AS parent, multiIf(peer != '', peer, db != '', db, queue != '', queue,"
        f" address) AS child, sum(weight) * {share} AS calls,"
        f" sumIf(weight, status = {ERROR}) * {share},"
        " multiIf(db != '', 'database', queue != '', 'messaging', 'external') AS what,"
        " toUInt64(quantile(0.95)(duration_ns))"
        f" FROM (SELECT *, attributes['peer.service'] AS peer, {database} AS db,"
        f" {messaging} AS queue, {address} AS address FROM spans"
        f" WHERE {where} AND kind IN {_OUTWARD})"
        " WHERE cityHash64(trace_id, span_id) NOT IN"
        f" (SELECT cityHash64(trace_id, parent_id) FROM spans WHERE {where} AND parent_id != '')"
        " GROUP BY parent, child, what HAVING child != '' AND child != parent"
        f" ORDER BY calls DESC LIMIT {_MOST_EDGES}"
    )
