"""What can be done about people and keys on the machine itself, without logging in?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psutil

from tocsin.app.keeping import database_url
from tocsin.app.settings_tree import Config
from tocsin.kit.clock import Clock
from tocsin.state.audit import Audit
from tocsin.state.database import Database
from tocsin.state.tokens import Scope, Token, Tokens
from tocsin.state.users import OneTimePassword, Users

_SHORT_MS = 24 * 3_600_000


async def reset_password(config: Config, clock: Clock, name: str) -> OneTimePassword:
    """Give a user a one-time password, enable the user and end all the user's sessions.

    Works beside a running Tocsin, which takes notice within seconds. Raises NotFound, or Temporary
    and Permanent when the database cannot be used.
    """
    async with _opened(config) as database:
        return await Users(database, clock).reset_password(name)


async def create_token(
    config: Config,
    clock: Clock,
    name: str,
    scopes: Sequence[Scope],
    *,
    origins: Sequence[str] = (),
    expires_at: int | None = None,
) -> tuple[str, Token]:
    """Make a key; its text is known this once. Raises as `Tokens.create`, and as above."""
    async with _opened(config) as database:
        by = _who()
        made = await Tokens(database, clock).create(
            name, scopes, created_by=by, origins=origins, expires_at=expires_at
        )
        detail = {"scopes": ",".join(scope.value for scope in made[1].scopes)}
        await Audit(database, clock).record(by, "token_created", name, detail=detail, ip="")
        return made


async def tokens(config: Config, clock: Clock) -> list[Token]:
    """Every key, the revoked ones too, the latest first."""
    async with _opened(config) as database:
        return await Tokens(database, clock).all()


async def revoke_token(config: Config, clock: Clock, token_id: int) -> Token:
    """Make a key useless; a running Tocsin takes notice within seconds. Raises NotFound."""
    async with _opened(config) as database:
        token = await Tokens(database, clock).revoke(token_id)
        await Audit(database, clock).record(_who(), "token_revoked", token.name, ip="")
        return token


@asynccontextmanager
async def short_key(config: Config, clock: Clock, name: str) -> AsyncIterator[str]:
    """An admin's key for one command on this machine; it is revoked when that ends.

    Who may write the state database may do everything anyway.
    """
    expires_at = clock.now_ms() + _SHORT_MS
    text, token = await create_token(config, clock, name, [Scope.ADMIN], expires_at=expires_at)
    try:
        yield text
    finally:
        await revoke_token(config, clock, token.id)


@asynccontextmanager
async def _opened(config: Config) -> AsyncIterator[Database]:
    database = Database(database_url(config))
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def _who() -> str:
    return f"{psutil.Process().username()} (command line)"
