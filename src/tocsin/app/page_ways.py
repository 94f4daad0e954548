"""Through which sender does a page go? The accounts of channels, with a person's own address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.alert.policy.severity import channel_parts
from tocsin.alert.routing.receiver_config import IntegrationPart
from tocsin.app.config import Loaded
from tocsin.kit.clock import Clock
from tocsin.kit.document import Document, Entries, Place, Scalar, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.secret import Secret
from tocsin.model.notices import Notice
from tocsin.notify import KINDS
from tocsin.notify.global_config import GlobalConfig, read_global
from tocsin.notify.kind import Making, Sender
from tocsin.notify.templates import Templates
from tocsin.notify.wire import truncated
from tocsin.oncall.paging.caller import Message
from tocsin.scrape.fetch import Fetcher

_KINDS: Mapping[str, tuple[str, ...]] = {
    "sms": ("twilio", "sns"),
    "call": ("twilio",),
    "email": ("email",),
    "slack": ("slack",),
    "telegram": ("telegram",),
    "pagerduty": ("pagerduty",),
}
"""By which kinds of channels people are reached that way."""
_TESTED: Mapping[str, str] = {"telegram": "1", "slack": "U0000000000"}
_PLACE = Place("page", 1, 1)
_LONGEST_FIRST = 100
_DIGITS = "Press 1 to acknowledge, 2 to escalate."


@dataclass(frozen=True, slots=True)
class Links:
    """Where one page is answered: secret addresses; empty where nobody can follow them."""

    page: str = ""
    """Shows it, with buttons."""
    digits: str = ""
    """Takes the digit that was pressed during a call."""


@dataclass(frozen=True, slots=True)
class Way:
    """One account through which people are reached."""

    kind: str
    """The kind of channel, such as `twilio`."""
    part: Document
    """Its configuration; the receiver in it does not count."""


class Masked:
    """A sender whose message holds links that no record may show."""

    def __init__(self, sender: Sender, secrets: tuple[str, ...]) -> None:
        self._sender = sender
        self._secrets = secrets

    async def send(self, notice: Notice) -> None:
        """Raises as the sender."""
        for secret in filter(None, self._secrets):
            Secret(secret).reveal()  # whoever reveals one here has it masked in the record
        await self._sender.send(notice)


class Ways:
    """The ways of one configuration."""

    def __init__(self, loaded: Loaded, fetcher: Fetcher, clock: Clock, external_url: str) -> None:
        """Raises ConfigError for an account that is none."""
        document = loaded.alertmanager
        shared = None if document is None else document.get("global")
        self._making = Making(
            read_global(shared) if shared is not None else GlobalConfig(),
            Templates({}, clock, external_url),
            fetcher,
            clock,
            loaded.folder,
        )
        self._loaded = loaded
        self.by_kind = {kind: way for kind in _KINDS if (way := self._way(kind)) is not None}
        for kind in self.by_kind:
            address = _TESTED.get(kind, "+10000000" if kind in ("sms", "call") else "a@b.example")
            self.sender(kind, address, Message(subject="", title="", text="", at_ms=0), Links())

    def check_people(self, methods: Mapping[str, tuple[str, ...]]) -> None:
        """Raises ConfigError for a person with a way that nothing here can go. `methods` are the
        kinds of each person's."""
        for person, kinds in methods.items():
            for kind in kinds:
                if kind in _KINDS and kind not in self.by_kind:
                    listed = " or ".join(_KINDS[kind])
                    problem = (
                        f"{person} is to be reached by {kind}, and nothing can do that: add a "
                        f"channel of the kind {listed} to alerting.channels, or name an account "
                        f"in oncall.paging.{kind}"
                    )
                    raise self._loaded.document.error(problem, "oncall", "people", person)

    def sender(self, kind: str, address: str, message: Message, links: Links) -> Sender:
        """What brings this message to that address. Raises Rejected when there is no account, or
        when the address is none."""
        way = self.by_kind.get(kind)
        if way is None:
            raise Rejected(f"nothing here can reach people by {kind}; see oncall.paging.{kind}")
        entries = way.part.node
        if not isinstance(entries, Entries):
            raise way.part.error("expected a mapping such as {kind: twilio, account_sid: …}")
        fields = _fields(kind, way.kind, address, message, links)
        drop = _DROPPED.get(way.kind, ())
        nodes = {key: node for key, node in entries.nodes.items() if key not in drop}
        over = {key: _scalar(value) for key, value in fields.items()}
        keys = {**entries.keys, **dict.fromkeys(over, _PLACE)}
        part = Document(Entries(entries.place, {**nodes, **over}, keys), way.part.path)
        made = KINDS[way.kind].make(part, self._making)
        return Masked(made.sender, (links.page, links.digits))

    def _way(self, kind: str) -> Way | None:
        given = getattr(self._loaded.config.oncall.paging, kind)
        channels = self._loaded.config.alerting.channels
        if given is None or given.data is None:
            return self._usual(kind, channels)
        if not isinstance(given.node, Scalar):
            return self._fitting(kind, channel_parts(kind, given)[0], given)
        name = given.node.text
        if name not in channels:
            problem = f"there is no channel {name!r} in alerting.channels"
            raise given.error(problem, nearest=nearest(name, channels))
        return self._fitting(kind, channel_parts(name, channels[name])[0], given)

    def _fitting(self, kind: str, part: IntegrationPart, given: Document) -> Way:
        found = Way(part.kind, part.part)
        if found.kind not in _KINDS[kind]:
            listed = " or ".join(_KINDS[kind])
            raise given.error(f"{kind} needs a channel of the kind {listed}, this is {found.kind}")
        return found

    def _usual(self, kind: str, channels: Mapping[str, Document]) -> Way | None:
        for name, part in channels.items():
            for one in channel_parts(name, part):
                if one.kind in _KINDS[kind] and (kind != "slack" or _is_bot(one.part)):
                    return Way(one.kind, one.part)
        shared = self._making.shared
        has_mail = kind == "email" and shared.smtp_smarthost and shared.smtp_from
        if has_mail or (kind == "telegram" and shared.telegram_bot_token):
            return Way(kind, Document(Entries(_PLACE, {}, {})))
        if kind == "slack" and (shared.slack_app_token or shared.slack_app_token_file):
            return Way(kind, Document(Entries(_PLACE, {}, {})))
        if kind == "pagerduty":
            return Way(kind, Document(Entries(_PLACE, {}, {})))
        return None


_DROPPED: Mapping[str, tuple[str, ...]] = {
    "twilio": ("type", "message", "answer_url"),
    "sns": ("topic_arn", "target_arn", "subject"),
    "email": ("html", "text", "body", "subject", "headers", "actions"),
    "slack": ("actions", "fields", "pretext"),
    "telegram": ("chat_id_file", "message_thread_id"),
    "pagerduty": ("service_key", "service_key_file", "routing_key_file"),
}
"""What an account says for channels, and pages say otherwise."""


def _is_bot(part: Document) -> bool:
    return part.get("app_token") is not None or part.get("app_token_file") is not None


def _fields(
    kind: str, channel: str, address: str, message: Message, links: Links
) -> Mapping[str, object]:
    text, link = message.text, links.page
    answer = f"{text}\nAnswer: {link}" if link else text
    match channel:
        case "twilio" if kind == "call":
            ask = f" {_DIGITS}" if links.digits else ""
            said = f"Tocsin. {text}{ask}"
            return {"type": "voice", "to": address, "message": said, "answer_url": links.digits}
        case "twilio":
            return {"type": "sms", "to": address, "message": _short(text, link)}
        case "sns":
            return {"phone_number": address, "message": _short(text, link)}
        case "email":
            return {"to": address, "subject": message.title, "body": answer, "actions": False}
        case "slack":
            buttons = f"\n<{link}|Acknowledge or escalate>" if link else ""
            return {
                "channel": address,
                "title": message.title,
                "text": f"{text}{buttons}",
                "fallback": message.title,
                "update_message": False,
                # Each page rings by itself: a thread would be in the channel of whoever came first.
                "post_updates_to_thread": False,
            }
        case "telegram":
            return {"chat_id": int(address or 0), "message": answer, "parse_mode": ""}
        case _:
            return {"routing_key": address, "description": message.title}


def _short(text: str, link: str) -> str:
    """What matters first, and the link before anything could be cut off."""
    first, _, rest = text.partition("\n")
    return "\n".join(filter(None, (truncated(first, _LONGEST_FIRST), link, rest)))


def _scalar(value: object) -> Scalar:
    """As a file would say it; a text is a template, so what looks like one is kept from being
    read as one."""
    if isinstance(value, str):
        return Scalar(_PLACE, value.replace("{{", '{{"{{"}}'), plain=False)
    return Scalar(_PLACE, str(value).lower() if isinstance(value, bool) else str(value))
