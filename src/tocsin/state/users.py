"""Who are the people, and may they do this?"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec
from sqlalchemy import Row, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.state import passwords
from tocsin.state.database import Database
from tocsin.state.tables import SESSIONS, USERS

FIRST_ADMIN = "admin"


class Role(Enum):
    """What a person may do: everything, work with it, or look."""

    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person who can log in. Times are milliseconds since the epoch."""

    id: int
    name: str
    email: str = ""
    role: Role = Role.MEMBER
    must_change_password: bool = False
    created_at: int = 0
    disabled_at: int | None = None


class OneTimePassword(msgspec.Struct, frozen=True):
    """To be shown once, on the terminal; works until the person sets a password."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"OneTimePassword({self.user!r}, <secret>)"


class Users:
    """The table of people. Names are compared without regard to case."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.changes = 0
        """Rises when somebody may do more or less than before, for caches of identities."""
        self._passwords = passwords.Passwords()

    async def ensure_admin(self) -> OneTimePassword | None:
        """Make the first administrator when there is nobody; None when there is somebody."""
        async with self._database.reading() as connection:
            count = await connection.scalar(select(func.count()).select_from(USERS))
        if count:
            return None
        password = passwords.one_time()
        try:
            await self.add(FIRST_ADMIN, password, role=Role.ADMIN, must_change_password=True)
        except Rejected:  # another node was faster
            return None
        return OneTimePassword(FIRST_ADMIN, password)

    async def add(
        self,
        name: str,
        password: str,
        *,
        role: Role = Role.MEMBER,
        email: str = "",
        must_change_password: bool = False,
    ) -> User:
        """Raises Rejected when the name is taken or cannot be used, or the password is weak."""
        name = _clean_name(name)
        passwords.check_new(password, name=name)
        values = {
            "name": name,
            "email": email.strip()[:320],
            "role": role.value,
            "password_hash": await self._passwords.hash(password),
            "must_change_password": must_change_password,
            "created_at": self._clock.now_ms(),
        }
        try:
            async with self._database.transaction() as connection:
                row = (
                    await connection.execute(USERS.insert().values(values).returning(USERS))
                ).one()
        except IntegrityError as error:
            raise Rejected(f"there is already a user {name!r}; choose another name") from error
        self.changes += 1
        return _user(row)

    async def all(self) -> list[User]:
        """Everybody, by name."""
        async with self._database.reading() as connection:
            return [
                _user(r) for r in await connection.execute(select(USERS).order_by(USERS.c.name))
            ]

    async def get(self, user_id: int) -> User:
        """Raises NotFound."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(USERS).where(USERS.c.id == user_id))).first()
        if row is None:
            raise NotFound(f"there is no user with the id {user_id}")
        return _user(row)

    async def check(self, name: str, password: str) -> User | None:
        """The user whose password it is, None when it is wrong, unknown or disabled; each takes as
        long as the other."""
        wanted = name.strip().lower()
        async with self._database.reading() as connection:
            row = (await connection.execute(select(USERS).where(USERS.c.name == wanted))).first()
        usable = row is not None and row.disabled_at is None
        known_hash = row.password_hash if row is not None and usable else None
        is_right = await self._passwords.verify(password, known_hash)
        return _user(row) if row is not None and is_right else None

    async def set_password(self, user_id: int, password: str, *, keep_session: str = "") -> None:
        """Set a lasting password and end the user's sessions but `keep_session` (a hash)."""
        user = await self.get(user_id)
        passwords.check_new(password, name=user.name)
        await self._set_password(user_id, password, must_change=False, keep_session=keep_session)

    async def reset_password(self, name: str) -> OneTimePassword:
        """Give a user a one-time password and end all sessions; enables a disabled user.

        Raises NotFound.
        """
        wanted = name.strip().lower()
        async with self._database.reading() as connection:
            user_id = await connection.scalar(select(USERS.c.id).where(USERS.c.name == wanted))
        if user_id is None:
            known = ", ".join(user.name for user in (await self.all())[:20])
            raise NotFound(f"there is no user {name!r}; known: {known}")
        password = passwords.one_time()
        await self._set_password(user_id, password, must_change=True, keep_session="")
        return OneTimePassword(wanted, password)

    async def set_role(self, user_id: int, role: Role) -> User:
        """Raises Rejected when nobody would be left to administer."""
        async with self._database.transaction() as connection:
            if role is not Role.ADMIN:
                await _keep_an_admin(connection, user_id)
            change = update(USERS).where(USERS.c.id == user_id).values(role=role.value)
            await connection.execute(change)
        self.changes += 1
        return await self.get(user_id)

    async def disable(self, user_id: int) -> User:
        """End the user's sessions and refuse new ones; raises Rejected for the last admin."""
        async with self._database.transaction() as connection:
            await _keep_an_admin(connection, user_id)
            now = self._clock.now_ms()
            change = update(USERS).where(USERS.c.id == user_id).values(disabled_at=now)
            await connection.execute(change)
            await connection.execute(SESSIONS.delete().where(SESSIONS.c.user_id == user_id))
        self.changes += 1
        return await self.get(user_id)

    async def enable(self, user_id: int) -> User:
        """Let a disabled user log in again."""
        async with self._database.transaction() as connection:
            change = update(USERS).where(USERS.c.id == user_id).values(disabled_at=None)
            await connection.execute(change)
        self.changes += 1
        return await self.get(user_id)

    async def _set_password(
        self, user_id: int, password: str, *, must_change: bool, keep_session: str
    ) -> None:
        values = {
            "password_hash": await self._passwords.hash(password),
            "must_change_password": must_change,
            **({"disabled_at": None} if must_change else {}),
        }
        async with self._database.transaction() as connection:
            await connection.execute(update(USERS).where(USERS.c.id == user_id).values(values))
            await connection.execute(
                SESSIONS.delete().where(
                    SESSIONS.c.user_id == user_id, SESSIONS.c.hash != keep_session
                )
            )
        self.changes += 1


async def _keep_an_admin(connection: AsyncConnection, user_id: int) -> None:
    others = await connection.scalar(
        select(func.count())
        .select_from(USERS)
        .where(
            USERS.c.role == Role.ADMIN.value, USERS.c.disabled_at.is_(None), USERS.c.id != user_id
        )
    )
    if not others:
        raise Rejected("this is the last administrator; make somebody else one first")


def _clean_name(name: str) -> str:
    name = name.strip().lower()
    if not 1 <= len(name) <= 200 or not name.isprintable() or ":" in name:
        raise Rejected("a user's name has 1 to 200 printable characters and no colon")
    return name


def _user(row: Row[Any]) -> User:  # Any: SQLAlchemy's rows have no static columns
    return User(
        id=row.id,
        name=row.name,
        email=row.email,
        role=Role(row.role),
        must_change_password=row.must_change_password,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )
