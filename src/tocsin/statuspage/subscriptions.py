"""Who is told of updates? Nobody who did not ask for it and confirm it at the address itself.

Nothing is kept of an address before it is confirmed: the link that is sent there holds it, signed.
So nobody finds out by asking whether an address is known.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.errors import MessageError
from email.headerregistry import Address

import msgspec

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected
from tocsin.kit.outside import Network
from tocsin.kit.signed_link import LinkMaker
from tocsin.model.errands import Errand, Plan
from tocsin.state.subscribers import Subscriber, Subscribers
from tocsin.statuspage.config import SubscriptionsConfig
from tocsin.statuspage.letters import new_secret
from tocsin.statuspage.outward import web_address

EMAIL, WEBHOOK = "email", "webhook"
MAIL_KIND = "status_mail"
_CONFIRM = "status_confirm"
_CONFIRM_SECONDS = 2 * 86_400
_HOUR_MS = 3_600_000
_LONGEST_ADDRESS = 254
_SECRET_BYTES = 24


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The content of a "status_mail" errand. `what` is "confirm" (`kind`, `address`, `token`),
    "spread" (to all subscribers after the id `after`) or "update" (to `subscriber`)."""

    what: str
    kind: str = ""
    address: str = ""
    token: str = ""
    post: str = ""
    update: str = ""
    after: int = 0
    subscriber: int = 0


Put = Callable[[Plan], Awaitable[None]]


class Subscriptions:
    """Asks, confirms and forgets."""

    def __init__(self, table: Subscribers, clock: Clock, put: Put) -> None:
        self.table = table
        self._clock = clock
        self._put = put
        self._config = SubscriptionsConfig()
        self._links: LinkMaker | None = None
        self._has_mail = False
        self._key = b""

    def configure(self, config: SubscriptionsConfig, key: bytes, *, has_mail: bool) -> None:
        """`key` signs the links; `has_mail` says whether there is a mail server."""
        self._config = config
        self._links, self._key = LinkMaker(key, ""), key
        self._has_mail = has_mail

    @property
    def by_email(self) -> bool:
        """Whether one may subscribe by mail."""
        return self._config.email and self._has_mail and self._links is not None

    @property
    def by_webhook(self) -> bool:
        """Whether one may subscribe by webhook."""
        return self._config.webhook and self._links is not None

    @property
    def allowed(self) -> Sequence[Network]:
        """Private networks that webhooks may lie in."""
        return [ipaddress.ip_network(one) for one in self._config.allow_networks]

    async def ask(self, kind: str, address: str) -> None:
        """Send a link to that address: one an hour, whoever asks. Raises Rejected for what is no
        address; says nothing of whether it is known."""
        address = self.checked(kind, address)
        now = self._clock.now_ms()
        until = now // 1000 + _CONFIRM_SECONDS
        order = Order(
            what="confirm",
            kind=kind,
            address=address,
            token=self._maker.token(_CONFIRM, address, kind, until),
        )
        # With the key: nobody who reads the errands can try addresses.
        who = hmac.digest(self._key, f"{kind} {address}".encode(), hashlib.sha256).hex()[:32]
        key = f"status_mail/confirm/{who}/{now // _HOUR_MS}"
        content = msgspec.json.encode(order)
        errand = Errand(kind=MAIL_KIND, key=key, subject="status", due_ms=now, content=content)
        await self._put(Plan(put=(errand,)))

    def checked(self, kind: str, address: str) -> str:
        """The address as it is kept. Raises Rejected when it cannot be subscribed."""
        if kind == EMAIL and self.by_email:
            return mail_address(address)
        if kind == WEBHOOK and self.by_webhook:
            return web_address(address, self.allowed)
        raise Rejected("this page does not send updates that way")

    def asked(self, token: str) -> tuple[str, str]:
        """The kind and address that a link is about. Raises Rejected or Expired."""
        link = self._maker.read(token, self._clock.now())
        if link.action != _CONFIRM:
            raise Rejected("this link is for something else")
        return link.recipient, link.subject

    async def confirm(self, token: str) -> Subscriber:
        """Tell that address from now on; confirming twice changes nothing."""
        kind, address = self.asked(token)
        address = self.checked(kind, address)
        known = await self.table.of_address(kind, address)
        if known is not None:
            return msgspec.structs.replace(known, secret="")  # it is shown once
        counts = await self.table.counts()
        if sum(counts.values()) >= self._config.most:
            raise Rejected("no more subscribers are taken; the feeds are open to everybody")
        is_hook = kind == WEBHOOK
        fresh = Subscriber(
            kind=kind,
            address=address,
            token=secrets.token_urlsafe(_SECRET_BYTES),
            secret=new_secret(secrets.token_bytes(_SECRET_BYTES)) if is_hook else "",
            created_at=self._clock.now_ms(),
        )
        return await self.table.put(fresh)

    async def leave(self, token: str) -> bool:
        """Forget whoever got that link; whether there was one."""
        found = await self.table.of_token(token)
        return found is not None and await self.table.remove(found.id)

    async def forget(self, kind: str, address: str) -> bool:
        """Forget an address, for people who ask a person; whether it was known."""
        found = await self.table.of_address(kind, address.strip().lower())
        found = found or await self.table.of_address(kind, address.strip())
        return found is not None and await self.table.remove(found.id)

    async def counts(self) -> Mapping[str, int]:
        """How many there are, by kind."""
        return await self.table.counts()

    @property
    def _maker(self) -> LinkMaker:
        if self._links is None:
            raise Rejected("this page does not send updates")
        return self._links


def mail_address(text: str) -> str:
    """An address in small letters. Raises Rejected when it is none."""
    address = text.strip()
    words = "this is no mail address such as name@example.com"
    if len(address) > _LONGEST_ADDRESS or not address.isascii() or not address.isprintable():
        raise Rejected(words)
    try:
        found = Address(addr_spec=address)
    except (MessageError, ValueError, IndexError) as error:
        raise Rejected(words) from error
    if not found.username or "." not in found.domain or any(one in address for one in ' "<>,;:'):
        raise Rejected(words)
    return address.lower()
