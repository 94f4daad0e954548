"""Where is kept what must be done later, at least once, and by one node at a time?

An errand is claimed by comparing and setting in one statement, so that of two nodes one gets it;
a claim lasts until a time, so that what a dead node held is done by another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tocsin.kit.fault import Temporary
from tocsin.model.errands import NOTHING, Errand, Plan
from tocsin.state.database import Database
from tocsin.state.tables import ERRANDS

WAITING, DONE, FAILED, CANCELLED = "waiting", "done", "failed", "cancelled"
_CLAIMED_AT_ONCE = 50
_KINDS_AT_ONCE = 500


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How many errands may be claimed: of a kind what stands in `of_kind`, of each other kind
    `otherwise`, of all together `most`."""

    most: int = _CLAIMED_AT_ONCE
    of_kind: Mapping[str, int] = {}
    otherwise: int = _CLAIMED_AT_ONCE


ANY = Room()


class ClaimLost(Temporary):
    """Somebody else does it now, or it was cancelled: nothing of this attempt counts."""


class ErrandTable:
    """The errands. Everything raises Temporary when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def carry_out(self, plan: Plan, now_ms: int) -> None:
        """Put and cancel, all or nothing; a key that was ever put stays as it is."""
        async with self._database.transaction() as connection:
            await carry_out(connection, plan, now_ms)

    async def claim(
        self, node: str, now_ms: int, lease_ms: int, *, room: Room = ANY
    ) -> list[Errand]:
        """What is due and nobody does just now, as far as there is room; what may be done for the
        longest time comes first, so that what fails again and again stands behind what is new. It
        is `node`'s until the lease ends."""
        if room.most <= 0:
            return []
        async with self._database.reading() as connection:
            found = [row[0] for row in await connection.execute(_due(room, now_ms))]
        claimed: list[Errand] = []
        for errand_id in found:
            try:
                one = await self._claimed(errand_id, node, now_ms, lease_ms)
            except Temporary:
                if not claimed:
                    raise
                break  # what is ours already is done now, not when its claim has ended
            if one is not None:
                claimed.append(one)
        return claimed

    async def _claimed(
        self, errand_id: int, node: str, now_ms: int, lease_ms: int
    ) -> Errand | None:
        table = ERRANDS.c
        is_free = and_(
            table.id == errand_id,
            table.state == WAITING,
            table.due_at <= now_ms,
            table.claimed_until <= now_ms,
        )
        take = ERRANDS.update().where(is_free)
        async with self._database.transaction() as connection:
            taken = await connection.execute(
                take.values(
                    claimed_by=node,
                    claimed_until=now_ms + lease_ms,
                    attempts=table.attempts + 1,
                    updated_at=now_ms,
                )
            )
            if taken.rowcount != 1:
                return None
            row = (await connection.execute(select(ERRANDS).where(table.id == errand_id))).one()
        return _errand(row)

    async def release(self, node: str) -> None:
        """What an earlier process of that node held may be claimed at once."""
        change = ERRANDS.update().where(ERRANDS.c.claimed_by == node, ERRANDS.c.state == WAITING)
        async with self._database.transaction() as connection:
            await connection.execute(change.values(claimed_until=0))

    async def finish(self, errand: Errand, plan: Plan, now_ms: int, *, state: str = DONE) -> None:
        """It is over, and what follows is put and cancelled, in one transaction. Raises ClaimLost
        when it is not the claimant's any more."""
        await self._end(errand, plan, now_ms, {"state": state, "error": errand.error})

    async def again(
        self, errand: Errand, due_ms: int, content: bytes, plan: Plan, now_ms: int
    ) -> None:
        """It goes on then, from that content, with its attempts counted anew; as `finish`."""
        values = {"due_at": due_ms, "content": content, "attempts": 0, "error": ""}
        await self._end(errand, plan, now_ms, values)

    async def retry(self, errand: Errand, due_ms: int, error: str, now_ms: int) -> None:
        """It failed for now and is tried again then, due since when it was; as `finish`."""
        values = {"claimed_by": "", "claimed_until": due_ms, "error": error}
        await self._end(errand, NOTHING, now_ms, values)

    async def _end(
        self, errand: Errand, plan: Plan, now_ms: int, values: dict[str, object]
    ) -> None:
        table = ERRANDS.c
        is_ours = and_(
            table.id == errand.id,
            table.state == WAITING,
            table.claimed_by == errand.claimed_by,
            table.claimed_until == errand.claimed_until_ms,
        )
        change = ERRANDS.update().where(is_ours)
        async with self._database.transaction() as connection:
            changed = {"claimed_until": 0, "updated_at": now_ms, **values}
            ended = await connection.execute(change.values(**changed))
            if ended.rowcount != 1:
                raise ClaimLost(f"the errand {errand.key} was cancelled or taken over meanwhile")
            await carry_out(connection, plan, now_ms)

    async def next_due_ms(self, room: Room = ANY) -> int:
        """When there is something to do next of what there is room for: a claim may end without an
        end of its errand. 0 when there is nothing."""
        question = select(func.min(_since())).where(ERRANDS.c.state == WAITING, _room_for(room) > 0)
        async with self._database.reading() as connection:
            return int(await connection.scalar(question) or 0)

    async def get(self, key: str) -> Errand | None:
        """One; None when that key was never put."""
        question = select(ERRANDS).where(ERRANDS.c.key == key)
        async with self._database.reading() as connection:
            found = (await connection.execute(question)).first()
        return None if found is None else _errand(found)

    async def find(
        self, *, subject: str = "", kinds: Sequence[str] = (), states: Sequence[str] = ()
    ) -> list[Errand]:
        """Those about a subject, of these kinds, in these states (any, where nothing is named), in
        the order in which they were put; the newest 1,000."""
        table = ERRANDS.c
        conditions: list[ColumnElement[bool]] = []
        if subject:
            conditions.append(table.subject == subject)
        if kinds:
            conditions.append(table.kind.in_(kinds))
        if states:
            conditions.append(table.state.in_(states))
        question = select(ERRANDS).where(*conditions).order_by(table.id.desc()).limit(1000)
        async with self._database.reading() as connection:
            return [_errand(row) for row in await connection.execute(question)][::-1]

    async def drop(self, before_ms: int) -> int:
        """Forget what was over before then; how many went."""
        table = ERRANDS.c
        gone = and_(table.state != WAITING, table.updated_at < before_ms)
        async with self._database.transaction() as connection:
            return int((await connection.execute(ERRANDS.delete().where(gone))).rowcount)


def _since() -> ColumnElement[int]:
    """Since when it may be done, in ms."""
    table = ERRANDS.c
    return case((table.claimed_until > table.due_at, table.claimed_until), else_=table.due_at)


def _room_for(room: Room) -> ColumnElement[int]:
    if not room.of_kind:
        return literal(room.otherwise)
    return case(dict(room.of_kind), value=ERRANDS.c.kind, else_=room.otherwise)


def _due(room: Room, now_ms: int) -> Select[int]:
    """The ids of what is free, of each kind as many as there is room for."""
    table, since = ERRANDS.c, _since()
    place = func.row_number().over(partition_by=table.kind, order_by=(since, table.id))
    free = (
        select(table.id, since.label("since"), place.label("place"), _room_for(room).label("room"))
        .where(table.state == WAITING, table.due_at <= now_ms, table.claimed_until <= now_ms)
        .subquery()
    )
    return (
        select(free.c.id)
        .where(free.c.place <= free.c.room)
        .order_by(free.c.since, free.c.id)
        .limit(min(room.most, _CLAIMED_AT_ONCE))
    )


async def carry_out(connection: AsyncConnection, plan: Plan, now_ms: int) -> None:
    """Put and cancel within somebody's transaction."""
    is_wanted = or_(
        ERRANDS.c.key.in_(plan.cancel[:_KINDS_AT_ONCE]),
        *(
            and_(ERRANDS.c.kind == kind, ERRANDS.c.subject == subject)
            for kind, subject in plan.cancel_subjects
        ),
    )
    if plan.cancel or plan.cancel_subjects:
        change = ERRANDS.update().where(ERRANDS.c.state == WAITING, is_wanted)
        await connection.execute(change.values(state=CANCELLED, updated_at=now_ms))
    if plan.put:
        rows = [_row(one, now_ms) for one in plan.put]
        await connection.execute(_inserting(connection.dialect.name), rows)


def _inserting(dialect: str):  # type: ignore[no-untyped-def]  # the two dialects' inserts differ
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(ERRANDS).on_conflict_do_nothing(index_elements=("key",))
    return sqlite.insert(ERRANDS).on_conflict_do_nothing(index_elements=("key",))


def _row(errand: Errand, now_ms: int) -> dict[str, object]:
    return {
        "kind": errand.kind,
        "key": errand.key,
        "subject": errand.subject,
        "due_at": errand.due_ms,
        "state": WAITING,
        "attempts": 0,
        "claimed_by": "",
        "claimed_until": 0,
        "error": "",
        "updated_at": now_ms,
        "content": errand.content,
    }


def _errand(row: object) -> Errand:
    found = msgspec.convert(row, _Read, from_attributes=True)
    return Errand(
        id=found.id,
        kind=found.kind,
        key=found.key,
        subject=found.subject,
        due_ms=found.due_at,
        content=found.content,
        state=found.state,
        attempts=found.attempts,
        claimed_by=found.claimed_by,
        claimed_until_ms=found.claimed_until,
        error=found.error,
        updated_ms=found.updated_at,
    )


class _Read(msgspec.Struct, frozen=True):
    """A row by its columns' names."""

    id: int
    kind: str
    key: str
    subject: str
    due_at: int
    state: str
    attempts: int
    claimed_by: str
    claimed_until: int
    error: str
    updated_at: int
    content: bytes
