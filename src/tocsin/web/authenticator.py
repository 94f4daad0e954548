"""Whose credential is this? Answered from memory most of the time: microseconds, not a query."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.kit import gauge
from tocsin.kit.fault import Temporary
from tocsin.kit.secret import Secret
from tocsin.state.tokens import PREFIX, Scope, Token, TokenKind, allows_origin
from tocsin.web import credentials
from tocsin.web.credentials import Credential, KeyText, SessionSecret, Unreadable, UserPassword
from tocsin.web.identity import (
    LOCAL,
    NOBODY,
    Identity,
    Kind,
    of_browser_key,
    of_session,
    of_token,
    of_user,
    refused,
)
from tocsin.web.people import People
from tocsin.web.routing import Access

_MOST_KNOWN = 10_000
_KNOWN_SECONDS = 15.0
_RECENT_SECONDS = 2.0
_UNKNOWN_SECONDS = 5.0
"""How long another node's change may go unnoticed; this process's own are seen at once."""

_refusals = gauge.counter("auth_refusals", "Credentials that did not count, by why.", ("reason",))


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    since: float
    until: float
    version: tuple[int, int, int]


class Authenticator:
    """Tells who a caller is, by cookie, key or password."""

    def __init__(self, people: People, *, most_known: int = _MOST_KNOWN) -> None:
        self.people = people
        self._most_known = most_known
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._unknown: OrderedDict[bytes, _Known] = OrderedDict()
        self._origins: tuple[float, tuple[int, int, int], tuple[str, ...]] | None = None
        self.own_key = Secret(f"{PREFIX}{secrets.token_hex(24)}")
        """What Tocsin shows to itself to read its own metrics; lives as long as the process."""
        self._turns: dict[bytes, asyncio.Lock] = {}
        # Cached credentials are found by a keyed hash: the secrets themselves stay out of memory.
        self._pepper = secrets.token_bytes(32)

    async def identify(
        self,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        client: str = "",
        *,
        recent: bool = False,
    ) -> Identity:
        """Who sent this; header names in lower case. `client` is the caller's address. `recent` is
        for what goes on for long: of keys and sessions nothing older than seconds will do.

        A wrong credential is nobody with a `problem`. Raises Temporary when the caller guessed
        passwords too often or the database is away.
        """
        if self.people.auth_off:
            return LOCAL
        credential = credentials.find(headers, query or {}, cookies or {})
        if credential is None:
            return NOBODY
        if isinstance(credential, Unreadable):
            return self._refused("unreadable", credential.problem)
        # Passwords are hashed slowly on purpose, so they are not asked for again and again.
        oldest = _RECENT_SECONDS if recent and not isinstance(credential, UserPassword) else None
        found = await self._of(credential, client, oldest)
        if isinstance(credential, KeyText) and found.token is not None:
            return self._for_key(found, credential, headers)
        return found

    async def grpc_sender(self, metadata: Mapping[str, str]) -> str | None:
        """The sender's name for a gRPC call that ingests; None when it may not."""
        found = await self.identify(metadata)
        return found.name if found.allows(Access.INGEST) else None

    async def browser_origins(self) -> tuple[str, ...]:
        """The origins that any valid browser's key allows, for preflights, which carry no key."""
        now, version = self.people.clock.monotonic(), self.people.version
        kept = self._origins
        if kept is None or kept[0] <= now or kept[1] != version:
            now_ms = self.people.clock.now_ms()
            tokens = [t for t in await self.people.tokens.all() if t.is_valid(now_ms)]
            origins = tuple(sorted({origin for token in tokens for origin in token.origins}))
            kept = self._origins = (now + _KNOWN_SECONDS, version, origins)
        return kept[2]

    async def _of(
        self, credential: Credential, client: str, oldest_seconds: float | None
    ) -> Identity:
        key = self._key(credential)
        hit = self._remembered(key, oldest_seconds)
        if hit is not None:
            return self._still(hit)
        # One look-up a credential at a time: the many requests of one dashboard come at once, and
        # each would hash the password and count as an attempt.
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                hit = self._remembered(key, oldest_seconds)
                return self._still(hit or await self._found(credential, key, client))
        finally:
            if not turn.locked():
                self._turns.pop(key, None)

    def _remembered(self, key: bytes, oldest_seconds: float | None) -> Identity | None:
        now = self.people.clock.monotonic()
        for cache in (self._known, self._unknown):
            hit = cache.get(key)
            if hit is None or now >= hit.until or hit.version != self.people.version:
                continue
            if oldest_seconds is None or now - hit.since < oldest_seconds:
                return hit.identity
        return None

    async def _found(self, credential: Credential, key: bytes, client: str) -> Identity:
        now, version = self.people.clock.monotonic(), self.people.version
        found = await self._looked_up(credential, client)
        if isinstance(credential, UserPassword) and found.problem:
            return found  # each wrong password counts; none is answered from memory
        cache, seconds = (
            (self._unknown, _UNKNOWN_SECONDS) if found.problem else (self._known, _KNOWN_SECONDS)
        )
        cache[key] = _Known(found, now, now + seconds, version)
        cache.move_to_end(key)
        if len(cache) > self._most_known:
            cache.popitem(last=False)
        return found

    def _still(self, found: Identity) -> Identity:
        """The identity, unless its key has expired meanwhile; notes that it was used."""
        if found.token is not None:
            if not found.token.is_valid(self.people.clock.now_ms()):
                return self._refused("expired", "the key has expired")
            self.people.tokens.touch(found.token.id)
        if found.session is not None:
            self.people.sessions.touch(found.session.hash)
        return found

    async def _looked_up(self, credential: Credential, client: str) -> Identity:
        match credential:
            case KeyText():
                if Secret(credential.text) == self.own_key:
                    return Identity(Kind.TOKEN, "itself", frozenset((Scope.READ,)))
                token = await self.people.tokens.find(credential.text)
                if token is None:
                    return self._refused("key", "the key is unknown, revoked or expired")
                return of_token(token)
            case UserPassword():
                return await self._by_password(credential, client)
            case SessionSecret():
                session = await self.people.sessions.find(credential.text)
                if session is None:
                    return self._refused("session", "the session is over; log in again")
                return of_session(session)
            case Unreadable():
                return self._refused("unreadable", credential.problem)

    async def _by_password(self, credential: UserPassword, client: str) -> Identity:
        try:
            self.people.throttle.attempt(credential.name, client)
        except Temporary:
            _refusals.labels("throttled").inc()
            raise
        user = await self.people.users.check(credential.name, credential.password)
        if user is None:
            return self._refused("password", "the user's name or password is wrong")
        self.people.throttle.succeeded(credential.name, client)
        if user.must_change_password:
            return self._refused("password", "log in once and set a password of your own first")
        return of_user(user)

    def _for_key(
        self, found: Identity, credential: KeyText, headers: Mapping[str, str]
    ) -> Identity:
        token = found.token
        if token is not None and token.kind is TokenKind.BROWSER:
            return self._for_browser_key(token, headers)
        if credential.from_url and found.scopes - {Scope.INGEST}:
            narrowed = found.scopes & {Scope.INGEST}
            if not narrowed and Scope.ADMIN not in found.scopes:
                return self._refused(
                    "url", "a key in the URL can only ingest; send it as Authorization: Bearer"
                )
            return Identity(found.kind, found.name, frozenset((Scope.INGEST,)), token=token)
        return found

    def _for_browser_key(self, token: Token, headers: Mapping[str, str]) -> Identity:
        origin = headers.get("origin", "")
        if allows_origin(token.origins, origin):
            return of_browser_key(token)
        said = f"the origin {origin[:200]}" if origin else "a request without an Origin"
        return self._refused(
            "origin", f"the key {token.name!r} is a browser's key and {said} is not allowed for it"
        )

    def _refused(self, reason: str, problem: str) -> Identity:
        _refusals.labels(reason).inc()
        return refused(problem)

    def _key(self, credential: Credential) -> bytes:
        text = repr(credential)
        data = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._pepper, digest_size=24).digest()
