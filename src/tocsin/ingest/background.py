"""Which work of taking data in goes on by itself?"""

from __future__ import annotations

from tocsin.ingest.config import IngestConfig
from tocsin.ingest.intake import Intake
from tocsin.ingest.repeating import Repeating
from tocsin.ingest.statsd import Statsd
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent
from tocsin.kit.tasks import Tasks


class Background:
    """Repeats pushed values, and listens for StatsD where an address is given."""

    def __init__(self, intake: Intake, config: IngestConfig, clock: Clock) -> None:
        interval = config.pushgateway.interval
        self._repeating = Repeating(intake, clock, interval_seconds=interval)
        self._statsd = Statsd(intake, config.statsd, clock)

    async def start(self, tasks: Tasks, *, statsd_address: str = "") -> int:
        """Start as supervised tasks; answers StatsD's UDP port, 0 when it is off.

        Raises Permanent when the address cannot be listened on.
        """
        tasks.start("ingest_repeat", self._repeating.run)
        if not statsd_address:
            return 0
        host, _, port = statsd_address.rpartition(":")
        if not port.isdigit():
            raise Permanent(f"StatsD's address {statsd_address!r} is not host:port")
        taken = await self._statsd.start(host.strip("[]") or "0.0.0.0", int(port))
        tasks.start("ingest_statsd", self._statsd.run)
        return taken

    async def stop(self) -> None:
        """Close StatsD's port and write what was gathered; call while the writer still takes."""
        await self._statsd.stop()
