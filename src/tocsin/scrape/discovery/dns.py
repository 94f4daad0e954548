"""Targets that a DNS name stands for: `dns_sd_configs` (A, AAAA, SRV, MX, NS)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from tocsin.kit.fault import Rejected, Temporary
from tocsin.kit.quantity import Duration
from tocsin.scrape.discovery.group import TargetGroup

if TYPE_CHECKING:
    import dns.asyncresolver

_META = "__meta_dns_"


class DnsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `dns_sd_configs`."""

    names: tuple[str, ...]
    type: Literal["SRV", "A", "AAAA", "MX", "NS"] = "SRV"
    port: int | None = None
    refresh_interval: Duration = Duration(30)

    def __post_init__(self) -> None:
        if not self.names:
            raise Rejected("names must contain at least one DNS name")
        if self.type != "SRV" and self.port is None:
            raise Rejected(f"a port is required for records of type {self.type}")


class DnsDiscovery:
    """Asks for each name; a name that does not answer fails the round, so known targets stay."""

    problem = ""

    def __init__(
        self, name: str, config: DnsConfig, resolver: dns.asyncresolver.Resolver | None = None
    ) -> None:
        self.name = name
        self.refresh_seconds = float(config.refresh_interval)
        self._config = config
        self._resolver = resolver

    async def discover(self) -> Sequence[TargetGroup]:
        """One group a name; a name without such records (NXDOMAIN too) has no targets."""
        return [await self._group(name) for name in self._config.names]

    async def _group(self, name: str) -> TargetGroup:
        # Imported here: most configurations have no `dns_sd_configs`, and it takes 3 MB.
        import dns.asyncresolver
        import dns.exception
        import dns.resolver

        kind = self._config.type
        try:
            resolver = self._resolver or dns.asyncresolver.Resolver()
            answer = await resolver.resolve(name, kind, raise_on_no_answer=False, search=True)
        except dns.resolver.NXDOMAIN:
            return TargetGroup(name, ())
        except dns.exception.DNSException as error:
            raise Temporary(f"DNS: no {kind} records of {name}: {error}") from error
        except OSError as error:
            raise Temporary(f"DNS: cannot ask for {name}: {error}") from error
        targets = [self._target(name, record) for record in answer.rrset or ()]
        return TargetGroup(name, tuple(sorted(targets, key=lambda t: t["__address__"])))

    def _target(self, name: str, record: object) -> dict[str, str]:
        labels = {f"{_META}name": name}
        port = self._config.port
        match self._config.type:
            case "SRV":
                host = str(getattr(record, "target", ""))
                port = int(getattr(record, "port", 0))
                labels[f"{_META}srv_record_target"] = host
                labels[f"{_META}srv_record_port"] = str(port)
            case "MX":
                host = str(getattr(record, "exchange", ""))
                labels[f"{_META}mx_record_target"] = host
            case "NS":
                host = str(getattr(record, "target", ""))
                labels[f"{_META}ns_record_target"] = host
            case _:
                host = str(getattr(record, "address", ""))
        host = f"[{host}]" if ":" in host else host.removesuffix(".")
        return {**labels, "__address__": f"{host}:{port}"}
