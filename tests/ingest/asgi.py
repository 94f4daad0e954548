"""The ingest addresses on a small application of their own, called without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from tocsin.ingest.config import IngestConfig
from tocsin.ingest.intake import Intake
from tocsin.ingest.limits import CardinalityGuard
from tocsin.ingest.logs.config import LogsConfig
from tocsin.ingest.logs.intake import LogIntake, Step
from tocsin.ingest.traces.config import TracesConfig
from tocsin.ingest.traces.intake import SpanIntake
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.model.samples import Exemplar, Metadata, SampleBatch
from tocsin.model.spans import Span, SpanBatch
from tocsin.store.series import SeriesRegistry
from tocsin.web import ingest


class Kept:
    """A writer that keeps what it is given, or is too busy."""

    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []
        self.rows: list[tuple[str, bytes, int]] = []
        self.busy = False

    async def write(self, batch: SampleBatch) -> None:
        if self.busy:
            raise Temporary("the store is full", retry_after=7)
        self.batches.append(batch)

    async def write_rows(self, table: str, columns: Sequence[str], rows: bytes, count: int) -> None:
        if self.busy:
            raise Temporary("the store is full", retry_after=7)
        self.rows.append((table, rows, count))


class KeptLines:
    """A writer of log lines that keeps what it is given, or is too busy."""

    def __init__(self) -> None:
        self.batches: list[LogBatch] = []
        self.busy = False

    @property
    def records(self) -> list[LogRecord]:
        """All lines, in order."""
        return [record for batch in self.batches for record in batch.records]

    def has(self, key: int) -> bool:
        return any(batch.key == key for batch in self.batches)

    async def write(self, batch: LogBatch) -> None:
        if self.busy:
            raise Temporary("the store is full", retry_after=7)
        if batch.records:
            self.batches.append(batch)

    async def settle(self) -> None:
        """Everything is where it is read."""


class KeptSpans:
    """A writer of spans that keeps what it is given, or is too busy."""

    def __init__(self) -> None:
        self.batches: list[SpanBatch] = []
        self.busy = False

    @property
    def spans(self) -> list[Span]:
        """All spans, in order."""
        return [span for batch in self.batches for span in batch.spans]

    def has(self, key: int) -> bool:
        return any(batch.key == key for batch in self.batches)

    async def write(self, batch: SpanBatch) -> bool:
        if self.busy:
            raise Temporary("the store is full", retry_after=7)
        self.batches.append(batch)
        return True


class Settings:
    """Settings that were set, and by whom."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[object, str]] = {}

    async def set(self, key: str, value: object, *, by: str) -> None:
        self.kept[key] = (value, by)


@dataclass(slots=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # whatever the answer holds
        return msgspec.json.decode(self.body)


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    body: bytes | Sequence[bytes] = b"",
    **headers: str,
) -> Answer:
    """Send one request; underscores in header names become hyphens."""
    chunks = [body] if isinstance(body, bytes) else list(body)
    messages = [
        {"type": "http.request", "body": chunk, "more_body": at + 1 < len(chunks)}
        for at, chunk in enumerate(chunks)
    ]
    raw_path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": raw_path,
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").lower().encode(), value.encode())
            for name, value in headers.items()
        ],
        "server": ("localhost", 7777),
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "root_path": "",
    }
    sent: list[Any] = []

    async def receive() -> Any:  # ASGI messages
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:  # ASGI messages
        sent.append(message)

    await app(scope, receive, send)
    head = sent[0]
    content = b"".join(message.get("body", b"") for message in sent[1:])
    pairs = {key.decode().lower(): value.decode() for key, value in head["headers"]}
    return Answer(head["status"], pairs, content)


@dataclass(slots=True)
class Site:
    """The application and what reached its store."""

    app: Starlette
    kept: Kept
    clock: FakeClock
    intake: Intake
    registry: SeriesRegistry
    lines: KeptLines
    logs: LogIntake
    kept_spans: KeptSpans
    spans: SpanIntake
    chunk_delay: float = 0.0
    sent: list[str] = field(default_factory=list)

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        **headers: str,
    ) -> Answer:
        """Send one request; underscores in header names become hyphens."""
        return await call(self.app, method, path, body, **headers)

    def restart(self, config: LogsConfig) -> None:
        """Forget of lines what is not read from the store at a start."""
        self.logs = LogIntake(self.lines, self.clock, config)
        self.logs.know(name for batch in self.lines.batches for name in batch.names)
        self.app.state.services.logs = self.logs

    def samples(self) -> dict[str, list[tuple[int, float]]]:
        """All samples kept, by the series' text, oldest first."""
        found: dict[str, list[tuple[int, float]]] = {}
        for batch in self.kept.batches:
            columns = zip(
                batch.refs.tolist(), batch.ts.tolist(), batch.values.tolist(), strict=True
            )
            for ref, ts, value in columns:
                found.setdefault(text_of(self.registry, ref), []).append((ts, value))
        return {name: sorted(rows) for name, rows in found.items()}

    def values(self) -> dict[str, float]:
        """The last value of each series, by its text."""
        return {name: rows[-1][1] for name, rows in self.samples().items()}

    def exemplars(self) -> list[Exemplar]:
        return [exemplar for batch in self.kept.batches for exemplar in batch.exemplars]

    def metadata(self) -> dict[str, Metadata]:
        return {found.metric: found for batch in self.kept.batches for found in batch.metadata}


def text_of(registry: SeriesRegistry, ref: int) -> str:
    """`name{a="b"}`, labels sorted."""
    labels = dict(registry.labels(ref))
    name = labels.pop("__name__")
    inner = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{name}{{{inner}}}" if inner else name


def site(
    config: IngestConfig | None = None,
    steps: Sequence[Step] = (),
    traces: TracesConfig | None = None,
) -> Site:
    """A fresh application with an empty registry."""
    config = config or IngestConfig()
    clock, kept, registry = FakeClock(), Kept(), SeriesRegistry()
    guard = CardinalityGuard(registry, config.limits, clock)
    intake = Intake(kept, guard, clock, config)
    lines = KeptLines()
    logs = LogIntake(lines, clock, LogsConfig(), steps=steps)
    kept_spans = KeptSpans()
    spans = SpanIntake(kept_spans, clock, traces or TracesConfig())
    app = Starlette(
        routes=[
            Route(address.path, address.handler, methods=list(address.methods))
            for address in ingest.ADDRESSES
        ]
    )
    app.state.services = SimpleNamespace(
        intake=intake,
        logs=logs,
        spans=spans,
        log_writer=lines,
        guard=guard,
        clock=clock,
        registry=registry,
        settings=Settings(),
        config=SimpleNamespace(ingest=config),
    )
    return Site(app, kept, clock, intake, registry, lines, logs, kept_spans, spans)
