"""How does a link in a mail prove that we made it, without a login?

Whoever holds the link may do the one thing that it names, until it expires, and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

import msgspec

from tocsin.kit.fault import Rejected

KEY_BYTES = 32
_MARK_BYTES = 16
_LONGEST_TOKEN = 2000
_PURPOSE = b"tocsin signed link 1\0"


class Expired(Rejected):
    """The link was ours, and its time is over."""


class SignedLink(msgspec.Struct, frozen=True, array_like=True):
    """What a link allows: an act ("ack") on a subject (a group's id), for whom it was sent to.
    `expires_s` in seconds since the epoch."""

    action: str
    subject: str
    recipient: str
    expires_s: int


class LinkMaker:
    """Makes such links below `base_url` and reads them again.

    `key` is at least 32 random bytes; another key makes every link worthless that was made before.
    """

    def __init__(self, key: bytes, base_url: str) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"a key of links needs {KEY_BYTES} bytes")
        self._key = key
        self._base = base_url.rstrip("/")

    def make(self, action: str, subject: str, recipient: str, expires_s: int) -> str:
        """The address of the page that asks whether the act is meant."""
        return f"{self._base}/answer/{self.token(action, subject, recipient, expires_s)}"

    def token(self, action: str, subject: str, recipient: str, expires_s: int) -> str:
        """The last part of that address."""
        words = msgspec.json.encode(SignedLink(action, subject, recipient[:320], expires_s))
        return _text(self._mark(words) + words)

    def read(self, token: str, now_s: float) -> SignedLink:
        """What a link allows. Raises Rejected for one that was not made by us or was changed,
        Expired for one whose time is over."""
        raw = _bytes(token)
        mark, words = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
        if not hmac.compare_digest(mark, self._mark(words)):
            raise Rejected("this link is not one that Tocsin made, or a part of it is missing")
        link = msgspec.json.decode(words, type=SignedLink)
        if now_s >= link.expires_s:
            raise Expired("this link has expired")
        return link

    def _mark(self, words: bytes) -> bytes:
        return hmac.digest(self._key, _PURPOSE + words, hashlib.sha256)[:_MARK_BYTES]


def new_key() -> str:
    """A key to be kept, as hex digits."""
    return secrets.token_hex(KEY_BYTES)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(token: str) -> bytes:
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        return b""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return b""
    return raw if _text(raw) == token else b""  # one spelling of a link only
