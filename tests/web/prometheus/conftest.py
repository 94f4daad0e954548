"""The Prometheus API over a few series in memory, asked as a client asks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tocsin.ingest.config import IngestConfig
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import TooLarge
from tocsin.model.labels import Labels, Matcher, from_mapping, get
from tocsin.model.samples import STALE, Metadata
from tocsin.model.series import ExemplarData, SeriesData
from tocsin.query.promql.engine import Engine
from tocsin.query.promql.result import QueryOptions
from tocsin.web.api import (
    federate,
    prometheus,
    prometheus_read,
    prometheus_series,
    prometheus_status,
)
from tocsin.web.services import ReloadOutcome

NOW = 1_700_000_000
STEP_MS = 15_000


def _series(**labels: str) -> Labels:
    return from_mapping({"__name__": labels.pop("name"), **labels})


ALL: tuple[Labels, ...] = (
    _series(name="requests_total", job="api", instance="a:1", path="/"),
    _series(name="requests_total", job="api", instance="b:1", path="/"),
    _series(name="up", job="api", instance="a:1"),
    _series(name="ended", job="api"),
    from_mapping({"__name__": "my.metric", "zone.name": "eu"}),
)


@dataclass
class MemorySource:
    """A SeriesSource of a counter per series, every 15 s; `ended` stops with a staleness marker."""

    wait: asyncio.Event | None = None
    canceled: bool = False
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        self.asked.append((start_ms, end_ms))
        if self.wait is not None:
            try:
                await self.wait.wait()
            except asyncio.CancelledError:
                self.canceled = True
                raise
        first = max(start_ms, (NOW - 7200) * 1000)
        ts = np.arange(-(-first // STEP_MS) * STEP_MS, min(end_ms, NOW * 1000) + 1, STEP_MS)
        labels = [one for one in ALL if _matches(one, matchers)] if len(ts) else []
        if len(ts) * len(labels) > limit_samples:
            raise TooLarge("too many samples")
        parts = [_values(one, ts) for one in labels]
        offsets = np.arange(len(labels) + 1, dtype=np.int64) * len(ts)
        values = np.concatenate(parts) if parts else np.zeros(0)
        return SeriesData(labels, offsets, np.tile(ts, len(labels)).astype(np.int64), values)

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        self.asked.append((start_ms, end_ms))
        found = sorted(one for one in ALL if _any_matches(one, matcher_sets))
        return found[:limit] if limit else found

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        found = [one for one in ALL if _any_matches(one, matcher_sets)]
        return sorted({name for one in found for name, _ in one})

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        found = [one for one in ALL if _any_matches(one, matcher_sets)]
        return sorted({get(one, name) for one in found} - {""})

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[ExemplarData]:
        trace = from_mapping({"trace_id": "abc"})
        return [
            ExemplarData(one, [(trace, 0.5, NOW * 1000 - 500)])
            for one in ALL
            if _any_matches(one, matcher_sets)
        ]

    async def metadata(self, metric: str = "", limit: int = 0) -> dict[str, list[Metadata]]:
        known = {
            "requests_total": [Metadata("requests_total", "counter", "Requests.", "")],
            "up": [Metadata("up", "gauge", "Whether.", ""), Metadata("up", "unknown")],
        }
        chosen = {name: found for name, found in known.items() if metric in ("", name)}
        return dict(list(chosen.items())[: limit or None])


def _values(labels: Labels, ts: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, Any]:
    values = (ts / 1000 - NOW + 7200) * (1 + ALL.index(labels))
    if get(labels, "__name__") == "ended":
        values[-1] = STALE
    return np.asarray(values, np.float64)


def _matches(labels: Labels, matchers: Sequence[Matcher]) -> bool:
    return all(matcher.matches(get(labels, matcher.name)) for matcher in matchers)


def _any_matches(labels: Labels, sets: Sequence[Sequence[Matcher]]) -> bool:
    return not sets or any(_matches(labels, matchers) for matchers in sets)


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        assert self.status == 200, self.body
        return self.json["data"]

    @property
    def error(self) -> tuple[int, str, str]:
        assert self.json["status"] == "error"
        return self.status, self.json["errorType"], self.json["error"]


Params = Sequence[tuple[str, str]]
Ask = Callable[..., Awaitable[Reply]]


@dataclass
class Client:
    """Asks the application directly, without a network."""

    app: Starlette
    source: MemorySource
    leave: asyncio.Event | None = None

    async def get(self, path: str, *params: tuple[str, str]) -> Reply:
        return await self.send("GET", path, urlencode(params))

    async def form(self, path: str, *params: tuple[str, str]) -> Reply:
        body = urlencode(params).encode()
        kind = (b"content-type", b"application/x-www-form-urlencoded")
        return await self.send("POST", path, body=body, headers=[kind])

    async def send(
        self,
        method: str,
        path: str,
        query: str = "",
        body: bytes = b"",
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> Reply:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": list(headers),
            "scheme": "http",
            "server": ("127.0.0.1", 7777),
        }
        sent: list[Any] = []
        read = False

        async def receive() -> dict[str, Any]:
            nonlocal read
            if not read:
                read = True
                return {"type": "http.request", "body": body, "more_body": False}
            await (self.leave or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start = next(one for one in sent if one["type"] == "http.response.start")
        parts = [one.get("body", b"") for one in sent if one["type"] == "http.response.body"]
        found = {key.decode(): value.decode() for key, value in start["headers"]}
        return Reply(start["status"], found, b"".join(parts))


@pytest.fixture
def parts() -> SimpleNamespace:
    """What handlers are given."""
    clock, source = FakeClock(NOW), MemorySource()
    config = SimpleNamespace(
        ingest=IngestConfig(),
        query=QueryOptions(),
        version="1.2.3",
        prometheus_text=lambda: "global: {}\n",
        flags={"http": "127.0.0.1:7777", "data": PurePosixPath("/data")},
        warnings=tuple,
    )
    status = SimpleNamespace(
        ready=True,
        reason="",
        started_at=NOW - 60.0,
        config_applied=True,
        config_applied_at=NOW - 60.0,
    )

    async def reload() -> ReloadOutcome:
        return ReloadOutcome(error="" if status.ready else "line 3: no")

    return SimpleNamespace(
        clock=clock,
        source=source,
        engine=Engine(source, clock),
        config=config,
        rules=SimpleNamespace(groups=[]),
        alerts=SimpleNamespace(alerts=list),
        status=lambda: status,
        state=status,
        reload=reload,
    )


@pytest.fixture
def client(parts: SimpleNamespace) -> Client:
    """The application with all addresses of the Prometheus API."""
    modules = (prometheus, prometheus_series, prometheus_status, prometheus_read, federate)
    app = Starlette(
        routes=[
            Route(address.path, address.handler, methods=list(address.methods))
            for module in modules
            for address in module.ADDRESSES
        ]
    )
    app.state.services = parts
    return Client(app, parts.source)
