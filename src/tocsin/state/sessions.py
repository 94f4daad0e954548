"""Who is logged in, on which browser, and until when?"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, delete, select, update

from tocsin.kit.clock import Clock
from tocsin.state.database import Database
from tocsin.state.tables import SESSIONS, USERS
from tocsin.state.users import Role, User

_MOST_TOUCHED = 10_000


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One login. `hash` names it; the secret that the browser holds is not kept anywhere."""

    hash: str
    user: User
    csrf: str
    created_at: int
    seen_at: int
    expires_at: int
    ip: str
    agent: str


class Sessions:
    """The table of logins. A session ends `days` after it was last used."""

    def __init__(self, database: Database, clock: Clock, days: float = 30) -> None:
        self._database = database
        self._clock = clock
        self.changes = 0
        """Rises when somebody may do more or less than before, for caches of identities."""
        self._lifetime_ms = round(days * 86_400_000)
        self._touched: dict[str, int] = {}

    @property
    def lifetime_seconds(self) -> int:
        """How long a cookie lasts."""
        return self._lifetime_ms // 1000

    async def start(self, user: User, *, ip: str, agent: str) -> tuple[str, Session]:
        """A new login: the secret for the cookie, and the session."""
        secret = secrets.token_urlsafe(32)
        now = self._clock.now_ms()
        session = Session(
            hash=hash_of(secret),
            user=user,
            csrf=secrets.token_urlsafe(32),
            created_at=now,
            seen_at=now,
            expires_at=now + self._lifetime_ms,
            ip=ip[:64],
            agent=agent[:300],
        )
        values = {key: getattr(session, key) for key in session.__struct_fields__ if key != "user"}
        async with self._database.transaction() as connection:
            await connection.execute(SESSIONS.insert().values(user_id=user.id, **values))
        return secret, session

    async def find(self, secret: str) -> Session | None:
        """The session that the cookie names; None when unknown, over, or its user is disabled."""
        question = (
            select(SESSIONS, USERS)
            .join(USERS, USERS.c.id == SESSIONS.c.user_id)
            .where(
                SESSIONS.c.hash == hash_of(secret),
                SESSIONS.c.expires_at > self._clock.now_ms(),
                USERS.c.disabled_at.is_(None),
            )
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(question)).first()
        return _session(row) if row is not None else None

    async def of_user(self, user_id: int) -> list[Session]:
        """The user's logins, the latest used first."""
        question = (
            select(SESSIONS, USERS)
            .join(USERS, USERS.c.id == SESSIONS.c.user_id)
            .where(SESSIONS.c.user_id == user_id, SESSIONS.c.expires_at > self._clock.now_ms())
            .order_by(SESSIONS.c.seen_at.desc())
        )
        async with self._database.reading() as connection:
            return [_session(row) for row in await connection.execute(question)]

    async def end(self, session_hash: str) -> None:
        """Log out; harmless when the session is over."""
        self._touched.pop(session_hash, None)
        async with self._database.transaction() as connection:
            await connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == session_hash))
        self.changes += 1

    def touch(self, session_hash: str) -> None:
        """Note that it was used now; written by the next `flush`."""
        if len(self._touched) < _MOST_TOUCHED or session_hash in self._touched:
            self._touched[session_hash] = self._clock.now_ms()

    async def flush(self) -> None:
        """Write what `touch` noted and forget sessions that are over."""
        touched, self._touched = self._touched, {}
        change = (
            update(SESSIONS)
            .where(SESSIONS.c.hash == bindparam("key"))
            .values(seen_at=bindparam("seen"), expires_at=bindparam("until"))
        )
        rows = [
            {"key": key, "seen": at, "until": at + self._lifetime_ms} for key, at in touched.items()
        ]
        async with self._database.transaction() as connection:
            if rows:
                await connection.execute(change, rows)
            over = SESSIONS.c.expires_at <= self._clock.now_ms()
            await connection.execute(delete(SESSIONS).where(over))


def hash_of(secret: str) -> str:
    """How a secret of 256 random bits is kept; such a one needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _session(row: Row[Any]) -> Session:  # Any: SQLAlchemy's rows have no static columns
    user = User(
        id=row.user_id,
        name=row.name,
        email=row.email,
        role=Role(row.role),
        must_change_password=row.must_change_password,
        created_at=row.created_at_1,
        disabled_at=row.disabled_at,
    )
    return Session(
        hash=row.hash,
        user=user,
        csrf=row.csrf,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        ip=row.ip,
        agent=row.agent,
    )
