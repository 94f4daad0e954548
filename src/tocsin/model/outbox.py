"""What went over the wire while one message was brought to its receiver?

Whoever brings a message opens a `watch`; whoever speaks to a service calls `sending` before and
`answered` after. Without a watch both do nothing, so senders need not know of it. It follows the
message into threads, as context variables do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tocsin.kit.fault import Fault
from tocsin.kit.secret import masked, secrets_watched

_MOST_BYTES = 64 << 10
_MOST_ANSWER = 4 << 10


class Held(Fault):
    """The words are noted and nothing is to be sent: it is a rehearsal."""


class Outbox:
    """What was sent and what was answered, secrets masked; at most 64 KiB and 4 KiB.

    With `is_dry` nothing is sent: who speaks to a service gets Held in place of its turn.
    """

    def __init__(self, secrets: set[str], *, is_dry: bool = False) -> None:
        self.is_dry = is_dry
        self._secrets = secrets
        self._bodies: list[str] = []
        self._answers: list[str] = []
        self._size = 0

    @property
    def body(self) -> str:
        """Every body in the order of sending, blank lines between them."""
        return masked("\n\n".join(self._bodies), self._secrets)

    @property
    def answer(self) -> str:
        """What came back, in order."""
        return self.mask("\n".join(self._answers))[:_MOST_ANSWER]

    def mask(self, text: str) -> str:
        """The text without any secret that was used since the watch began."""
        return masked(text, self._secrets)

    def put(self, body: bytes | str) -> None:
        """Another body; what is beyond the bound is cut, and said so."""
        room = _MOST_BYTES - self._size
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        self._size += len(text)
        if room > 0:
            cut = len(text) - room
            self._bodies.append(f"{text[:room]}\n… and {cut} more characters" if cut > 0 else text)

    def put_answer(self, answer: bytes | str) -> None:
        """Another answer."""
        text = (
            answer if isinstance(answer, str) else answer[:_MOST_ANSWER].decode("utf-8", "replace")
        )
        self._answers.append(text.strip())


_watching: ContextVar[Outbox | None] = ContextVar("watching", default=None)


@contextmanager
def watch(*, is_dry: bool = False) -> Iterator[Outbox]:
    """Note what is sent within; with `is_dry`, what would be sent."""
    with secrets_watched() as secrets:
        outbox = Outbox(secrets, is_dry=is_dry)
        token = _watching.set(outbox)
        try:
            yield outbox
        finally:
            _watching.reset(token)


def sending(body: bytes | str) -> None:
    """These words are about to go to a service: a body, a text, a mail. Raises Held in a
    rehearsal."""
    outbox = _watching.get()
    if outbox is not None:
        outbox.put(body)
        if outbox.is_dry:
            raise Held("this is a rehearsal: nothing is sent")


def answered(answer: bytes | str) -> None:
    """This is what the service said to it: a status line, a body, a code."""
    outbox = _watching.get()
    if outbox is not None:
        outbox.put_answer(answer)
