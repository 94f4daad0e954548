"""A real `tocsin serve` on loopback, to be hurt: started, watched, killed, started again."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence, Sized
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import cramjam
import msgspec
import psutil

from tests.ingest.write_messages import message
from tests.waiting import until

START_SECONDS = 600.0
"""So patient that only what hangs is too slow, however loaded the machine is: ending sooner is
noticed at once, and nothing here says how fast a start is."""

Sample = tuple[int, float]
"""Milliseconds since the epoch, and the value."""


class Serving:
    """One data folder, and the process that serves it just now."""

    def __init__(self, folder: Path, flags: Sequence[str] = (), config: str = "") -> None:
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "tocsin.yaml"
        self.log = folder / "log.txt"
        self._flags = flags
        self.config.write_text(config or "scrape: {host: false, itself: false}\n")
        self.url = ""
        self.process: asyncio.subprocess.Process | None = None
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120))

    def command(self, *more: str) -> list[str]:
        """What starts it."""
        return [
            *(sys.executable, "-m", "tocsin", "serve", "--config", str(self.config)),
            *("--data", str(self.data), "--http", "127.0.0.1:0", "--auth", "off"),
            *("--otlp-http", "off", "--otlp-grpc", "off", *self._flags, *more),
        ]

    async def start(self) -> None:
        """Start it and wait until it answers."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command("--ready-file", str(ready)), stdout=log, stderr=log
            )
        process = self.process
        await until(lambda: ready.exists() or process.returncode is not None, seconds=START_SECONDS)
        assert ready.exists(), self.said()
        self.url = msgspec.json.decode(ready.read_bytes())["http"]

    def said(self) -> str:
        """Everything it logged."""
        return self.log.read_text()

    @property
    def engine(self) -> psutil.Process | None:
        """The engine's process while there is one."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            for child in psutil.Process(self.process.pid).children():
                if "tocsin.store.embedded" in child.cmdline():
                    return child
        return None

    def kill_engine(self) -> bool:
        """`kill -9` of the engine; False while there is none."""
        engine = self.engine
        if engine is None:
            return False
        with suppress(psutil.NoSuchProcess):
            engine.kill()
        return True

    async def kill(self) -> None:
        """`kill -9` of the main process."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self, limit: float = 120.0) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(limit):
            return await self.process.wait()

    async def close(self) -> None:
        """End whatever still runs."""
        await self.http.close()
        if self.process is not None and self.process.returncode is None:
            await self.kill()

    async def write(self, samples: dict[str, Sample], *, metric: str = "kept") -> tuple[int, str]:
        """Remote-write one sample for each series `s`; the status and its Retry-After."""
        body = write_body(metric, samples)
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        async with self.http.post(
            f"{self.url}/api/v1/write", data=body, headers=headers
        ) as response:
            self.last_words = await response.text()
            return response.status, response.headers.get("Retry-After", "")

    async def get(self, path: str, **params: str) -> tuple[int, Any]:  # Any: JSON of many shapes
        """The status and the decoded answer of a GET."""
        async with self.http.get(self.url + path, params=params) as response:
            body = await response.read()
            is_json = response.content_type == "application/json"
            return response.status, msgspec.json.decode(body) if is_json else body.decode()

    async def samples(self, selector: str) -> dict[str, list[Sample]]:
        """Every raw sample that a range selector finds, by the label `s`."""
        status, answer = await self.get("/api/v1/query", query=selector)
        assert status == 200, answer
        return {
            one["metric"]["s"]: [(round(ts * 1000), float(value)) for ts, value in one["values"]]
            for one in answer["data"]["result"]
        }


def write_body(metric: str, samples: dict[str, Sample]) -> bytes:
    """A remote write 1.0 request with one sample for each series."""
    series = [
        message(
            "prometheus.TimeSeries",
            labels=[
                message("prometheus.Label", name="__name__", value=metric),
                message("prometheus.Label", name="s", value=name),
            ],
            samples=[message("prometheus.Sample", value=value, timestamp=ts)],
        )
        for name, (ts, value) in samples.items()
    ]
    request = message("prometheus.WriteRequest", timeseries=series)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


@asynccontextmanager
async def serving(
    folder: Path, *flags: str, config: str = "", started: bool = True
) -> AsyncIterator[Serving]:
    """A running Tocsin on a folder of its own."""
    one = Serving(folder, flags, config)
    try:
        if started:
            await one.start()
        yield one
    finally:
        await one.close()


class Acknowledged(Protocol):
    """Who sends, and remembers what was acknowledged."""

    @property
    def acknowledged(self) -> Sized: ...


async def acknowledged_again(senders: Sequence[Acknowledged]) -> None:
    """Returns when each of them was told of one more."""
    before = [len(sender.acknowledged) for sender in senders]
    await until(
        lambda: all(
            len(sender.acknowledged) > count for sender, count in zip(senders, before, strict=True)
        )
    )
