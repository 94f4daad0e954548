"""What did the affected services say? Their troubled lines, and all around the beginning."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.incident.evidence.bundle import FrozenLine
from tocsin.incident.evidence.graphs import Stretch
from tocsin.incident.evidence.ports import Limits, Lines, Room
from tocsin.model.incidents import Incident
from tocsin.model.logs import level_name
from tocsin.query.logs.ast import All, Compare, Everything, Field, Query, Some
from tocsin.query.logs.search import Line, Span

_NS = 1_000_000
_AROUND_MS = 120_000
_LONGEST = 8_000


async def freeze(
    search: Lines, incident: Incident, stretch: Stretch, limits: Limits, room: Room
) -> tuple[FrozenLine, ...]:
    """Lines in order of their times: of its services, of all when it names none. Raises the faults
    of the search."""
    began_ms = incident.started_ms or incident.opened_ms
    of_them = _of(incident.services)
    troubled = All((of_them, Field("level", Compare.AT_LEAST, "warn")))
    whole = Span(stretch.start_ms * _NS, stretch.end_ms * _NS + 1)
    found = await search.lines(troubled, whole, limits.trouble_lines, newest_first=False)
    if len(found) == limits.trouble_lines:
        total = await search.count(troubled, whole)
        if total > len(found):
            what = f"{total - len(found)} of {total} lines of the level warn and above"
            room.lacks(what, f"the earliest {len(found)} are there")
    near = Span((began_ms - _AROUND_MS) * _NS, (began_ms + _AROUND_MS) * _NS)
    around = await search.lines(of_them, near, limits.other_lines, newest_first=False)
    if len(around) == limits.other_lines:
        room.lacks(
            "some lines of other levels within two minutes of the beginning",
            f"the earliest {len(around)} are there",
        )
    by_id = {line.id: line for line in (*found, *around)}
    ordered = sorted(by_id.values(), key=lambda line: (line.ts_ns, line.batch, line.number))
    return tuple(_frozen(line, room) for line in ordered)


def _of(services: Sequence[str]) -> Query:
    if not services:
        return Everything()
    return Some(tuple(Field("service", Compare.EXACT, one) for one in services))


def _frozen(line: Line, room: Room) -> FrozenLine:
    if len(line.body) > _LONGEST:
        room.lacks(f"the end of the line {line.id}", f"it has {len(line.body)} characters")
    return FrozenLine(
        id=line.id,
        ts_ns=str(line.ts_ns),
        service=line.service,
        level=level_name(line.level),
        body=line.body[:_LONGEST],
        host=line.host,
        environment=line.environment,
        trace_id=line.trace_id,
        attributes=line.attributes,
    )
