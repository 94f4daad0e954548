"""Which errors are kept of an issue, and what do they have in common?

The table of errors names an issue by the numbers of its prints (`fingerprint.number_of`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from tocsin.errortracking.answers import (
    Content,
    EventRow,
    PersonSeen,
    ReleaseSeen,
    TagShown,
)
from tocsin.kit.fault import NotFound, Rejected
from tocsin.store.client import Store
from tocsin.store.error_writer import ErrorWriter
from tocsin.store.literal import literal

MOST_STEPS = 500
_MOST_EVENTS = 1_000
_SECONDS = 15.0
_TAG_VALUES = 20
_LOOKED_AT = 20_000
"""Tags are told of so many of the newest errors."""
_COLUMNS = (
    "event_id, toUnixTimestamp64Nano(ts) AS ts_ns, issue, project, kind, value, culprit, level,"
    " source, platform, service, environment, release, host, user_id, trace_id, span_id,"
    " transaction, handled, weight, tags"
)

T = TypeVar("T")


class Of(msgspec.Struct, frozen=True, kw_only=True):
    """An issue as the table of errors knows it: its project and its prints' numbers."""

    project: str
    numbers: tuple[int, ...]

    @property
    def condition(self) -> str:
        """In SQL."""
        listed = ", ".join(map(str, self.numbers)) or "0"
        return f"project = {literal(self.project)} AND issue IN ({listed})"


class _Found(msgspec.Struct, frozen=True):
    event_id: str
    ts_ns: int
    issue: int
    project: str
    kind: str
    value: str
    culprit: str
    level: int
    source: str
    platform: str
    service: str
    environment: str
    release: str
    host: str
    user_id: str
    trace_id: str
    span_id: str
    transaction: str
    handled: bool
    weight: int
    tags: dict[str, str]
    content: str = ""


class _Step(msgspec.Struct, frozen=True):
    project: str
    number: int
    step: int
    times: int


class _Tag(msgspec.Struct, frozen=True):
    key: str
    value: str
    times: int


class Event(msgspec.Struct, frozen=True):
    """A row and the number of its print."""

    row: EventRow
    number: int
    content: str = ""

    def whole(self) -> Content:
        """What is kept beyond the columns; nothing when it was damaged."""
        try:
            return msgspec.json.decode(self.content, type=Content)
        except msgspec.DecodeError:
            return Content(message=self.row.value, left_out=("the content, which is damaged",))


class EventSearch:
    """Questions about kept errors. All raise Temporary when the store does not answer."""

    def __init__(self, store: Store, writer: ErrorWriter) -> None:
        self._store = store
        self._writer = writer

    async def events(
        self, of: Of, *, words: str = "", limit: int = 50, offset: int = 0
    ) -> list[Event]:
        """The newest first; each of the words is part of the value, the user or a tag."""
        if not 0 <= limit <= _MOST_EVENTS or not 0 <= offset <= 1_000_000:
            raise Rejected(f"at most {_MOST_EVENTS:,} events at a time can be asked for")
        where = [of.condition]
        for word in words.lower().split()[:10]:
            part = literal(word)
            where.append(
                f"(positionCaseInsensitiveUTF8(value, {part}) > 0"
                f" OR positionCaseInsensitiveUTF8(user_id, {part}) > 0"
                f" OR lower(event_id) = {part} OR lower(release) = {part} OR trace_id = {part}"
                f" OR arrayExists(x -> positionCaseInsensitiveUTF8(x, {part}) > 0,"
                " mapValues(tags)))"
            )
        sql = (
            f"SELECT {_COLUMNS} FROM errors WHERE {' AND '.join(where)}"
            f" ORDER BY ts DESC, event_id LIMIT {limit} OFFSET {offset}"
        )
        return [_event(one) for one in await self._rows(sql, {}, _Found)]

    async def event(self, of: Of, event_id: str) -> Event:
        """One of them, whole: by its id, or "latest", or "oldest". Raises NotFound."""
        where, order = of.condition, "DESC"
        parameters: dict[str, str] = {}
        if event_id == "oldest":
            order = "ASC"
        elif event_id != "latest":
            where += " AND event_id = {id:String}"
            parameters = {"id": event_id}
        sql = f"SELECT {_COLUMNS}, content FROM errors WHERE {where} ORDER BY ts {order} LIMIT 1"
        found = await self._rows(sql, parameters, _Found)
        if not found:
            raise NotFound(f"the event {event_id[:40]} is not kept, or not any more")
        return _event(found[0])

    async def named(self, event_id: str) -> Event:
        """An error of whichever issue, whole. Raises NotFound."""
        sql = f"SELECT {_COLUMNS}, content FROM errors WHERE event_id = {{id:String}} LIMIT 1"
        found = await self._rows(sql, {"id": event_id}, _Found)
        if not found:
            raise NotFound(f"the event {event_id[:40]} is not kept, or not any more")
        return _event(found[0])

    async def beside(self, of: Of, one: Event) -> tuple[str, str]:
        """The ids of the next newer and the next older one; empty where there is none."""
        here = f"(toUnixTimestamp64Nano(ts), event_id) {{}} ({one.row.ts_ns}, {{id:String}})"
        found = []
        for sign, order in ((">", "ASC"), ("<", "DESC")):
            sql = (
                f"SELECT event_id AS value FROM errors WHERE {of.condition} AND "
                + here.replace("{}", sign)
                + f" ORDER BY ts {order}, event_id {order} LIMIT 1"
            )
            rows = await self._rows(sql, {"id": one.row.event_id}, _Value)
            found.append(rows[0].value if rows else "")
        return found[0], found[1]

    async def of_trace(self, trace_id: str, limit: int) -> list[Event]:
        """The errors of a trace, the oldest first."""
        sql = (
            f"SELECT {_COLUMNS} FROM errors WHERE trace_id = {{id:String}} AND trace_id != ''"
            f" ORDER BY ts LIMIT {min(limit, _MOST_EVENTS)}"
        )
        return [_event(one) for one in await self._rows(sql, {"id": trace_id}, _Found)]

    async def tags(self, of: Of) -> list[TagShown]:
        """Of the newest errors: their tags, environment, release, host and user."""
        own = ("environment", "release", "host", "transaction")
        named = ", ".join(f"('{name}', toString({name}))" for name in own)
        sql = (
            "SELECT pair.1 AS key, pair.2 AS value, sum(weight) AS times FROM"
            " (SELECT weight, arrayJoin(arrayConcat(arrayMap((k, v) -> (toString(k), v),"
            f" mapKeys(tags), mapValues(tags)), [{named}])) AS pair FROM (SELECT * FROM errors"
            f" WHERE {of.condition} ORDER BY ts DESC LIMIT {_LOOKED_AT}))"
            f" WHERE value != '' GROUP BY key, value ORDER BY times DESC LIMIT 2000"
        )
        found: dict[str, list[tuple[str, int]]] = {}
        for one in await self._rows(sql, {}, _Tag):
            found.setdefault(one.key, []).append((one.value, one.times))
        shown = [
            TagShown(
                key=key,
                times=sum(times for _, times in counted),
                values=tuple(counted[:_TAG_VALUES]),
            )
            for key, counted in found.items()
        ]
        return sorted(shown, key=lambda one: (-one.times, one.key))

    async def people(self, of: Of, limit: int) -> list[PersonSeen]:
        """Whom it happened to, the most affected first."""
        sql = (
            "SELECT user_id, sum(weight) AS times, toUnixTimestamp64Milli(min(ts)) AS first_ms,"
            f" toUnixTimestamp64Milli(max(ts)) AS last_ms FROM errors WHERE {of.condition} AND"
            f" user_id != '' GROUP BY user_id ORDER BY times DESC LIMIT {min(limit, _MOST_EVENTS)}"
        )
        return await self._rows(sql, {}, PersonSeen)

    async def releases(self, of: Of) -> list[ReleaseSeen]:
        """The releases that had it, the newest first."""
        sql = (
            "SELECT toString(release) AS release, sum(weight) AS times,"
            " toUnixTimestamp64Milli(min(ts)) AS first_ms, toUnixTimestamp64Milli(max(ts)) AS"
            f" last_ms FROM errors WHERE {of.condition} AND release != '' GROUP BY release"
            " ORDER BY first_ms DESC LIMIT 200"
        )
        return await self._rows(sql, {}, ReleaseSeen)

    async def trend(
        self, issues: Mapping[int, Of], from_ms: int, until_ms: int, step_ms: int
    ) -> dict[int, tuple[int, ...]]:
        """How many errors each issue had in each step."""
        steps = -(-(until_ms - from_ms) // step_ms) if step_ms > 0 else 0
        if not 0 < steps <= MOST_STEPS:
            raise Rejected(f"the range must have 1 to {MOST_STEPS} steps, not {steps}")
        owners = {(of.project, number): key for key, of in issues.items() for number in of.numbers}
        counted = {key: [0] * steps for key in issues}
        if owners:
            any_of = " OR ".join(f"({of.condition})" for of in issues.values())
            sql = (
                "SELECT project, issue AS number,"
                f" toUInt32(intDiv(toUnixTimestamp64Milli(ts) - {from_ms}, {step_ms})) AS step,"
                f" sum(weight) AS times FROM errors WHERE ({any_of}) AND"
                f" toUnixTimestamp64Milli(ts) >= {from_ms} AND"
                f" toUnixTimestamp64Milli(ts) < {until_ms} GROUP BY project, issue, step"
            )
            for one in await self._rows(sql, {}, _Step):
                owner = owners.get((one.project, one.number))
                if owner is not None and one.step < steps:
                    counted[owner][one.step] += one.times
        return {key: tuple(each) for key, each in counted.items()}

    async def kept(self, of: Of) -> dict[int, tuple[int, int, int]]:
        """By a print's number: how many errors the store has, the first and the last time."""
        sql = (
            "SELECT project, issue AS number, sum(weight) AS times,"
            " toUnixTimestamp64Milli(min(ts)) AS first_ms, toUnixTimestamp64Milli(max(ts)) AS"
            f" last_ms FROM errors WHERE {of.condition} GROUP BY project, issue"
        )
        found = await self._rows(sql, {}, _Span)
        return {one.number: (one.times, one.first_ms, one.last_ms) for one in found}

    async def _rows(self, sql: str, parameters: Mapping[str, Any], kind: type[T]) -> list[T]:
        await self._writer.settle()
        return await self._store.fetch_rows(sql, parameters, kind, timeout_seconds=_SECONDS)


class _Value(msgspec.Struct, frozen=True):
    value: str


class _Span(msgspec.Struct, frozen=True):
    project: str
    number: int
    times: int
    first_ms: int
    last_ms: int


def _event(found: _Found) -> Event:
    values = msgspec.structs.asdict(found)
    number, content = values.pop("issue"), values.pop("content")
    return Event(EventRow(issue_id=0, **values), number, content)
