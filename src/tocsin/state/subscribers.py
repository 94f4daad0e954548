"""Who asked to be told of what the status page says? Kept once they have confirmed it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import func, select

from tocsin.state.database import Database, upsert
from tocsin.state.sessions import hash_of
from tocsin.state.tables import STATUS_SUBSCRIBERS

ACTIVE = "active"


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """One who is told: `kind` is "email" or "webhook", `token` is the unsubscribe link's secret,
    `secret` signs the bodies that a webhook gets."""

    id: int = 0
    kind: str
    address: str
    state: str = ACTIVE
    token: str
    secret: str = ""
    created_at: int = 0
    """Milliseconds since the epoch."""


class _Content(msgspec.Struct, frozen=True):
    address: str
    token: str
    secret: str = ""


class Subscribers:
    """The table of subscribers. All raise Temporary when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, one: Subscriber) -> Subscriber:
        """Keep one, in place of what was known of its address; returns it with its id."""
        content = _Content(one.address, one.token, one.secret)
        row = {
            "kind": one.kind,
            "state": one.state,
            "token_hash": hash_of(one.token),
            "created_at": one.created_at,
            "content": msgspec.json.encode(content),
        }
        key = {"address_hash": _hash(one.kind, one.address)}
        table = STATUS_SUBSCRIBERS.c
        which = select(table.id).where(table.address_hash == key["address_hash"])
        async with self._database.transaction() as connection:
            await upsert(connection, STATUS_SUBSCRIBERS, key, row)
            number = await connection.scalar(which)
        return msgspec.structs.replace(one, id=int(number or 0))

    async def of_address(self, kind: str, address: str) -> Subscriber | None:
        """None when that address was never confirmed, or is forgotten."""
        return await self._one(STATUS_SUBSCRIBERS.c.address_hash == _hash(kind, address))

    async def of_token(self, token: str) -> Subscriber | None:
        """Who got that link."""
        return await self._one(STATUS_SUBSCRIBERS.c.token_hash == hash_of(token))

    async def get(self, subscriber_id: int) -> Subscriber | None:
        """None when it is forgotten."""
        return await self._one(STATUS_SUBSCRIBERS.c.id == subscriber_id)

    async def after(self, subscriber_id: int, limit: int) -> list[Subscriber]:
        """The next of those that are told, by their ids."""
        table = STATUS_SUBSCRIBERS.c
        question = select(STATUS_SUBSCRIBERS).where(table.state == ACTIVE, table.id > subscriber_id)
        async with self._database.reading() as connection:
            found = await connection.execute(question.order_by(table.id).limit(limit))
            return [_subscriber(row) for row in found]

    async def remove(self, subscriber_id: int) -> bool:
        """Forget one, its address too; whether there was one."""
        is_it = STATUS_SUBSCRIBERS.c.id == subscriber_id
        async with self._database.transaction() as connection:
            gone = await connection.execute(STATUS_SUBSCRIBERS.delete().where(is_it))
        return gone.rowcount > 0

    async def counts(self) -> Mapping[str, int]:
        """How many of each kind are told."""
        table = STATUS_SUBSCRIBERS.c
        question = (
            select(table.kind, func.count()).where(table.state == ACTIVE).group_by(table.kind)
        )
        async with self._database.reading() as connection:
            return {kind: int(count) for kind, count in await connection.execute(question)}

    async def _one(self, is_it: object) -> Subscriber | None:
        question = select(STATUS_SUBSCRIBERS).where(is_it)  # type: ignore[arg-type]  # a condition
        async with self._database.reading() as connection:
            row = (await connection.execute(question)).first()
        return None if row is None else _subscriber(row)


def _hash(kind: str, address: str) -> str:
    return hash_of(f"{kind} {address}")


def _subscriber(row: object) -> Subscriber:
    found = msgspec.convert(row, _Read, from_attributes=True)
    content = msgspec.json.decode(found.content, type=_Content)
    return Subscriber(
        id=found.id,
        kind=found.kind,
        address=content.address,
        state=found.state,
        token=content.token,
        secret=content.secret,
        created_at=found.created_at,
    )


class _Read(msgspec.Struct, frozen=True):
    """A row by its columns' names."""

    id: int
    kind: str
    state: str
    created_at: int
    content: bytes
