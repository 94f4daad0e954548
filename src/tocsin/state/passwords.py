"""How are passwords kept, compared and made?"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from tocsin.kit.fault import Rejected

SHORTEST = 10
LONGEST = 1000

# OWASP's second recommendation for argon2id (Password Storage Cheat Sheet): 19 MiB, two passes.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = 2

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the letters and digits that are taken for one another."""


class Passwords:
    """Hashes and checks, two at a time so that a flood of logins cannot take the memory."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._decoy = ""

    async def hash(self, password: str) -> str:
        """An argon2id hash of its own salt, some 25 ms of work."""
        async with self._turn:
            return await asyncio.to_thread(_HASHER.hash, _normal(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password. Without a hash (no such user): False, after as long."""
        if len(password) > LONGEST:
            return False
        if password_hash is None and not self._decoy:
            self._decoy = await self.hash(secrets.token_hex(16))
        async with self._turn:
            is_right = await asyncio.to_thread(
                _is_right, password_hash or self._decoy, _normal(password)
            )
        return is_right and password_hash is not None


def _is_right(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """The same password, however the keyboard composes its letters (RFC 8265 asks for NFC)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace").decode()


def check_new(password: str, *, name: str) -> None:
    """Raises Rejected with the rule that a new password breaks."""
    if len(password) < SHORTEST:
        raise Rejected(f"the new password is shorter than {SHORTEST} characters")
    if len(password) > LONGEST:
        raise Rejected(f"the new password is longer than {LONGEST} characters")
    if password.lower() == name.lower() or len(set(password)) < 4:
        raise Rejected("the new password is too easy to guess; use several unrelated words")


def one_time() -> str:
    """A password to be read from a terminal and typed once, 78 bits: `hx4c-9mqd-…`."""
    groups = ["".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4)]
    return "-".join(groups)
