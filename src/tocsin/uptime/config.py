"""What may stand under `monitors` of `tocsin.yaml`? Mistakes are told with their place."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
import msgspec.structs
from yarl import URL

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.regex import compile_pattern
from tocsin.scrape.http_options import Authorization, BasicAuth, HttpHeader, TlsConfig

_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)", re.ASCII)
_LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
_OWN_LABELS = frozenset(("job", "instance", "monitor", "severity", "alertname", "phase", "reason"))
_NAME = r"^\S(?:.*\S)?$"
_SHORTEST_SECONDS = 5.0

LabelName = Annotated[str, msgspec.Meta(pattern=_LABEL)]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
RecordType = Literal["A", "AAAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"]


class WebUrl(str):
    """An address that is asked over HTTP; empty when there is none."""

    __slots__ = ()
    EXPECTED = "an address such as https://example.com/health"

    @classmethod
    def from_config(cls, text: str) -> WebUrl:
        """Raises Rejected; a password in it would be a label that everybody reads."""
        if not text:
            return cls("")
        try:
            url = URL(text)
            host = url.host
        except ValueError as error:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}: {error}") from error
        if url.scheme not in ("http", "https") or not host:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        if url.user is not None or url.password is not None:
            raise Rejected("a user and password do not belong into the address; use basic_auth")
        return cls(text)


class Server(str):
    """`host:port`; empty when there is none."""

    __slots__ = ()
    EXPECTED = "host:port such as db.example.com:5432"

    @classmethod
    def from_config(cls, text: str) -> Server:
        """Raises Rejected when it is none."""
        if not text:
            return cls("")
        host, colon, port = text.rpartition(":")
        is_bare_v6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
        digits = port.isascii() and port.isdigit() and 0 < len(port) <= 5
        if not colon or not host or is_bare_v6 or not digits or not 0 < int(port) <= 65535:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        return cls(text)

    @property
    def host(self) -> str:
        """Without the brackets of an IPv6 address."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """As a number."""
        return int(self.rpartition(":")[2])


class Pattern(str):
    """A regular expression in RE2's syntax; empty when there is none."""

    __slots__ = ()
    EXPECTED = "a regular expression"

    @classmethod
    def from_config(cls, text: str) -> Pattern:
        """Raises Rejected with RE2's own words."""
        compile_pattern(text)
        return cls(text)


class StatusClass(str):
    """A status of HTTP, or all of a class: `200`, `2xx`."""

    __slots__ = ()
    EXPECTED = "a status such as 200, or 2xx"

    @classmethod
    def from_config(cls, text: str) -> StatusClass:
        """Raises Rejected when it is none."""
        if _STATUS.fullmatch(text) is None:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        return cls(text)

    def covers(self, status: int) -> bool:
        """Whether it means this one."""
        return self == str(status) or (self.endswith("xx") and self[0] == str(status)[0])


class MonitorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is asked every so often, and whether it answers as it should. One of `url`,
    `tcp` and `dns` says what."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_NAME)]
    """As people know it; its label `monitor`, and its past is kept under it."""
    url: WebUrl = WebUrl("")
    """An address that is asked over HTTP: `https://example.com/health`."""
    tcp: Server = Server("")
    """A port that is connected to: `db.example.com:5432`."""
    dns: str = ""
    """A name that is looked up: `example.com`."""
    every: Duration = Duration(60)
    """How often it is asked."""
    timeout: Duration = Duration(10)
    """How long an answer may take, until its last byte."""
    retries: Annotated[int, msgspec.Meta(ge=0, le=5)] = 1
    """How often it is asked again at once before it counts as down."""
    method: Method = "GET"
    """Of `url`: how it is asked."""
    body: str = ""
    """Of `url`: what is sent along."""
    status: tuple[StatusClass, ...] = (StatusClass("2xx"),)
    """Of `url`: which answers are right."""
    contains: str = ""
    """Of `url`: a text that the answer's first MiB must contain."""
    matches: Pattern = Pattern("")
    """Of `url` and `tcp`: a regular expression that the answer must match somewhere."""
    lacks: Pattern = Pattern("")
    """Of `url`: one that it must not match."""
    follow_redirects: bool = True
    """Of `url`: whether redirects are followed, ten at the most."""
    http_headers: dict[str, HttpHeader] = {}
    """Of `url`: more headers, `{X-Key: {secrets: [...]}}`."""
    basic_auth: BasicAuth | None = None
    """Of `url`: a user and a password."""
    authorization: Authorization | None = None
    """Of `url`: `{credentials: …}` of another scheme than Basic."""
    tls: bool = False
    """Of `tcp`: whether TLS begins with the connection."""
    tls_config: TlsConfig = TlsConfig()
    """Which certificates are trusted and shown, as in a `prometheus.yml`."""
    send: str = ""
    """Of `tcp`: what is sent once it is connected, `PING\\r\\n`."""
    record: RecordType = "A"
    """Of `dns`: the kind of record."""
    server: Server = Server("")
    """Of `dns`: the name server that is asked; the machine's own when it is not given."""
    answers: tuple[str, ...] = ()
    """Of `dns`: records that must be among the answer."""
    certificate_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 14
    """How many days before its certificate ends somebody is told; 0: nobody."""
    alert: bool = True
    """Whether it alerts when it is down. Its series can be alerted on by other rules as well."""
    severity: Annotated[str, msgspec.Meta(min_length=1)] = "critical"
    """Of its alert."""
    after: Duration = Duration(0)
    """How long it must be down before the alert fires."""
    runbook: str = ""
    """An address for whoever is woken."""
    labels: dict[LabelName, str] = {}
    """On its series and alerts: `{service: shop}`."""

    @property
    def target(self) -> str:
        """What is asked, as its label `instance`."""
        return str(self.url or self.tcp or self.dns)

    @property
    def kind(self) -> str:
        """ "http", "tcp" or "dns"."""
        return "http" if self.url else "tcp" if self.tcp else "dns"

    @property
    def shows_certificate(self) -> bool:
        """Whether it has a certificate that may end."""
        return self.url.startswith("https:") or self.tls

    def __post_init__(self) -> None:
        given = [name for name in ("url", "tcp", "dns") if getattr(self, name)]
        if len(given) != 1:
            said = f"{' and '.join(given)} are given" if given else "none of them is given"
            raise Rejected(f"{self.name}: give one of url, tcp and dns; {said}")
        self._refuse_others()
        if self.every < _SHORTEST_SECONDS:
            raise Rejected(f"{self.name}: every must be at least 5s, not {self.every}")
        if not 0 < self.timeout * (self.retries + 1) <= self.every:
            raise Rejected(
                f"{self.name}: {self.retries + 1} attempts of up to {self.timeout} do not fit into "
                f"every {self.every}; shorten timeout, or ask less often"
            )
        if not self.status:
            raise Rejected(f"{self.name}: status needs one at least, such as 2xx")
        if self.basic_auth is not None and self.authorization is not None:
            raise Rejected(f"{self.name}: basic_auth and authorization exclude each other")
        for name in self.labels:
            if name in _OWN_LABELS:
                raise Rejected(f"{self.name}: the label {name!r} is set by Tocsin itself")

    def _refuse_others(self) -> None:
        """What belongs to another way of asking would be ignored."""
        kind = "url" if self.url else "tcp" if self.tcp else "dns"
        for one in msgspec.structs.fields(type(self)):
            kinds = _BELONGS.get(one.name)
            if kinds is None or kind in kinds or getattr(self, one.name) == _usual(one):
                continue
            words = " and ".join(sorted(kinds))
            raise Rejected(f"{self.name}: {one.name} is of {words}, not of {kind}; remove it")


def _usual(one: msgspec.structs.FieldInfo) -> object:
    """The value of a field that is not given."""
    if one.default is not msgspec.NODEFAULT:
        return one.default
    return None if one.default_factory is msgspec.NODEFAULT else one.default_factory()


_HTTP = frozenset(("url",))
_TCP = frozenset(("tcp",))
_DNS = frozenset(("dns",))
_BELONGS = {
    "method": _HTTP,
    "body": _HTTP,
    "status": _HTTP,
    "contains": _HTTP,
    "lacks": _HTTP,
    "http_headers": _HTTP,
    "basic_auth": _HTTP,
    "authorization": _HTTP,
    "matches": _HTTP | _TCP,
    "tls": _TCP,
    "send": _TCP,
    "tls_config": _HTTP | _TCP,
    "record": _DNS,
    "server": _DNS,
    "answers": _DNS,
}
