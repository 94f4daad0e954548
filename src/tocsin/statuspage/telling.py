"""How does each subscriber hear of each update once? One errand spreads it, one more for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Permanent, Temporary
from tocsin.model.errands import NOTHING, Again, Done, Errand, Outcome, Plan
from tocsin.state.subscribers import Subscriber, Subscribers
from tocsin.statuspage import letters
from tocsin.statuspage.letters import Letter
from tocsin.statuspage.outward import Gone, Outward
from tocsin.statuspage.post import Post
from tocsin.statuspage.snapshot import ShownPost, ShownUpdate, Snapshot
from tocsin.statuspage.subscriptions import EMAIL, MAIL_KIND, Order, Put

_log = log.get("status_page")
_sent = gauge.counter("status_page_messages", "Messages to subscribers.", ("kind", "what"))
_AT_ONCE = 200
_PACE_MS = 50
"""Between one subscriber and the next: no mail server is stormed, and nothing else waits."""
_SIDE_BY_SIDE = 8
_NEWS_MS = 86_400_000
"""What is older is no news: nobody is told of it after a long stop."""
_CONFIRM_GIVE_UP_MS = 3_600_000
_REMEMBERED = 10_000
_SOON_SECONDS = 15.0


class Mailer(Protocol):
    """Brings one mail to one address."""

    async def send(self, letter: Letter) -> None:
        """Raises Temporary, Rejected or Permanent."""


class News:
    """Puts an errand for each update that subscribers are to hear of; implements `board.Teller`."""

    def __init__(self, clock: Clock, put: Put) -> None:
        self._clock = clock
        self._put = put
        self._told: set[str] = set()

    async def tell(self, posts: Sequence[Post]) -> None:
        """A second call for the same update changes nothing, also after a restart: its key is."""
        now = self._clock.now_ms()
        fresh = [
            (post, update)
            for post in posts
            for update in post.updates
            if not update.is_quiet and update.id not in self._told and now - update.at_ms < _NEWS_MS
        ]
        if not fresh:
            return
        errands = tuple(
            Errand(
                kind=MAIL_KIND,
                key=f"status_mail/{post.id}/{update.id}",
                subject=f"status/{post.id}",
                due_ms=now,
                content=_content(Order(what="spread", post=post.id, update=update.id)),
            )
            for post, update in fresh
        )
        await self._put(Plan(put=errands))
        if len(self._told) > _REMEMBERED:
            self._told.clear()
        self._told.update(update.id for _, update in fresh)


class StatusMail:
    """Does the errands of the kind "status_mail"; implements `model.errands.Handler`."""

    def __init__(
        self,
        subscribers: Subscribers,
        clock: Clock,
        snapshot: Callable[[], Snapshot],
    ) -> None:
        self._subscribers = subscribers
        self._clock = clock
        self._snapshot = snapshot
        self.mailer: Mailer | None = None
        self.outward = Outward()
        self._slots = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def attempt(self, errand: Errand) -> Outcome:
        """Raises as `model.errands.Handler`."""
        order = msgspec.json.decode(errand.content, type=Order)
        match order.what:
            case "confirm":
                return await self._confirm(order, errand)
            case "over":
                return Done()
            case "spread":
                return await self._spread(order)
            case "update":
                await self._update(order, errand)
            case _:
                raise Permanent(f"an errand of an unknown kind: {order.what!r}")
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """A day for updates, an hour for links."""
        is_link = errand.key.startswith("status_mail/confirm/")
        return _CONFIRM_GIVE_UP_MS if is_link else _NEWS_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """Nothing follows; it is in the log and among the errands."""
        return NOTHING

    async def _confirm(self, order: Order, errand: Errand) -> Outcome:
        """Send the link; whatever comes of it, nothing of the address stays among the errands."""
        look, now = self._snapshot().look, self._clock.now_ms()
        link = f"{look.address}/subscription/{order.token}"
        try:
            if order.kind == EMAIL:
                await self._mailed(letters.confirmation(look, order.address, link))
            else:
                body = letters.confirmation_body(look, link)
                await self._called(order.address, "", errand.key, body)
            _sent.labels(order.kind, "confirm").inc()
        except Temporary as error:
            if now < errand.due_ms + _CONFIRM_GIVE_UP_MS // 2:
                raise
            _log.warning("status_link_not_sent", kind=order.kind, error=str(error))
        except Fault as error:
            _log.warning("status_link_not_sent", kind=order.kind, error=str(error))
        return Again(due_ms=now, content=_content(Order(what="over")))

    async def _spread(self, order: Order) -> Outcome:
        now = self._clock.now_ms()
        found = await self._subscribers.after(order.after, _AT_ONCE)
        errands = tuple(
            Errand(
                kind=MAIL_KIND,
                key=f"status_mail/{order.post}/{order.update}/{one.id}",
                subject=f"status/{order.post}",
                due_ms=now + place * _PACE_MS,
                content=_content(
                    Order(what="update", post=order.post, update=order.update, subscriber=one.id)
                ),
            )
            for place, one in enumerate(found)
        )
        if len(found) < _AT_ONCE:
            return Done(plan=Plan(put=errands))
        rest = msgspec.structs.replace(order, after=found[-1].id)
        due = now + len(found) * _PACE_MS
        return Again(due_ms=due, content=_content(rest), plan=Plan(put=errands))

    async def _update(self, order: Order, errand: Errand) -> None:
        snapshot, name = self._snapshot(), errand.key
        found = _of(snapshot, order)
        if found is None and snapshot.made_ms < errand.due_ms:
            raise Temporary("this node's page is older than the update", _SOON_SECONDS)
        one = await self._subscribers.get(order.subscriber)
        if found is None or one is None:
            return  # it was taken off the page, or the subscriber left
        post, update = found
        unsubscribe = f"{snapshot.look.address}/unsubscribe/{one.token}"
        if one.kind == EMAIL:
            letter = letters.update_letter(
                snapshot.look, post, update, one.address, unsubscribe, name
            )
            await self._mailed(letter)
        else:
            await self._call(one, name, letters.update_body(snapshot, post, unsubscribe))
        _sent.labels(one.kind, "update").inc()

    async def _call(self, one: Subscriber, name: str, body: bytes) -> None:
        try:
            await self._called(one.address, one.secret, name, body)
        except Gone:
            await self._subscribers.remove(one.id)
            _log.info("status_webhook_left", subscriber=one.id)

    async def _called(self, url: str, secret: str, name: str, body: bytes) -> None:
        headers = letters.signed_headers(secret, name, int(self._clock.now()), body)
        async with self._slots:
            await self.outward.call(url, body, headers)

    async def _mailed(self, letter: Letter) -> None:
        if self.mailer is None:
            raise Permanent(
                "there is no mail server for the status page; write status_page.mail.smarthost or "
                "smtp_smarthost in the alertmanager.yml"
            )
        async with self._slots:
            await self.mailer.send(letter)


def _of(snapshot: Snapshot, order: Order) -> tuple[ShownPost, ShownUpdate] | None:
    for post in snapshot.posts:
        if post.id == order.post:
            return next(((post, one) for one in post.updates if one.id == order.update), None)
    return None


def _content(order: Order) -> bytes:
    return msgspec.json.encode(order)
