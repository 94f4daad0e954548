"""How do incidents reach the channels of `alerting.channels` and receivers? Through the same
senders as alerts, with an incident's words, recorded like every other message."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.delivering.desk import Desk, Origin, Sending
from tocsin.alert.policy.severity import channel_parts
from tocsin.alert.routing.receiver_config import IntegrationPart
from tocsin.app.config import Loaded
from tocsin.app.incident_words import notice_of, with_words
from tocsin.app.receivers import routing_of
from tocsin.incident.response.steps import Mail, Post
from tocsin.incident.response.work import Outcome, Work
from tocsin.incident.words.catalog import Audience, Moment, Said
from tocsin.kit.clock import Clock
from tocsin.kit.document import ConfigError, Document, Entries, Node, Place, Scalar
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.kit.yaml import decode
from tocsin.model.incidents import Incident
from tocsin.model.notices import Notice
from tocsin.notify import KINDS
from tocsin.notify.global_config import GlobalConfig, read_global
from tocsin.notify.kind import Making
from tocsin.notify.slack_config import SlackConfig
from tocsin.notify.slack_incident import mrkdwn
from tocsin.notify.templates import Templates
from tocsin.scrape.fetch import Fetcher

_LIMIT_SECONDS = 25.0
_REMEMBERED = 5000
_WHY = "incident"
_NOWHERE = Place("tocsin.yaml", 1, 1)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a configuration can reach."""

    making: Making
    own_making: Making
    parts: Mapping[str, tuple[IntegrationPart, ...]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()

    def making_of(self, name: str) -> Making:
        """What a sender of that channel is made with."""
        return self.own_making if name in self.own else self.making

    def bot(self, name: str) -> SlackConfig | None:
        """The Slack bot that a channel is, if it is one."""
        for part in self.parts.get(name, ()):
            found = self._bot(part)
            if found is not None:
                return found
        return None

    def _bot(self, part: IntegrationPart) -> SlackConfig | None:
        if part.kind != "slack":
            return None
        config = decode(part.part, SlackConfig)
        shared = self.making.shared
        has_shared = bool(shared.slack_app_token or shared.slack_app_token_file)
        is_bot = config.has_token or (has_shared and not config.has_url)
        return config if is_bot else None


def reach_of(loaded: Loaded, fetcher: Fetcher, clock: Clock, external_url: str) -> Reach:
    """Raises ConfigError for a channel that is none."""
    plan = routing_of(loaded)
    channels = loaded.config.alerting.channels
    parts: dict[str, tuple[IntegrationPart, ...]] = dict(plan.receivers) if plan else {}
    parts |= {name: channel_parts(name, part) for name, part in channels.items()}
    shared = read_global(plan.shared) if plan else GlobalConfig()
    templates = Templates({}, clock, external_url)
    making = Making(shared, templates, fetcher, clock, loaded.alertmanager_folder)
    own = replace(making, folder=loaded.folder, is_own=True)
    reach = Reach(making, own, parts, frozenset(channels))
    for name, many in parts.items():
        for one in many:
            KINDS[one.kind].make(with_words(one), reach.making_of(name))
    return reach


class IncidentChannels:
    """Tells channels and mail addresses of incidents."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._reach: Reach | None = None
        self._took: OrderedDict[tuple[str, str], None] = OrderedDict()

    def configure(self, reach: Reach) -> None:
        """Put what can be reached in force."""
        self._reach = reach

    @property
    def reach(self) -> Reach:
        """What is in force. Raises Temporary before the first configuration is."""
        if self._reach is None:
            raise Temporary("Tocsin is still starting")
        return self._reach

    async def post(self, name: str, work: Work, said: Said) -> Outcome:
        """The words to every way of telling that a channel has. Raises Temporary or Permanent."""
        parts = self.reach.parts.get(name)
        if not parts:
            raise Permanent(f"there is no channel {name!r} any more; correct the action")
        for part in parts:
            await self._bring(name, part, work, said)
        return Outcome(f"{work.action.shown}: {_TOLD[work.moment]}", {"channel": name})

    async def _bring(self, name: str, part: IntegrationPart, work: Work, said: Said) -> None:
        made = KINDS[part.kind].make(with_words(part), self._making(name, part))
        notice = self._notice(name, work, said, is_over=work.moment is Moment.RESOLUTION)
        one = Integration(
            name, part.kind, part.index, made.sender, sends_resolved=made.sends_resolved
        )
        await self.deliver(one, notice, work.key)

    async def deliver(self, one: Integration, notice: Notice, key: str) -> None:
        """Bring a message once for that key, and record it. Raises Temporary or Permanent."""
        mark = (key, str(one.channel))
        if mark in self._took:
            return
        sending = Sending(one, notice, self._clock, _LIMIT_SECONDS, Origin(_WHY))
        if not await self._desk.send(sending):
            words = f"{one.channel}: {one.failure.error or 'not taken'}"
            raise Permanent(words) if one.failure.is_refused else Temporary(words)
        self._took[mark] = None
        while len(self._took) > _REMEMBERED:
            self._took.popitem(last=False)

    async def mail(self, addresses: tuple[str, ...], work: Work, said: Said, via: str) -> Outcome:
        """A mail to these addresses, all in one. Raises as `post`."""
        name, part = self._mail_part(via)
        made = KINDS["email"].make(_mail(part, addresses, work.key), self._making(name, part))
        suffix = f"/mail/{work.action.identity}"
        notice = self._notice(name or "mail", work, said, is_over=False, suffix=suffix)
        one = Integration(name or "mail", "email", part.index, made.sender, sends_resolved=True)
        await self.deliver(one, notice, work.key)
        return Outcome(f"{work.action.shown}: sent to {', '.join(addresses)}")

    async def mail_text(
        self, address: str, incident: Incident, subject: str, text: str, key: str, via: str
    ) -> None:
        """A mail to one person about an incident. Raises as `post`."""
        name, part = self._mail_part(via)
        made = KINDS["email"].make(_mail(part, (address,), key), self._making(name, part))
        words = {"summary": subject, "description": text}
        now = self._clock.now_ms()
        notice = notice_of(
            name or "mail", incident, words, at_ms=now, is_over=False, suffix=f"/to/{address}"
        )
        one = Integration(name or "mail", "email", part.index, made.sender, sends_resolved=True)
        await self.deliver(one, notice, key)

    def _making(self, name: str, part: IntegrationPart) -> Making:
        return replace(
            self.reach.making_of(name), place=f"incident/{name}/{part.kind}[{part.index}]"
        )

    def _notice(
        self, name: str, work: Work, said: Said, *, is_over: bool, suffix: str = ""
    ) -> Notice:
        words = {
            "summary": said.subject,
            "description": said.text,
            "mrkdwn": mrkdwn(said.text),
            "link": str(work.values["incident_link"]),
        }
        now = self._clock.now_ms()
        return notice_of(name, work.incident, words, at_ms=now, is_over=is_over, suffix=suffix)

    def _mail_part(self, via: str) -> tuple[str, IntegrationPart]:
        found = mail_part(self.reach, via)
        if found is None:
            raise Permanent("no mail server is given any more; configure a channel of kind email")
        return found


_TOLD = {
    Moment.INITIAL: "told of it",
    Moment.UPDATE: "told of the update",
    Moment.RESOLUTION: "told that it is over",
}


def mail_part(reach: Reach, via: str) -> tuple[str, IntegrationPart] | None:
    """The channel whose mail server is used, or the shared server without a name; None when there
    is none."""
    names = (via,) if via else tuple(reach.parts)
    for name in names:
        for part in reach.parts.get(name, ()):
            if part.kind == "email":
                return name, part
    if reach.making.shared.smtp_smarthost and not via:
        empty = Document(Entries(_NOWHERE, {}, {}), ("incidents", "response"))
        return "", IntegrationPart("email", 0, empty)
    return None


def _mail(part: IntegrationPart, addresses: tuple[str, ...], key: str) -> Document:
    """The part with other addressees, and a name of its own for each errand's mail: whoever gets
    it twice after a crash is shown one."""
    document = with_words(part)
    node = document.node
    if not isinstance(node, Entries):
        raise ConfigError(node.place, "", "expected a mapping")
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    headers = Entries(
        node.place,
        {"Message-Id": Scalar(node.place, f"<{digest}@tocsin.incident>", plain=False)},
        {"Message-Id": node.place},
    )
    nodes: dict[str, Node] = {
        **node.nodes,
        "to": Scalar(node.place, ", ".join(addresses), plain=False),
        "headers": headers,
    }
    keys = {name: node.keys.get(name, node.place) for name in nodes}
    return Document(Entries(node.place, nodes, keys), document.path)


class PostDoer:
    """Does `post`; a channel that is a Slack bot gets the message with buttons."""

    def __init__(
        self,
        channels: IncidentChannels,
        slack: Callable[[str, Work, Said], Awaitable[Outcome | None]],
    ) -> None:
        self._channels = channels
        self._slack = slack

    async def do(self, work: Work) -> Outcome:
        """As `incident.response.work.Doer`."""
        step = work.action.step
        if not isinstance(step, Post):
            raise Rejected("this is no post")
        said = work.say(Audience.INTERNAL, text=step.text)
        name = step.names[0]
        found = await self._slack(name, work, said)
        return found or await self._channels.post(name, work, said)


class MailDoer:
    """Does `mail`."""

    def __init__(
        self,
        channels: IncidentChannels,
        lists: Callable[[], Mapping[str, tuple[str, ...]]],
        via: Callable[[], str],
    ) -> None:
        self._channels = channels
        self._lists = lists
        self._via = via

    async def do(self, work: Work) -> Outcome:
        """As `incident.response.work.Doer`. Customers hear of updates that were written for those
        outside, and of no drill."""
        step = work.action.step
        if not isinstance(step, Mail):
            raise Rejected("this is no mail")
        audience = Audience(step.audience)
        if audience is Audience.CUSTOMERS and (why := not_for_outside(work)):
            return Outcome(f"{work.action.shown}: left out, {why}", state="left out")
        said = work.say(audience, text=step.text, subject=step.subject)
        lists = self._lists()
        addresses = [a for name in step.names for a in lists.get(name, (name,))]
        return await self._channels.mail(tuple(dict.fromkeys(addresses)), work, said, self._via())


def not_for_outside(work: Work) -> str:
    """Why those outside are not told at this moment; empty when they are."""
    if work.incident.is_drill:
        return "it is a drill"
    if work.moment is Moment.UPDATE and not work.job.public:
        return "nothing was written for those outside"
    return ""
