"""The whole of Tocsin inside the test's process, with a clock that the test may set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from tocsin.app.build import build
from tocsin.app.config import load_config
from tocsin.app.product import Tocsin
from tocsin.kit.clock import SystemClock

_NONE: Mapping[str, str] = MappingProxyType({})


class SetClock(SystemClock):
    """The machine's clock, as far off as an administrator or NTP sets it; sleeps stay true."""

    def __init__(self) -> None:
        self.off_seconds = 0.0

    def now(self) -> float:
        return super().now() + self.off_seconds

    def now_ms(self) -> int:
        return super().now_ms() + round(self.off_seconds * 1000)


@asynccontextmanager
async def inside(
    folder: Path, clock: SystemClock, flags: Mapping[str, str] = _NONE
) -> AsyncIterator[Tocsin]:
    """Everything, started; it listens on a free port of loopback."""
    config = folder / "tocsin.yaml"
    config.write_text("scrape: {host: false, itself: false}\nauth: off\n")
    listen = {"listen.http": "127.0.0.1:0", "listen.otlp_http": "off", "listen.otlp_grpc": "off"}
    tocsin = await build(
        load_config(config, {"data": str(folder / "data"), **listen, **flags}), clock
    )
    try:
        await tocsin.start()
        yield tocsin
    finally:
        await tocsin.stop()
