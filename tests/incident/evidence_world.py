"""An incident with samples, lines and alerts behind it, in the real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from tests.store.test_log_writer import writing
from tests.store.test_source import Node, running
from tocsin.incident.evidence.bundle import (
    Bundle,
    Change,
    FrozenAlert,
    FrozenLine,
    FrozenReceipt,
    FrozenRule,
    Graph,
    Image,
    LeftOut,
    Points,
)
from tocsin.incident.evidence.ports import Sources
from tocsin.kit.clock import SystemClock
from tocsin.model.incidents import Entry, Incident, Link, Status
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.model.notices import fingerprint
from tocsin.model.samples import STALE_BITS, SampleBatch, batch_of
from tocsin.query.logs.search import LogSearch
from tocsin.query.promql.engine import Engine
from tocsin.store.client import Store

MINUTE = 60_000
HOSTILE = '</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> \u2028 & "q"'
CANARY = "hunter2-canary-7f3a"
LABELS = from_mapping({"alertname": "DatabaseDown", "service": "db", "severity": "critical"})
EXPR = "rate(db_errors_total[5m]) > 0.5"
BITS = (STALE_BITS, 0x7FF8000000000001, 1 << 63, 0x3FB999999999999A, 0x0000000000000001)
"""A stale mark, a NaN with a payload, -0.0, 0.1, the smallest number."""


@dataclass(frozen=True, slots=True)
class World:
    """What tests look at."""

    node: Node
    search: LogSearch
    sources: Sources
    incident: Incident
    timeline: Sequence[Entry]
    now_ms: int


class _Alerts:
    async def alerts(self, of_incident: Sequence[tuple[str, Labels]]) -> list[FrozenAlert]:
        receipt = FrozenReceipt(
            id=7,
            at_ms=1,
            last_ms=2,
            count=1,
            outcome="told",
            summary="Told the receiver pager.",
            receiver="pager",
            told=("pager/slack[0]",),
            steps=("silence: none",),
        )
        return [
            FrozenAlert(
                fingerprint=one,
                state="firing",
                is_of_incident=True,
                labels=dict(labels),
                annotations={"summary": HOSTILE},
                starts_ms=1,
                receipts=(receipt,),
            )
            for one, labels in of_incident
        ]


class _Rules:
    def rules(self) -> list[FrozenRule]:
        return [
            FrozenRule(
                name="DatabaseDown",
                is_alert=True,
                is_of_incident=False,
                file="rules.yml",
                group="db",
                interval_ms=15_000,
                written="db_errors > 0.5/s",
                expr=EXPR,
                hold_ms=60_000,
                labels={"severity": "critical"},
            )
        ]


class _Texts:
    def routing(self) -> str:
        return "receivers:\n- name: pager\n  slack_configs: [{api_url: <secret>}]\n"

    def configuration(self) -> str:
        return "state:\n  url: postgresql://u:<secret>@h/d\n"


class _Changes:
    async def changes(self, services: Sequence[str], start_ms: int, end_ms: int) -> list[Change]:
        at = (start_ms + end_ms) // 2
        return [Change(at_ms=at, kind="deploy", title="db 1.4.2", service=services[0])]


@asynccontextmanager
async def world(store: Store, folder: Path) -> AsyncIterator[World]:
    """Half an hour ago the database began to fail."""
    async with running(Node(store)) as node, writing(store, folder) as writer:
        now = node.clock.now_ms() // 1000 * 1000
        await _write_samples(node, now)
        began_ns = (now - 30 * MINUTE) * 1_000_000
        records = tuple(
            LogRecord(
                ts_ns=began_ns + n * 1_000_000_000,
                body=HOSTILE if n == 0 else f"connection {n} refused",
                service="db",
                level=17 if n % 2 == 0 else 9,
                attributes={"n": str(n)},
            )
            for n in range(100)
        )
        await writer.write(LogBatch(records=records, key=5, taken_ms=now))
        search = LogSearch(store, writer, SystemClock())
        engine = Engine(node.source, node.clock)
        sources = Sources(
            engine=engine,
            samples=node.source,
            lines=search,
            alerts=_Alerts(),
            rules=_Rules(),
            texts=_Texts(),
            changes=(_Changes(),),
        )
        incident = incident_at(now)
        entries = (
            Entry(
                id=1,
                at_ms=incident.opened_ms,
                kind="opened",
                author="tocsin",
                source="alerts",
                text=f"Opened: {HOSTILE}",
            ),
        )
        yield World(node, search, sources, incident, entries, now)


def incident_at(now: int) -> Incident:
    """Resolved a minute ago."""
    return Incident(
        id=1,
        number="INC-2026-0042",
        version=3,
        severity="P0",
        status=Status.RESOLVED,
        title=f"Database down {HOSTILE}",
        services=("db",),
        links=(
            Link(kind="alert", ref=fingerprint(LABELS), labels=LABELS, starts_ms=now - 30 * MINUTE),
        ),
        started_ms=now - 30 * MINUTE,
        opened_ms=now - 29 * MINUTE,
        acknowledged_ms=now - 27 * MINUTE,
        mitigated_ms=now - 5 * MINUTE,
        resolved_ms=now - MINUTE,
    )


async def _write_samples(node: Node, now: int) -> None:
    node.recent.begin(now - 3 * 3_600_000)
    node.recent.open()
    count = 4 * 60
    for service in ("db", "web"):
        labels = from_mapping({"__name__": "db_errors_total", "service": service, "odd": HOSTILE})
        ref = node.registry.add(labels)
        ts = [now - at * 15_000 for at in range(count, 0, -1)]
        batch = batch_of([ref] * count, ts, [0.0] * count)
        values = np.cumsum(np.full(count, 15.0 * (1 if service == "db" else 0.1) / 7))
        values[50 : 50 + len(BITS)] = np.array(BITS, np.uint64).view(np.float64)
        await node.writer.write(SampleBatch(batch.refs, batch.ts, values))


def bundle() -> Bundle:
    """A small one with everything hostile in it."""
    now = 1_700_000_000_000
    incident = incident_at(now)
    ts = tuple(range(now - 3_600_000, now, 15_000))
    series = tuple(
        Points(
            labels={"service": one, "odd": HOSTILE},
            ts=ts,
            values=tuple(at / 7 for at in range(240)),
        )
        for one in ("db", "web")
    )
    lines = tuple(
        FrozenLine(
            id=str(n),
            ts_ns=str((now + n) * 1_000_000),
            service="db",
            level="error",
            body=f"connection {n} refused {HOSTILE}",
        )
        for n in range(100)
    )
    graph = Graph(
        id="g0",
        title=HOSTILE,
        query="db_errors",
        thresholds=(20.0,),
        start_ms=ts[0],
        end_ms=now,
        step_ms=15_000,
        series=series,
    )
    entry = Entry(at_ms=now, kind="note", author=HOSTILE, source="page", text=HOSTILE)
    image = Image(id=1, name="x.png", media_type="image/gif", content=_PIXEL)
    return Bundle(
        tocsin="1",
        moment="resolved",
        frozen_ms=now,
        start_ms=ts[0],
        end_ms=now,
        incident=msgspec.to_builtins(incident),
        timeline=(msgspec.to_builtins(entry),),
        graphs=(graph,),
        lines=lines,
        images=(image,),
        routing=HOSTILE,
        configuration=HOSTILE,
        left_out=(LeftOut(what=HOSTILE, why=HOSTILE),),
    )


_PIXEL = "R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=="
