"""What is written at regular times although nobody sent it just now?"""

from __future__ import annotations

from tocsin.ingest.intake import Intake
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary

_log = log.get("ingest.repeating")


class Repeating:
    """Writes pushed groups and the counters of events again, as a scrape would see them."""

    def __init__(self, intake: Intake, clock: Clock, *, interval_seconds: float) -> None:
        self._intake = intake
        self._clock = clock
        self._interval = interval_seconds

    async def run(self) -> None:
        """Tick for ever; a tick that cannot be written now is left out."""
        while True:
            await self._clock.sleep(self._interval)
            await self.tick()

    async def tick(self) -> None:
        """Write once."""
        try:
            groups = await self._intake.push_groups.repeat()
            if len(groups):
                await self._intake.accept("pushgateway_repeat", groups)
            counters = self._intake.decoders.derived.repeat()
            if len(counters):
                await self._intake.accept("push_repeat", counters)
        except Temporary as error:
            _log.warning("repeat_left_out", error=str(error))
