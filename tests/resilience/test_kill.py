"""`kill -9` of either process under load, 20 times: what was acknowledged is there, whole."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import aiohttp
import pytest

from tests.resilience.serving import Sample, Serving, acknowledged_again, serving
from tests.waiting import some_moment, until

SENDERS, SERIES, KILLS = 3, 20, 20


class Sender:
    """Writes to 20 series of its own and remembers what became of every request."""

    def __init__(self, number: int, target: Serving) -> None:
        self._names = [f"{number}/{each}" for each in range(SERIES)]
        self._target = target
        self._random = Random(number)
        self._last_ms = 0
        self.acknowledged: dict[int, float] = {}
        self.unsure: dict[int, float] = {}
        self.refusals: list[tuple[int, str, str]] = []
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Send until told to end."""
        while not self.ended.is_set():
            ts = self._last_ms = max(self._last_ms + 1, time.time_ns() // 1_000_000)
            value = self._random.random()
            try:
                status, retry = await self._target.write(dict.fromkeys(self._names, (ts, value)))
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                self.unsure[ts] = value
                await asyncio.sleep(0.05)
                continue
            if status < 300:
                self.acknowledged[ts] = value
            else:
                self.unsure[ts] = value
                self.refusals.append((status, retry, self._target.last_words))
                await asyncio.sleep(0.05)

    def check(self, kept: dict[str, list[Sample]]) -> None:
        """Everything acknowledged, nothing invented, no request by halves, no sample twice."""
        sets = []
        for name in self._names:
            points = dict(kept[name])
            assert len(points) == len(kept[name]), f"{name} has a timestamp twice"
            lost = {ts: value for ts, value in self.acknowledged.items() if points.get(ts) != value}
            assert not lost, f"{name} lost {len(lost)} of {len(self.acknowledged)}: {lost}"
            known = self.acknowledged | self.unsure
            assert all(known.get(ts) == value for ts, value in points.items()), name
            sets.append(points)
        assert all(one == sets[0] for one in sets), "a request is kept by halves"


@pytest.mark.slow
async def test_everything_acknowledged_survives_twenty_kills_of_either_process(
    tmp_path: Path,
) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    sys.stdout.write(f"seed {seed}\n")
    random = Random(seed)
    async with serving(tmp_path) as tocsin:
        senders = [Sender(number, tocsin) for number in range(SENDERS)]
        running = [asyncio.create_task(sender.run()) for sender in senders]
        killed = {"main": 0, "engine": 0}
        for _ in range(KILLS):
            await some_moment(random, least=0.2, most=1.2)
            if random.random() < 0.5:
                killed["main"] += 1
                await tocsin.kill()
                await tocsin.start()
            else:
                killed["engine"] += 1
                # Writes are answered before it is back, so it may be on its way still.
                await until(tocsin.kill_engine)
            await acknowledged_again(senders)
        for sender in senders:
            sender.ended.set()
        await asyncio.gather(*running)
        counts = [len(sender.acknowledged) for sender in senders]
        unsure = [len(sender.unsure) for sender in senders]
        sys.stdout.write(f"kills {killed}, acknowledged {counts}, unsure {unsure}\n")
        refusals = [one for sender in senders for one in sender.refusals]
        assert all(status == 503 and int(retry) >= 1 for status, retry, _ in refusals), refusals
        await _check_all(tocsin, senders)
        assert await tocsin.stop() == 0
        await tocsin.start()
        await _check_all(tocsin, senders)


async def _check_all(tocsin: Serving, senders: list[Sender]) -> None:
    # The first is answered from memory where it reaches back far enough, the second from the store.
    for selector in ("kept[15m]", "kept[2d]"):
        kept = await tocsin.samples(selector)
        for sender in senders:
            sender.check(kept)


@pytest.mark.slow
async def test_a_hung_engine_is_killed_and_its_writes_are_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as tocsin:
        now = time.time_ns() // 1_000_000
        assert (await tocsin.write({"a": (now, 1.0)}))[0] < 300
        engine = tocsin.engine
        assert engine is not None
        engine.suspend()
        status, retry = await tocsin.write({"a": (now + 1, 2.0)})
        assert status < 300 or (status == 503 and int(retry) >= 1)
        with suppress(TimeoutError):
            await asyncio.to_thread(engine.wait, 120)
        assert not engine.is_running()

        async def writes() -> bool:
            return (await tocsin.write({"a": (now + 2, 3.0)}))[0] < 300

        await until(writes)
        kept = dict((await tocsin.samples("kept[15m]"))["a"])
        assert kept[now] == 1.0
        assert kept[now + 2] == 3.0
        assert (status < 300) <= (kept.get(now + 1) == 2.0)
        assert "why=hung" in tocsin.said()
