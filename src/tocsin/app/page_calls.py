"""How does a page go out, and where is it recorded? Through the senders of notifications, into
their history."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from tocsin.alert.delivering.delivery import Integration, Sender, Story
from tocsin.alert.delivering.desk import Desk
from tocsin.alert.delivering.history import record_of
from tocsin.app.page_ways import Links, Ways
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Permanent, Rejected, Temporary
from tocsin.kit.signed_link import LinkMaker
from tocsin.model import outbox
from tocsin.model.notices import Notice, NoticeAlert, fingerprint
from tocsin.model.people import ContactMethod
from tocsin.oncall.paging.answers import ACKNOWLEDGE, ANSWER, ESCALATE, path_of
from tocsin.oncall.paging.caller import Message
from tocsin.oncall.webpush.device import Device, Devices
from tocsin.oncall.webpush.sender import Gone, PushSender
from tocsin.oncall.webpush.vapid import Vapid

_log = log.get("paging")
_LIMIT_SECONDS = 20.0
_ANSWER_SECONDS = 15.0
_LINK_SECONDS = 24 * 3600


class PushBell:
    """A sender that rings every browser of a person; one that rings is enough."""

    def __init__(
        self,
        devices: Devices,
        pushing: PushSender,
        vapid: Vapid,
        message: Message,
        content: bytes,
        *,
        only: str = "",
    ) -> None:
        self._devices = devices
        self._pushing = pushing
        self._vapid = vapid
        self._message = message
        self._content = content
        self._only = only

    async def send(self, notice: Notice) -> None:
        """Raises Rejected without a browser, else as the last one that failed."""
        person = self._message.person
        found = [one for one in await self._devices.of(person) if self._only in ("", one.id)]
        if not found:
            raise Rejected(f"{person} has no browser that may ring; add one in My devices")
        outbox.sending(b'{"title": %b}' % msgspec.json.encode(self._message.title))
        failures = [error for one in found if (error := await self._ring(one)) is not None]
        if len(failures) == len(found):
            waiting = [error for error in failures if isinstance(error, Temporary)]
            raise (waiting or failures)[0]

    async def _ring(self, device: Device) -> Fault | None:
        urgency, subject = self._message.urgency, self._message.subject
        try:
            await self._pushing.send(
                self._vapid, device, self._content, urgency=urgency, topic=subject
            )
        except Gone as error:
            await self._devices.remove(device)
            _log.info("device_forgotten", person=device.person, host=device.host)
            return error
        except Fault as error:
            await self._devices.rang(device, str(error))
            return error
        await self._devices.rang(device)
        return None


class PageCalls:
    """Implements `paging.caller.Caller`; `ways` and `links` are those in force."""

    def __init__(
        self, desk: Desk, devices: Devices, pushing: Callable[[], PushSender], clock: Clock
    ) -> None:
        self.ways: Ways | None = None
        self.links: LinkMaker | None = None
        self.has_address = False
        """Whether people outside can follow a link: `listen.external_url` is set."""
        self.vapid: Vapid | None = None
        self._desk = desk
        self._devices = devices
        self._pushing = pushing
        self._clock = clock
        self._url = ""

    def configure(self, ways: Ways, url: str, *, has_address: bool) -> None:
        """Put a configuration in force."""
        self.ways, self._url, self.has_address = ways, url, has_address

    async def call(self, method: ContactMethod, message: Message) -> None:
        """Raises Temporary, Rejected or Permanent."""
        if method.kind == "channel":
            await self._post(method.address, message)
            return
        sender = self._sender(method, message)
        one = Integration(f"page: {message.person}", method.kind, 0, sender, sends_resolved=False)
        await self._bring(one, message)

    async def ring(self, device: Device, message: Message) -> None:
        """One browser alone, as a test. Raises as `call`."""
        sender = self._bell(message, only=device.id)
        one = Integration(f"page: {message.person}", "push", 0, sender, sends_resolved=False)
        await self._bring(one, message)

    def _sender(self, method: ContactMethod, message: Message) -> Sender:
        if method.kind == "push":
            return self._bell(message)
        if self.ways is None:
            raise Temporary("Tocsin is still starting")
        return self.ways.sender(method.kind, method.address, message, self._links(message))

    def _bell(self, message: Message, *, only: str = "") -> PushBell:
        if self.vapid is None:
            raise Temporary("Tocsin is still starting")
        content = msgspec.json.encode(self._shown(message))
        return PushBell(self._devices, self._pushing(), self.vapid, message, content, only=only)

    def _shown(self, message: Message) -> Mapping[str, object]:
        """What the service worker is told; see `static/pwa/worker.js`."""
        shown: dict[str, object] = {
            "title": message.title,
            "body": message.text,
            "tag": message.subject,
            "urgency": message.urgency,
            "severity": message.severity,
            "at": message.at_ms,
            "path": message.path or "/",
        }
        if message.can_answer and self.links is not None:
            # Where a system shows no buttons on notifications, touching it must do without a login.
            shown["path"] = path_of(self._token(ANSWER, message))
            shown["answers"] = {
                ACKNOWLEDGE: path_of(self._token(ACKNOWLEDGE, message)),
                ESCALATE: path_of(self._token(ESCALATE, message)),
            }
        return shown

    def _links(self, message: Message) -> Links:
        if not message.can_answer or not self.has_address:
            return Links()
        page = f"{self._url}{path_of(self._token(ANSWER, message))}"
        return Links(page, f"{page}/digits")

    def _token(self, action: str, message: Message) -> str:
        if self.links is None:
            return ""
        ends = int(self._clock.now()) + _LINK_SECONDS
        return self.links.token(action, message.subject, message.person, ends)

    async def _post(self, channel: str, message: Message) -> None:
        found = [one for at, one in self._desk.integrations.items() if at.receiver == channel]
        if not found:
            raise Rejected(f"there is no channel {channel!r} (any more)")
        for one in found:
            await self._bring(one, message)

    async def _bring(self, one: Integration, message: Message) -> None:
        notice = self.notice(one.receiver, message)
        now_ms, history = self._clock.now_ms(), self._desk.history
        record, prints = record_of(notice, one.channel, now_ms, why="page")
        story = Story(history, await history.begin(record, prints))
        arrived = await one.bring(
            notice, self._clock, _LIMIT_SECONDS, story, answer_seconds=_ANSWER_SECONDS
        )
        if arrived:
            return
        if one.failure.is_refused:
            raise Permanent(one.failure.error)
        raise Temporary(one.failure.error or "it could not be brought")

    def notice(self, receiver: str, message: Message) -> Notice:
        """The message as senders take it."""
        said = {
            "alertname": message.title,
            "severity": message.severity,
            "incident": message.subject,
            "service": ", ".join(message.services),
        }
        labels = tuple(sorted((name, value) for name, value in said.items() if value))
        url = f"{self._url}{message.path}" if message.path else ""
        alert = NoticeAlert(
            labels=labels,
            annotations=(("description", message.text), ("summary", message.title)),
            starts_ms=message.since_ms or message.at_ms,
            generator_url=url,
            fingerprint=fingerprint(labels),
        )
        return Notice(
            receiver=receiver,
            group_key=f'{{}}/{{page="{message.subject}"}}:{{}}',
            group_labels=(("incident", message.subject),),
            alerts=(alert,),
            at_ms=message.at_ms,
        )
