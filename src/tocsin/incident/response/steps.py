"""What can be done by itself? One struct for each `do`, as it may stand in `actions`."""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.incident.response.when import ALWAYS, When
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret


class Step(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    """What every action has."""

    after: Duration = Duration(0)
    """How long after the incident opened, or came to this severity."""
    when: When = ALWAYS
    """Conditions that must hold then, such as `unacknowledged` or `service="api"`; otherwise it is
    left out."""
    name: str = ""
    """What people call it."""


class Page(Step, frozen=True, kw_only=True, tag="page"):
    """Page whoever is on call."""

    policy: str = ""
    """An escalation policy; without it the one of the severity."""


class Telling(Step, frozen=True, kw_only=True):
    """What also tells of updates and of the end."""

    updates: bool = True
    """Whether who heard of the beginning hears of updates and of the end too."""


class Post(Telling, frozen=True, kw_only=True, tag="post"):
    """Post the templates' words to channels of `alerting.channels`, or to receivers."""

    channel: str = ""
    channels: tuple[str, ...] = ()
    text: str = ""
    """Another template for the beginning."""

    def __post_init__(self) -> None:
        if not self.names:
            raise Rejected("post needs channel: a name from alerting.channels")

    @property
    def names(self) -> tuple[str, ...]:
        """Every channel that is named."""
        return (*([self.channel] if self.channel else []), *self.channels)


class SlackChannel(Telling, frozen=True, kw_only=True, tag="slack_channel"):
    """Create a channel in Slack for the incident, and put its message with buttons there."""

    channel: str = "{incident_id}-{title}"
    """Its name, a template; made into what Slack allows."""
    topic: str = "{severity} · {status} · {title} · {incident_link}"
    invite: tuple[str, ...] = ()
    """Members' ids, people's names or mail addresses; `on_call`, `assignee`, `commander`."""
    is_private: bool = msgspec.field(default=False, name="private")
    archive: bool = False
    """Whether it is archived when the incident is closed."""


class Mail(Telling, frozen=True, kw_only=True, tag="mail"):
    """Send the templates' words to mail addresses."""

    to: str | tuple[str, ...]
    """Addresses, or names of `incidents.response.lists`."""
    audience: Literal["internal", "customers"] = "internal"
    """Whose words are sent; customers are told of the beginning, of the end and of what was written
    for those outside."""
    subject: str = ""
    """Another template for the beginning."""
    text: str = ""
    """Another template for the beginning."""

    def __post_init__(self) -> None:
        if not self.names:
            raise Rejected("mail needs to: addresses, or names of incidents.response.lists")

    @property
    def names(self) -> tuple[str, ...]:
        """Every address or list that is named."""
        return (self.to,) if isinstance(self.to, str) else self.to


class StatusPage(Telling, frozen=True, kw_only=True, tag="status_page"):
    """Tell the public, in words that name nothing of the inside."""

    title: str = "We are looking into a problem"
    """What the public reads; a text, not a template."""
    text: str = ""
    """Another template for the beginning, of fields that are public."""
    components: tuple[str, ...] = ()
    """Ids, names or services; without them those of the incident's services."""
    impact: Literal["", "none", "minor", "major", "critical"] = ""
    """Without it by the severity."""


class Webhook(Step, frozen=True, kw_only=True, tag="webhook"):
    """Post the incident as JSON to an address, signed."""

    url: Secret
    secret: Secret | None = None
    """What signs the body (HMAC-SHA256), as the header `X-Tocsin-Signature` says."""
    headers: dict[str, str] = {}
    at: tuple[Literal["initial", "update", "resolution"], ...] = ("initial",)
    """The moments at which it is posted."""

    def __post_init__(self) -> None:
        if not self.url.reveal().startswith(("http://", "https://")):
            raise Rejected("url must start with http:// or https://")


class Ticket(Step, frozen=True, kw_only=True, tag="ticket"):
    """Create a ticket; it is created once, whatever crashes."""

    tracker: str = ""
    """A name of `incidents.response.trackers`; the first one without it."""
    title: str = "[{severity}] {incident_id}: {title}"
    text: str = "{description}\n\n{incident_link}"
    labels: tuple[str, ...] = ("incident",)


class Note(Step, frozen=True, kw_only=True, tag="note"):
    """Write a note on the timeline."""

    text: str


class Assign(Step, frozen=True, kw_only=True, tag="assign"):
    """Assign the incident, or a role in it, unless somebody has it."""

    to: str = "on_call"
    """A person, `on_call`, or `schedule:` and the name of one."""
    role: str = ""
    """Such as commander; without it the incident itself."""


class Task(Step, frozen=True, kw_only=True, tag="task"):
    """Put something on the list of what people do, shown on the incident until it is done."""

    text: str


AnyStep = Page | Post | SlackChannel | Mail | StatusPage | Webhook | Ticket | Note | Assign | Task
KINDS: tuple[type[Step], ...] = (
    Page,
    Post,
    SlackChannel,
    Mail,
    StatusPage,
    Webhook,
    Ticket,
    Note,
    Assign,
    Task,
)


def kind_of(step: Step) -> str:
    """What stands after `do`."""
    return str(step.__struct_config__.tag)
