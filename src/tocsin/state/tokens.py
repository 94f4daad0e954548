"""Which keys may programs hold, and for what?"""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Row, bindparam, select, update

from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.state.database import Database
from tocsin.state.sessions import hash_of
from tocsin.state.tables import TOKENS

PREFIX = "toc_"
PUBLIC_PREFIX = "tocpub_"
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 40
_SHOWN = 10
_MOST_TOUCHED = 10_000


class Scope(Enum):
    """What a key is good for; `admin` includes the other two."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


class TokenKind(Enum):
    """Who may see the key: a program alone, or everybody who opens a page (bound to origins)."""

    SECRET = "secret"
    BROWSER = "browser"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is listed. `prefix` is its beginning; of a browser's key, which is public
    anyway, the whole. Times are milliseconds since the epoch."""

    id: int
    name: str
    kind: TokenKind
    prefix: str
    scopes: tuple[Scope, ...]
    origins: tuple[str, ...] = ()
    created_by: str = ""
    created_at: int = 0
    last_used_at: int | None = None
    expires_at: int | None = None
    revoked_at: int | None = None

    def is_valid(self, now_ms: int) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now_ms < self.expires_at)


class Tokens:
    """The table of keys; only their hashes are kept."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.changes = 0
        """Rises when somebody may do more or less than before, for caches of identities."""
        self._touched: dict[int, int] = {}

    async def create(
        self,
        name: str,
        scopes: Iterable[Scope],
        *,
        created_by: str,
        origins: Iterable[str] = (),
        expires_at: int | None = None,
    ) -> tuple[str, Token]:
        """A new key: its text, to be shown once, and how it is listed.

        With `origins` (`https://shop.example.com`, `https://*.example.com`, or `*`) it is a
        browser's key, which can only ingest. Raises Rejected for what makes no sense.
        """
        kept_scopes = tuple(sorted(set(scopes), key=lambda scope: scope.value))
        kept_origins = tuple(sorted({_clean_origin(origin) for origin in origins}))
        self._check(name, kept_scopes, kept_origins, expires_at)
        kind = TokenKind.BROWSER if kept_origins else TokenKind.SECRET
        start = PUBLIC_PREFIX if kept_origins else PREFIX
        text = start + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        values = {
            "name": name.strip(),
            "kind": kind.value,
            "prefix": text if kept_origins else text[:_SHOWN],
            "hash": hash_of(text),
            "scopes": ",".join(scope.value for scope in kept_scopes),
            "origins": msgspec.json.encode(kept_origins).decode(),
            "created_by": created_by,
            "created_at": self._clock.now_ms(),
            "expires_at": expires_at,
        }
        insert = TOKENS.insert().values(values).returning(TOKENS)
        async with self._database.transaction() as connection:
            row = (await connection.execute(insert)).one()
        self.changes += 1
        return text, _token(row)

    async def all(self) -> list[Token]:
        """Every key, the revoked ones too, the latest first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(TOKENS).order_by(TOKENS.c.id.desc()))
            return [_token(row) for row in rows]

    async def find(self, text: str) -> Token | None:
        """The valid key of that text, None when it is unknown, expired or revoked.

        The look-up is by hash, so that its time says nothing about the keys that exist.
        """
        question = select(TOKENS).where(TOKENS.c.hash == hash_of(text))
        async with self._database.reading() as connection:
            row = (await connection.execute(question)).first()
        token = _token(row) if row is not None else None
        return token if token is not None and token.is_valid(self._clock.now_ms()) else None

    async def revoke(self, token_id: int) -> Token:
        """Make it useless for ever; raises NotFound."""
        change = (
            update(TOKENS)
            .where(TOKENS.c.id == token_id, TOKENS.c.revoked_at.is_(None))
            .values(revoked_at=self._clock.now_ms())
        )
        async with self._database.transaction() as connection:
            await connection.execute(change)
            row = (await connection.execute(select(TOKENS).where(TOKENS.c.id == token_id))).first()
        self.changes += 1
        if row is None:
            raise NotFound(f"there is no key with the id {token_id}")
        return _token(row)

    def touch(self, token_id: int) -> None:
        """Note that it was used now; written by the next `flush`."""
        if len(self._touched) < _MOST_TOUCHED or token_id in self._touched:
            self._touched[token_id] = self._clock.now_ms()

    async def flush(self) -> None:
        """Write what `touch` noted."""
        touched, self._touched = self._touched, {}
        if not touched:
            return
        change = (
            update(TOKENS)
            .where(TOKENS.c.id == bindparam("key"))
            .values(last_used_at=bindparam("used"))
        )
        rows = [{"key": key, "used": at} for key, at in touched.items()]
        async with self._database.transaction() as connection:
            await connection.execute(change, rows)

    def _check(
        self,
        name: str,
        scopes: tuple[Scope, ...],
        origins: tuple[str, ...],
        expires_at: int | None,
    ) -> None:
        if not 1 <= len(name.strip()) <= 200:
            raise Rejected("a key needs a name of 1 to 200 characters that says who uses it")
        if not scopes:
            raise Rejected("a key needs at least one of the scopes ingest, read, admin")
        if origins and scopes != (Scope.INGEST,):
            raise Rejected("a browser's key is public, so its only scope can be ingest")
        if expires_at is not None and expires_at <= self._clock.now_ms():
            raise Rejected("the key would have expired already; choose a later time")


def _clean_origin(origin: str) -> str:
    """`scheme://host[:port]` in lower case, as browsers send it (RFC 6454, section 7)."""
    origin = origin.strip().rstrip("/").lower()
    if origin == "*":
        return origin
    try:
        parts = urlsplit(origin)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Rejected(f"{origin!r} is not an origin: {error}") from error
    rest = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not host or rest or len(origin) > 300:
        raise Rejected(f"{origin!r} is not an origin; write it as https://shop.example.com")
    if "*" in origin and not (host.startswith("*.") and host.count("*") == 1):
        raise Rejected(
            f"{origin!r}: a star stands for whole subdomains, as in https://*.example.com"
        )
    return origin


def allows_origin(origins: Iterable[str], origin: str) -> bool:
    """Whether one of the allowed origins is, or with a star covers, the request's."""
    origin = origin.lower()
    scheme, _, host = origin.partition("://")
    for allowed in origins:
        if allowed in ("*", origin):
            return True
        kept_scheme, _, pattern = allowed.partition("://")
        if pattern.startswith("*.") and scheme == kept_scheme and host.endswith(pattern[1:]):
            return True
    return False


def _token(row: Row[Any]) -> Token:  # Any: SQLAlchemy's rows have no static columns
    return Token(
        id=row.id,
        name=row.name,
        kind=TokenKind(row.kind),
        prefix=row.prefix,
        scopes=tuple(Scope(scope) for scope in row.scopes.split(",")),
        origins=tuple(msgspec.json.decode(row.origins, type=list[str])),
        created_by=row.created_by,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
