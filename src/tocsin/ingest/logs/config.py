"""What can be set about taking log lines in?"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tocsin.ingest.logs.pipeline_config import RuleConfig, checked
from tocsin.ingest.logs.quota import LimitsConfig
from tocsin.ingest.logs.scrub import ScrubConfig
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration, Size


class SyslogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Syslog's ports. Syslog knows no keys: whoever reaches a port may send lines, so only `tls`
    with `client_ca` tells senders from strangers."""

    udp: str = ""
    """`host:port` for datagrams, usually port 514; empty for none."""
    tcp: str = ""
    """`host:port` for streams, usually port 514 or 601; empty for none."""
    tls: str = ""
    """`host:port` for streams over TLS, usually port 6514; empty for none."""
    certificate: str = ""
    """PEM file of the certificate for `tls`, from the configuration's folder on."""
    key: str = ""
    """PEM file of its private key."""
    client_ca: str = ""
    """PEM file of who signs the senders' certificates; with it, others are turned away."""
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
    """More connections at once are turned away."""
    max_message: Size = Size(64 << 10)
    """Longer messages are cut."""
    idle: Duration = Duration(3600)
    """A connection that is silent for so long is closed."""

    def __post_init__(self) -> None:
        for name in ("udp", "tcp", "tls"):
            address = getattr(self, name)
            port = address.rpartition(":")[2]
            is_port = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
            if address and not (":" in address and is_port):
                raise Rejected(f"{name} must be host:port such as 127.0.0.1:514, got {address!r}")
        if self.tls and not (self.certificate and self.key):
            raise Rejected("tls needs a certificate and a key")


class LogsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about log lines."""

    max_line: Size = Size(1 << 20)
    """Longer lines are cut, with a mark at the end."""
    max_attributes: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    """Fields of a line beyond so many are left out, with a mark."""
    max_future: Duration = Duration(600)
    """A line from further ahead of the clock gets the time of its arrival."""
    max_past: Duration = Duration(0)
    """A line older than this gets refused; 0 means as old as retention allows."""
    syslog: SyslogConfig = SyslogConfig()
    scrub: ScrubConfig = ScrubConfig()
    """Secrets and personal data."""
    pipelines: tuple[RuleConfig, ...] = ()
    """Rules over lines before they are kept, in this order; those made on the page come after."""
    limits: LimitsConfig = LimitsConfig()
    """How much is taken in."""

    def __post_init__(self) -> None:
        checked(self.pipelines)
