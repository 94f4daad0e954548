"""Which credential did the request bring, in any of the ways in which clients send them?"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.state.tokens import PREFIX, PUBLIC_PREFIX

COOKIE = "tocsin_session"
SECURE_COOKIE = "__Host-tocsin_session"
"""Browsers take a cookie of this name only over TLS and of this very host (RFC 6265bis)."""

_LONGEST = 4096
_SENTRY_KEY = re.compile(r"(?:^|[\s,])sentry_key=([^\s,]+)")
_KEY_HEADERS = ("x-api-key", "dd-api-key", "api-key")
_KEY_QUERIES = ("key", "api_key", "sentry_key")


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key. Those from a URL may only ingest: URLs end up in logs."""

    text: str
    from_url: bool = False


@dataclass(frozen=True, slots=True)
class UserPassword:
    """A person's name and password."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class SessionSecret:
    """What a session's cookie holds."""

    text: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An Authorization header that says nothing we know."""

    problem: str


Credential = KeyText | UserPassword | SessionSecret | Unreadable


def find(
    headers: Mapping[str, str], query: Mapping[str, str], cookies: Mapping[str, str]
) -> Credential | None:
    """The most explicit credential: the Authorization header, a key's header, the URL, a cookie."""
    authorization = headers.get("authorization")
    if authorization:
        return _of_authorization(authorization)
    for name in _KEY_HEADERS:
        text = headers.get(name)
        if text:
            return KeyText(text[:_LONGEST])
    sentry = headers.get("x-sentry-auth")
    if sentry:
        match = _SENTRY_KEY.search(sentry[:_LONGEST])
        if match:
            return KeyText(match[1], from_url=True)
    for name in _KEY_QUERIES:
        text = query.get(name)
        if text:
            return KeyText(text[:_LONGEST], from_url=True)
    cookie = cookies.get(SECURE_COOKIE) or cookies.get(COOKIE)
    return SessionSecret(cookie[:_LONGEST]) if cookie else None


def _of_authorization(value: str) -> Credential:
    scheme, _, rest = value[:_LONGEST].strip().partition(" ")
    rest = rest.strip()
    match scheme.lower():
        case "bearer" | "token":
            return KeyText(rest)
        case "basic":
            return _of_basic(rest)
        case "apikey":  # Elasticsearch: base64 of id:key, or the key itself
            decoded = _decoded(rest)
            return KeyText(decoded.rpartition(":")[2] if decoded and ":" in decoded else rest)
        case _:
            return Unreadable(f"the Authorization scheme {scheme[:20]!r} is not supported")


def _of_basic(encoded: str) -> Credential:
    decoded = _decoded(encoded)
    if decoded is None or ":" not in decoded:
        return Unreadable("the Authorization header is not valid Basic (RFC 7617)")
    name, _, password = decoded.partition(":")
    for text in (password, name):
        if text.startswith((PREFIX, PUBLIC_PREFIX)):
            return KeyText(text)
    return UserPassword(name, password)


def _decoded(encoded: str) -> str | None:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
