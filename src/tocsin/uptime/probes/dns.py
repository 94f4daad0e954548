"""Does a name have the records that it should have?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.finding import Around, Down, Numbers

if TYPE_CHECKING:
    import dns.asyncresolver


async def probe(monitor: MonitorConfig, around: Around, numbers: Numbers) -> None:
    """Implements `finding.Probe`."""
    # Imported here: most configurations look up no names, and it takes 3 MB.
    import dns.asyncresolver
    import dns.exception
    import dns.resolver

    since = around.clock.monotonic()
    kind, name = monitor.record, monitor.dns
    try:
        answer = await _resolver(monitor).resolve(name, kind, lifetime=float(monitor.timeout))
    except dns.resolver.NXDOMAIN as error:
        raise Down("answer", f"there is no name {name}") from error
    except dns.resolver.NoAnswer as error:
        raise Down("answer", f"{name} has no {kind} records") from error
    except dns.exception.Timeout as error:
        raise Down("timeout", f"no name server answered within {monitor.timeout}") from error
    except dns.exception.DNSException as error:
        raise Down("resolve", f"cannot look up {name}: {error}"[:300]) from error
    except OSError as error:
        raise Down("connect", f"cannot ask a name server: {error.strerror or error}") from error
    numbers.values["probe_dns_lookup_time_seconds"] = around.clock.monotonic() - since
    found = {str(record).strip('"').rstrip(".").lower() for record in answer}
    numbers.values["probe_dns_answer_rrs"] = float(len(found))
    missing = [one for one in monitor.answers if one.rstrip(".").lower() not in found]
    if missing:
        has = ", ".join(sorted(found)[:10])
        raise Down("content", f"{kind} of {name} lacks {', '.join(missing)}; it has {has}")


def _resolver(monitor: MonitorConfig) -> dns.asyncresolver.Resolver:
    import dns.asyncresolver

    if not monitor.server:
        return dns.asyncresolver.Resolver()
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [monitor.server.host]
    resolver.port = monitor.server.port
    return resolver
