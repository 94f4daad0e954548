"""Asks what is monitored, and tells it as a scrape: so that intervals, staleness, limits and
retention are those of everything else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.scrape.fetch import Answer
from tocsin.scrape.http_options import HttpOptions, TlsConfig
from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.finding import Around, Down, Finding, Numbers, Probe
from tocsin.uptime.probes import dns, http, tcp

BUILT_IN: Final = "monitor"
"""What comes before a monitor's name in `scrape.target.BUILT_IN`."""

PROBES: Final[Mapping[str, Probe]] = {"http": http.probe, "tcp": tcp.probe, "dns": dns.probe}

_log = log.get("uptime")
_asked = gauge.counter("probes", "Attempts to reach what is monitored, by outcome.", ("outcome",))
_HELP: Final = {
    "probe_dns_answer_rrs": "Records in the answer.",
    "probe_dns_lookup_time_seconds": "Time that the look-up took.",
    "probe_http_content_length": "Bytes of the answer, one MiB at the most.",
    "probe_http_redirects": "Redirects that were followed.",
    "probe_http_ssl": "Whether the address is https.",
    "probe_http_status_code": "Status of the answer.",
    "probe_http_version": "Version of HTTP that was spoken.",
    "probe_ssl_earliest_cert_expiry": "When the certificate ends, seconds since the epoch.",
}


class Prober:
    """Implements `scrape.loop.Getter` for every monitor, by the name in its address."""

    def __init__(self, clock: Clock, probes: Mapping[str, Probe] = PROBES) -> None:
        self._around = Around(clock, Path(), _Contexts(Path()))
        self._clock = clock
        self._probes = probes
        self._monitors: dict[str, MonitorConfig] = {}
        self._findings: dict[str, Finding] = {}

    def configure(self, monitors: Iterable[MonitorConfig], folder: Path) -> None:
        """Ask these from now on. What is known of those that stay is kept."""
        self._around = Around(self._clock, folder, _Contexts(folder))
        self._monitors = {one.name: one for one in monitors}
        self._findings = {
            name: found for name, found in self._findings.items() if name in self._monitors
        }

    @property
    def monitors(self) -> tuple[MonitorConfig, ...]:
        """All of them, in the order of the configuration."""
        return tuple(self._monitors.values())

    def finding(self, name: str) -> Finding | None:
        """What was found last; None before the first time since the start."""
        return self._findings.get(name)

    async def get(
        self,
        url: str,
        options: HttpOptions,
        headers: Mapping[str, str],
        *,
        timeout: float,
        limit_bytes: int,
    ) -> Answer:
        """Ask, and answer with the numbers as text 0.0.4; raises Temporary for one that is gone."""
        name = url.removeprefix(f"builtin:{BUILT_IN}:")
        monitor = self._monitors.get(name)
        if monitor is None:
            raise Temporary(f"there is no monitor {name!r} any more")
        found = await self.ask(monitor)
        before = self._findings.get(name)
        if (before is None or before.is_up) and not found.is_up:
            _log.info("monitor_down", monitor=name, reason=found.reason, why=found.words)
        elif before is not None and not before.is_up and found.is_up:
            _log.info("monitor_up", monitor=name)
        if name in self._monitors:
            self._findings[name] = found
        body = exposition(found)
        return Answer(200, "text/plain; version=0.0.4", body, len(body))

    async def ask(self, monitor: MonitorConfig) -> Finding:
        """Ask until it answers as it should, `retries` times more at the most."""
        found = await self._attempt(monitor, 1)
        for attempt in range(2, monitor.retries + 2):
            if found.is_up or found.reason == "configuration":
                break
            found = await self._attempt(monitor, attempt)
        return found

    async def _attempt(self, monitor: MonitorConfig, attempt: int) -> Finding:
        clock, numbers = self._clock, Numbers()
        since = clock.monotonic()
        up = Finding(True, clock.now_ms(), 0.0, attempt, numbers=numbers)
        try:
            async with asyncio.timeout(float(monitor.timeout)):
                await self._probes[monitor.kind](monitor, self._around, numbers)
        except TimeoutError:
            words = f"no complete answer within {monitor.timeout}"
            found = replace(up, is_up=False, reason="timeout", words=words)
        except Down as down:
            found = replace(up, is_up=False, reason=down.reason, words=down.words)
        else:
            found = up
        _asked.labels("up" if found.is_up else found.reason).inc()
        return replace(found, seconds=clock.monotonic() - since)


def exposition(found: Finding) -> bytes:
    """A finding as text 0.0.4."""
    lines: list[str] = []
    _family(lines, "probe_success", "Whether it answered as it should.", float(found.is_up))
    _family(lines, "probe_duration_seconds", "Time that the attempt took.", found.seconds)
    _family(lines, "probe_attempts", "Attempts that were needed, or made.", float(found.attempts))
    for name, value in sorted(found.numbers.values.items()):
        _family(lines, name, _HELP[name], value)
    if found.numbers.phases:
        name = "probe_http_duration_seconds"
        lines += (f"# HELP {name} Time of each part.", f"# TYPE {name} gauge")
        lines += (f'{name}{{phase="{one}"}} {took!r}' for one, took in found.numbers.phases.items())
    if found.reason:
        name = "probe_failed_info"
        lines += (f"# HELP {name} Why it is down.", f"# TYPE {name} gauge")
        lines.append(f'{name}{{reason="{found.reason}"}} 1')
    return ("\n".join(lines) + "\n").encode()


def _family(lines: list[str], name: str, about: str, value: float) -> None:
    lines += (f"# HELP {name} {about}", f"# TYPE {name} gauge", f"{name} {value!r}")


class _Contexts:
    """Contexts of TLS by their settings; read anew with the configuration."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[TlsConfig, ssl.SSLContext] = {}

    def of(self, tls: TlsConfig) -> ssl.SSLContext:
        """Raises Rejected when one of its files is missing or wrong."""
        context = self._made.get(tls)
        if context is None:
            context = self._made[tls] = tls.context(self._folder)
        return context
