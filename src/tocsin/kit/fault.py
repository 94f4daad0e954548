"""What went wrong, said so that the caller knows what to do next."""

from __future__ import annotations


class Fault(Exception):
    """Something that was foreseen; the message names the thing, the place and the remedy."""


class Rejected(Fault):
    """The caller is wrong; the same call will fail again."""


class TooLarge(Rejected):
    """The caller sent more than is allowed."""


class NotFound(Rejected):
    """What the caller named is not there."""


class Temporary(Fault):
    """Try again, after `retry_after` seconds if it is known."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooMuch(Temporary):
    """The caller sent more than it may for now; what it sent was not taken."""


class Permanent(Fault):
    """No retry helps; a person must act."""
