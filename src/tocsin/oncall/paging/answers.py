"""How are pages answered by a link or from a notification? Signed, for one incident and person."""

from __future__ import annotations

ACKNOWLEDGE = "page.acknowledge"
ESCALATE = "page.escalate"
ANSWER = "page.answer"
"""Shows both and does what is chosen there: for messages with one link."""
ACTIONS = (ACKNOWLEDGE, ESCALATE, ANSWER)
_TEST = "test/"


def path_of(token: str) -> str:
    """Where a page is answered, below our address."""
    return f"/page/{token}"


def is_test(subject: str) -> bool:
    """Whether a page only tested the ways."""
    return subject.startswith(_TEST)
