"""What do pages and doors need of paging? How somebody is reached, and what answers come to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from starlette.requests import Request

from tocsin.kit.signed_link import LinkMaker, SignedLink
from tocsin.web.attempts import Attempts
from tocsin.web.services import services

if TYPE_CHECKING:
    from tocsin.oncall.escalation.state import State
    from tocsin.oncall.paging.address_book import AddressBook
    from tocsin.oncall.paging.contacts import Contacts
    from tocsin.oncall.paging.testing import PageTests
    from tocsin.oncall.webpush.device import Device, Devices


class Answers(Protocol):
    """What people do about incidents without a login."""

    async def acknowledge(self, number: str, who: str, source: str) -> str:
        """What came of it, in a sentence. Raises NotFound, Rejected."""

    async def escalate(self, number: str, who: str, source: str) -> str:
        """The same."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The incident that a page is about; `over` and `taken_by` say whether it still matters."""

    title: str
    severity: str
    status: str
    since_s: float
    is_over: bool = False
    taken_by: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Pager:
    """Everything about paging."""

    answers: Answers
    links: Callable[[], LinkMaker | None]
    standing: Callable[[SignedLink], Awaitable[Standing]]
    """Of what a link is about. Raises NotFound."""
    waiting: Callable[[str], Awaitable[tuple[State, int] | None]]
    """The next turn of an incident's escalation and when it comes (ms)."""
    book: AddressBook
    contacts: Contacts
    devices: Devices
    tests: PageTests
    ring: Callable[[Device, str], Awaitable[None]]
    """Send one device a test, as somebody asked. Raises Temporary, Rejected or Permanent."""
    send_code: Callable[[str, str, str, str], Awaitable[None]]
    """To a person's new way (kind, address), that code. Raises likewise."""
    push_key: Callable[[], str]
    """What browsers need to subscribe."""
    allow_private: Callable[[], bool]
    attempts: Attempts


def pager(request: Request) -> Pager:
    """The pager of the application that serves this request."""
    return services(request).pager
