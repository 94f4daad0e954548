"""What may stand under `status_page` of `tocsin.yaml`? Mistakes are told with their place."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from tocsin.alert.routing.matchers import parse_matchers
from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret
from tocsin.model.labels import Matcher
from tocsin.query.promql.ast import ValueType
from tocsin.query.promql.check import type_of
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse
from tocsin.statuspage.colour import TEXT_CONTRAST, Colour, contrast
from tocsin.statuspage.component_state import ComponentState
from tocsin.statuspage.words import WORDS

_WORD = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_WORD}(?:\.{_WORD})*(?::[0-9]{{1,5}})?")
_ID = r"^[a-z0-9][a-z0-9-]{0,99}$"
_NOT_ID = re.compile(r"[^a-z0-9]+")
_LIGHT, _DARK = Colour("#ffffff"), Colour("#14191f")
"""What the page's panels are in each theme."""

Severity = Annotated[str, msgspec.Meta(min_length=1)]


class Expression(str):
    """A PromQL expression that gives a number or numbers by labels; empty when there is none."""

    __slots__ = ()
    EXPECTED = 'PromQL such as up{job="api"}'

    @classmethod
    def from_config(cls, text: str) -> Expression:
        """Raises Rejected with the parser's own words."""
        if not text.strip():
            return cls("")
        try:
            kind = type_of(parse(text, experimental=True))
        except ParseError as error:
            raise Rejected(f"this is no PromQL: {error}") from error
        if kind not in (ValueType.SCALAR, ValueType.VECTOR):
            raise Rejected("expected PromQL that gives numbers at one moment, not over a range")
        return cls(text)


class Matchers(str):
    """Conditions on alerts' labels in Alertmanager's notation; empty when there are none."""

    __slots__ = ()
    EXPECTED = 'conditions such as service="api", severity=~"critical|high"'

    @classmethod
    def from_config(cls, text: str) -> Matchers:
        """Raises Rejected when they are none, or would mean every alert."""
        if text.strip():
            conditions = parse_matchers(text)
            if not conditions or all(one.matches("") for one in conditions):
                raise Rejected(f"{text!r} needs a condition that does not match the empty string")
        return cls(text.strip())

    @property
    def conditions(self) -> tuple[Matcher, ...]:
        """Ready to be asked."""
        return parse_matchers(self) if self else ()


class HostName(str):
    """A host name in small letters, perhaps with a port; empty when there is none."""

    __slots__ = ()
    EXPECTED = "a host name such as status.example.com"

    @classmethod
    def from_config(cls, text: str) -> HostName:
        """Raises Rejected when it is none."""
        name = text.strip().lower()
        if name and _HOST.fullmatch(name) is None:
            raise Rejected(f"expected {cls.EXPECTED}, without https:// and path, got {text!r}")
        return cls(name)


class WebAddress(str):
    """An address of the web; empty when there is none."""

    __slots__ = ()
    EXPECTED = "an address that begins with https://, http:// or mailto:"

    @classmethod
    def from_config(cls, text: str) -> WebAddress:
        """Raises Rejected: `javascript:` would run in a visitor's browser."""
        if text and not re.match(r"(?:https?://[^\s/]+|mailto:\S+@)", text):
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        return cls(text)


class Word(str):
    """The name of one of the page's own words."""

    __slots__ = ()
    EXPECTED = "a word of the page, such as operational"

    @classmethod
    def from_config(cls, text: str) -> Word:
        """Raises Rejected with the nearest one."""
        if text not in WORDS:
            close = nearest(text, WORDS)
            hint = f'; did you mean "{close}"?' if close else ""
            raise Rejected(f"{text!r} is no word of the page{hint}")
        return cls(text)


class LinkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A link at the head of the page."""

    name: str
    url: WebAddress


class ColoursConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Colours of the page's head and links; those that could not be read are refused."""

    header: Colour = Colour("")
    """Behind the title."""
    header_text: Colour = Colour("")
    """Of the title; black or white, whichever is read more easily, when it is not given."""
    accent: Colour = Colour("")
    """Of links and buttons on a light page."""
    accent_dark: Colour = Colour("")
    """The same on a dark page."""

    def __post_init__(self) -> None:
        if self.header_text and not self.header:
            raise Rejected("header_text needs header, the colour behind it")
        if self.header and self.header_text:
            _readable(self.header_text, self.header, "header_text", f"header ({self.header})")
        if self.accent:
            _readable(self.accent, _LIGHT, "accent", "a white page")
        if self.accent_dark:
            _readable(self.accent_dark, _DARK, "accent_dark", f"a dark page ({_DARK})")


def _readable(colour: Colour, behind: Colour, name: str, where: str) -> None:
    found = contrast(colour, behind)
    if found < TEXT_CONTRAST:
        raise Rejected(
            f"{name} {colour} has a contrast of {found:.1f} on {where}; text needs "
            f"{TEXT_CONTRAST} (WCAG 2.2 AA), so choose one that is farther from it"
        )


class ComponentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the service as its users know it. Its state is the worst that its monitor, its
    alerts, posted incidents and people say of it."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """As the public reads it."""
    id: Annotated[str, msgspec.Meta(pattern=_ID)] | None = None
    """In addresses, and its past is kept under it; made of the name when it is not given."""
    description: str = ""
    """As the public reads it."""
    monitor: Expression = Expression("")
    """PromQL: 1 and more is up, 0 is down, between them, or up and down side by side, is a partial
    outage: `up{job="api"}`, `probe_success{instance="https://example.com"}`."""
    degraded: Expression = Expression("")
    """PromQL that gives something other than 0 while it is slow:
    `histogram_quantile(0.95, …) > 2`."""
    alerts: Matchers = Matchers("")
    """Alerts that concern it: `service="api"`. Their label `severity` says how bad it is."""
    severities: dict[Severity, ComponentState] | None = None
    """Other than the page's own."""
    services: tuple[str, ...] = ()
    """Services of incidents that mean it."""
    enabled: bool = True

    @property
    def key(self) -> str:
        """Its id, or what its name comes to."""
        return self.id or _NOT_ID.sub("-", self.name.lower()).strip("-")[:100]

    def __post_init__(self) -> None:
        if not self.key:
            raise Rejected(f"{self.name!r} has no letter from a to z; give it an id, such as api")
        if self.degraded and not self.monitor:
            raise Rejected("degraded needs a monitor, which says whether it is up at all")


class GroupConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Components under one heading."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    description: str = ""
    components: tuple[ComponentConfig, ...] = ()
    collapsed: bool = False
    """Whether it is shown folded while all is well."""
    enabled: bool = True


class MailConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How mails to subscribers go out; what is not given is that of `global` in the
    `alertmanager.yml`."""

    sender: str = msgspec.field(default="", name="from")
    """The address that they come from."""
    reply_to: str = ""
    """The address that answers go to."""
    smarthost: str = ""
    """`host:port` of the mail server."""
    hello: str = ""
    """What Tocsin calls itself to that server."""
    auth_username: str = ""
    """Whom to log in as; empty: without a login."""
    auth_password: Secret | None = None
    """The password."""
    auth_password_file: str = ""
    """A file that holds it instead."""
    require_tls: bool | None = None
    """Whether mails go out over STARTTLS alone; yes, unless it is said otherwise."""
    force_implicit_tls: bool | None = None
    """Whether TLS begins with the connection; it does on port 465."""


class SubscriptionsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Who may ask to be told of updates; feeds and the calendar are always there."""

    email: bool = True
    """By mail, once they have followed a link that was sent to them. It needs a mail server."""
    webhook: bool = True
    """By a signed POST to an address of theirs."""
    allow_networks: tuple[str, ...] = ()
    """Private networks that webhooks may lie in, such as 10.0.0.0/8; otherwise none may."""
    most: Annotated[int, msgspec.Meta(ge=0)] = 100_000
    """How many there may be."""

    def __post_init__(self) -> None:
        for network in self.allow_networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise Rejected(f"allow_networks: {network!r} is no network: {error}") from error


class StatusPageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The public status page, at `/status` and at a host name of its own. Nobody needs a login."""

    enabled: bool | None = None
    """Whether there is one; when it is not said, there is one as soon as it has components."""
    title: Annotated[str, msgspec.Meta(max_length=200)] = "Status"
    """What the page is called, in its head, in mails and feeds."""
    description: str = ""
    """A paragraph below the title."""
    language: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    """Of the texts, as BCP 47 names it, for screen readers."""
    words: dict[Word, str] = {}
    """The page's own words in another language: `{operational: "In Betrieb"}`."""
    logo: str = ""
    """File of a picture: SVG, PNG, JPEG, WebP or GIF of at most 128 KiB. Relative to the
    configuration file's folder."""
    colours: ColoursConfig = ColoursConfig()
    links: tuple[LinkConfig, ...] = ()
    """Links in the page's head: a list of `{name, url}`."""
    host: HostName = HostName("")
    """A host name at which the page, and nothing else, is served at `/`."""
    groups: tuple[GroupConfig, ...] = ()
    """Components under headings: a list of `{name, description, components, collapsed,
    enabled}`."""
    components: tuple[ComponentConfig, ...] = ()
    """Those without a heading: a list of `{name, id, description, monitor, degraded, alerts,
    severities, services, enabled}`."""
    severities: dict[Severity, ComponentState] = {}
    """What alerts of a severity do to a component, besides: `critical` and `p0` are a
    major_outage, `high`, `error` and `p1` a partial_outage, `info`, `low`, `none` and `p3` nothing,
    others degraded_performance."""
    downtime: tuple[Literal["degraded_performance", "partial_outage", "major_outage"], ...] = (
        "partial_outage",
        "major_outage",
    )
    """Which states count as downtime in the percentages."""
    mail: MailConfig = MailConfig()
    subscriptions: SubscriptionsConfig = SubscriptionsConfig()
    refresh: Duration = Duration(60)
    """How often states are looked at, from 10s to 5m."""

    def __post_init__(self) -> None:
        if not 10 <= self.refresh <= 300:
            raise Rejected(f"refresh must be from 10s to 5m, got {self.refresh}")
        seen: dict[str, str] = {}
        for one in self.every_component():
            if one.key in seen:
                raise Rejected(
                    f"the components {seen[one.key]!r} and {one.name!r} have the same id "
                    f"{one.key!r}; give one of them another id"
                )
            seen[one.key] = one.name

    @property
    def is_on(self) -> bool:
        """Whether there is a page."""
        has_parts = bool(self.groups or self.components)
        return has_parts if self.enabled is None else self.enabled

    def every_component(self) -> Iterator[ComponentConfig]:
        """All, those that are not enabled too."""
        yield from self.components
        for group in self.groups:
            yield from group.components

    @property
    def shown(self) -> Sequence[GroupConfig]:
        """What the public sees; the components without a heading are in a group without a name."""
        bare = tuple(one for one in self.components if one.enabled)
        found: list[GroupConfig] = [_Bare(name="-", components=bare)] if bare else []
        for group in self.groups:
            kept = tuple(one for one in group.components if one.enabled)
            if group.enabled and kept:
                found.append(msgspec.structs.replace(group, components=kept))
        return found


class _Bare(GroupConfig, frozen=True, kw_only=True):
    """Components without a heading."""


def is_bare(group: GroupConfig) -> bool:
    """Whether it is no group that its author made."""
    return isinstance(group, _Bare)
