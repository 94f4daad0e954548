"""How does a password travel through the program without ever being printed?"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from urllib.parse import quote, quote_plus

from tocsin.kit.fault import Rejected

HIDDEN = "<secret>"
_LONGEST_FILE_BYTES = 1 << 20
_SHORTEST_MASKED = 4
"""A shorter secret would take ordinary words with it; its key's name is masked all the same."""
_NAMED = re.compile(
    r'("(?:routing_key|service_key|integration_key|api_key|auth_token|access_token|bot_token)"'
    r'\s*:\s*")(?:[^"\\]|\\.)*"'
)
"""What some services want inside the body, in JSON."""
_watched: ContextVar[set[str] | None] = ContextVar("watched_secrets", default=None)


class Secret:
    """A text that shows `<secret>` wherever it is printed; only `reveal` gives it.

    Not a `str`, so that joining, formatting, logging or encoding it by accident cannot leak it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def from_config(cls, text: str) -> Secret:
        """As read by `kit.yaml.decode`."""
        return cls(text)

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        _revealed(self._text)
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"),
            other._text.encode("utf-8", "surrogatepass"),
        )

    def __hash__(self) -> int:
        return hash(("secret", self._text))

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)


def read_secret(inline: Secret | None, file: str | None, *, base: Path | None = None) -> str | None:
    """The secret given in place, or the file's content without its last newline; None when neither.

    A file is read at each use, so that a rotated secret needs no reload. `base` is the folder that
    a relative path starts from. Raises Rejected, naming the file, when it cannot be read.
    """
    if inline is not None:
        return inline.reveal()
    if not file:
        return None
    path = (base or Path()) / file
    try:
        with path.open("rb") as stream:
            content = stream.read(_LONGEST_FILE_BYTES)
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise Rejected(f"cannot read the secret in {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Rejected(f"the secret in {path} is not UTF-8 text") from error
    _revealed(text)
    return text


@contextmanager
def secrets_watched() -> Iterator[set[str]]:
    """Every secret that is revealed within, in threads too: what a record must not show."""
    found: set[str] = set()
    token = _watched.set(found)
    try:
        yield found
    finally:
        _watched.reset(token)


def masked(text: str, secrets: Collection[str]) -> str:
    """The text without these secrets, as they stand and as JSON and addresses write them, and
    without what JSON keys such as `routing_key` or `token` name."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_MASKED:
            for form in (
                secret,
                json.dumps(secret)[1:-1],
                quote(secret, safe=""),
                quote_plus(secret),
            ):
                text = text.replace(form, HIDDEN)
    return _NAMED.sub(rf'\1{HIDDEN}"', text)


def _revealed(text: str) -> None:
    watched = _watched.get()
    if watched is not None and text.strip():
        watched.add(text.strip())
