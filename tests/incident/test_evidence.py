"""The file holds what was stored, bit for bit, and lives on without the store."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser

from tests.incident.evidence_world import (
    CANARY,
    EXPR,
    HOSTILE,
    MINUTE,
    World,
    bundle,
    incident_at,
    world,
)
from tests.state.fresh import state_file
from tocsin.incident.book import IncidentBook
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.evidence.bundle import (
    FrozenAlert,
    Points,
    embedded,
    number,
    value_of,
)
from tocsin.incident.evidence.collect import Collector
from tocsin.incident.evidence.document import page
from tocsin.incident.evidence.keep import KIND, EvidenceKeeper, plan_of, unpacked
from tocsin.incident.evidence.ports import Limits, Sources
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.model.errands import NOTHING, Done
from tocsin.model.labels import Labels, Matcher, MatchOp, from_mapping
from tocsin.state.database import Database
from tocsin.state.incidents import IncidentTable
from tocsin.store.client import Store


class _Scripts(HTMLParser):
    """The scripts, and every attribute that could fetch something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = dict(attrs) if tag == "script" else self._open

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.scripts.append((self._open, data))
            self._open = None


def _data(text: str) -> dict[str, Any]:
    (found,) = [body for attrs, body in _Scripts(text).scripts if attrs.get("id") == "evidence"]
    loaded: dict[str, Any] = json.loads(found)
    return loaded


async def _text(found: World) -> str:
    bundle, busy = await Collector(found.sources).collect(
        found.incident, found.timeline, (), "resolved", found.now_ms
    )
    assert busy == ()
    return page(bundle)


def _bits(values: Any) -> list[int]:
    return [struct.unpack("<Q", struct.pack("<d", value_of(one)))[0] for one in values]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = state_file(tmp_path / "state.db")
    await opened.open()
    yield opened
    await opened.close()


@given(st.integers(0, (1 << 64) - 1))
def test_any_float64_reads_back_as_the_same_bits(bits: int) -> None:
    value = struct.unpack("<d", struct.pack("<Q", bits))[0]
    points = Points(labels={}, ts=(0,), values=(number(value),))
    written = json.loads(msgspec.json.encode(points))["values"]
    assert _bits(written) == [struct.unpack("<Q", struct.pack("<d", value))[0]]
    assert json.loads(json.dumps(written, allow_nan=False)) == written


def test_halves_of_letters_are_kept() -> None:
    odd = msgspec.structs.replace(bundle(), routing="\ud800 <")
    assert json.loads(embedded(odd))["routing"] == "\ud800 <"
    assert "<" not in embedded(odd)


async def test_the_values_in_the_file_are_those_in_the_store(store: Store, tmp_path: Path) -> None:
    async with world(store, tmp_path) as found:
        data = _data(await _text(found))
        (graph,) = data["graphs"]
        (kept,) = graph["stored"]
        matcher = Matcher("__name__", MatchOp.EQUAL, "db_errors_total")
        for source in (found.node.source, found.node.from_store):
            stored = await source.select(
                [matcher], kept["start_ms"], kept["end_ms"], limit_samples=10_000
            )
            rows = {
                labels: (
                    stored.ts[stored.offsets[row] : stored.offsets[row + 1]].tolist(),
                    stored.values[stored.offsets[row] : stored.offsets[row + 1]],
                )
                for row, labels in enumerate(stored.labels)
            }
            assert len(rows) == len(kept["series"]) == 2
            for one in kept["series"]:
                ts, values = rows[from_mapping(one["labels"])]
                assert one["ts"] == ts
                assert _bits(one["values"]) == values.view(np.uint64).tolist()
        await _is_the_query(found, graph)


async def _is_the_query(found: World, graph: dict[str, Any]) -> None:
    result = await found.sources.engine.range(
        graph["query"], graph["start_ms"], graph["end_ms"], graph["step_ms"]
    )
    assert graph["query"] == "rate(db_errors_total[5m])"
    assert graph["thresholds"] == [0.5]
    series = {from_mapping(one["labels"]): one for one in graph["series"]}
    assert set(series) == set(result.labels)
    for row, labels in enumerate(result.labels):
        there = np.flatnonzero(result.present[row])
        assert series[labels]["ts"] == result.times[there].tolist()
        assert _bits(series[labels]["values"]) == result.values[row, there].view(np.uint64).tolist()


async def test_the_alerts_own_series_comes_first(store: Store, tmp_path: Path) -> None:
    async with world(store, tmp_path) as found:
        (graph,) = _data(await _text(found))["graphs"]
        assert [one["labels"]["service"] for one in graph["series"]] == ["db", "web"]


async def test_it_has_lines_alerts_rules_routes_configuration_and_changes(
    store: Store, tmp_path: Path
) -> None:
    async with world(store, tmp_path) as found:
        text = await _text(found)
        data = _data(text)
        assert len(data["lines"]) == 100  # 50 troubled ones, and all within two minutes
        assert data["lines"][0]["body"] == HOSTILE
        assert [one["ts_ns"] for one in data["lines"]] == sorted(
            one["ts_ns"] for one in data["lines"]
        )
        (alert,) = data["alerts"]
        assert alert["receipts"][0]["told"] == ["pager/slack[0]"]
        (rule,) = data["rules"]
        assert (rule["expr"], rule["written"]) == (EXPR, "db_errors > 0.5/s")
        assert "slack_configs" in data["routing"]
        assert "postgresql" in data["configuration"]
        assert data["changes"][0]["title"] == "db 1.4.2"
        assert CANARY not in text


class _Forgotten:
    async def alerts(self, of_incident: Sequence[tuple[str, Labels]]) -> list[FrozenAlert]:
        return [
            FrozenAlert(fingerprint=one, state="resolved", is_of_incident=True, labels=dict(labels))
            for one, labels in of_incident
        ]


async def test_an_alert_that_is_over_and_forgotten_has_its_times(
    store: Store, tmp_path: Path
) -> None:
    async with world(store, tmp_path) as found:
        links = tuple(
            msgspec.structs.replace(one, starts_ms=60_000, ends_ms=120_000)
            for one in found.incident.links
        )
        incident = msgspec.structs.replace(found.incident, links=links)
        sources = replace(found.sources, alerts=_Forgotten())
        bundle, _ = await Collector(sources).collect(incident, (), (), "resolved", found.now_ms)
        assert [(one.starts_ms, one.ends_ms) for one in bundle.alerts] == [(60_000, 120_000)]
        said = page(bundle)
        assert "</b> from 1970-01-01 00:01:00 to 1970-01-01 00:02:00" in said


async def test_it_is_whole_after_the_telemetry_is_gone(
    store: Store, tmp_path: Path, database: Database, clock: FakeClock
) -> None:
    table = IncidentTable(database)
    async with world(store, tmp_path) as found:
        incident = await table.open(found.incident, found.timeline, NOTHING)
        errand = plan_of(None, incident, ()).put[0]
        book = IncidentBook(table, IncidentsConfig, clock, wake=lambda: None)
        heard: list[str] = []
        book.subscribe(lambda change: heard.extend(one.kind for one in change.entries))
        keeper = EvidenceKeeper(book, Collector(found.sources), clock)
        clock.jump(found.now_ms / 1000 - clock.now())
        errand = _claimed(errand, incident.number)
        assert await keeper.attempt(errand) == Done()
        assert await keeper.attempt(errand) == Done()
        assert heard == [KIND], "pages that are open look again"
        (kept,) = await table.attachments(incident.id)
        for name in ("samples", "series", "logs"):
            await store.command(f"TRUNCATE TABLE {name}")
    whole = await table.attachment(incident.id, kept.id)
    data = _data(unpacked(whole.content).decode())
    assert len(data["graphs"][0]["stored"][0]["series"][0]["ts"]) > 100
    entries = [one for one in await table.timeline(incident.id) if one.kind == KIND]
    assert [one.data["attachment"] for one in entries] == [str(kept.id)]
    assert entries[0].text.startswith("Evidence kept: 1 graph, 100 log lines, 1 alert")


def _claimed(errand: Any, number_: str, attempts: int = 1) -> Any:
    key = errand.key.replace("{number}", number_)
    return msgspec.structs.replace(errand, key=key, subject=number_, attempts=attempts)


class _Away:
    async def lines(self, *_: Any, **__: Any) -> Any:
        raise Temporary("the store is restarting")

    count = lines


async def test_a_part_that_is_away_is_waited_for_and_then_named(
    store: Store, tmp_path: Path, database: Database, clock: FakeClock
) -> None:
    table = IncidentTable(database)
    async with world(store, tmp_path) as found:
        incident = await table.open(found.incident, (), NOTHING)
        sources = Sources(
            engine=found.sources.engine,
            samples=found.sources.samples,
            lines=_Away(),
            alerts=found.sources.alerts,
            rules=found.sources.rules,
            texts=found.sources.texts,
        )
        book = IncidentBook(table, IncidentsConfig, clock, wake=lambda: None)
        keeper = EvidenceKeeper(book, Collector(sources), clock)
        errand = plan_of(None, incident, ()).put[0]
        with pytest.raises(Temporary, match="waiting for the lines of logs"):
            await keeper.attempt(_claimed(errand, incident.number))
        await keeper.attempt(_claimed(errand, incident.number, attempts=4))
        (kept,) = await table.attachments(incident.id)
        content = (await table.attachment(incident.id, kept.id)).content
        left_out = _data(unpacked(content).decode())["left_out"]
        await keeper.failed(_claimed(errand, incident.number), Temporary("the disk is full"))
        said = [one.text for one in await table.timeline(incident.id) if one.kind == KIND]
        assert said[-1] == "Evidence could not be kept: the disk is full"
        assert {"what": "the lines of logs", "why": "the store is restarting"} in left_out


async def test_what_does_not_fit_is_left_out_and_named(store: Store, tmp_path: Path) -> None:
    async with world(store, tmp_path) as found:
        limits = Limits(series=1, trouble_lines=10, other_lines=5, samples=10_000)
        bundle, _ = await Collector(found.sources, limits).collect(
            found.incident, found.timeline, (), "resolved", found.now_ms
        )
    whats = [one.what for one in bundle.left_out]
    assert "1 series of the graph DatabaseDown" in whats
    assert "40 of 50 lines of the level warn and above" in whats
    assert any(what.startswith("stored samples of 1 of 2 series") for what in whats)
    assert len(bundle.lines) == 12


def test_it_is_asked_for_at_the_opening_and_at_each_resolution() -> None:
    now = 1_700_000_000_000
    resolved = incident_at(now)
    opened = msgspec.structs.replace(resolved, resolved_ms=0, status=type(resolved.status).OPEN)
    assert [one.key for one in plan_of(None, opened, ()).put] == [
        f"evidence/{{number}}/opened/{opened.opened_ms}"
    ]
    assert [one.key for one in plan_of(opened, resolved, ()).put] == [
        f"evidence/INC-2026-0042/resolved/{now - MINUTE}"
    ]
    assert plan_of(resolved, resolved, ()) == NOTHING
    merged = msgspec.structs.replace(resolved, merged_into="INC-2026-0041")
    assert plan_of(opened, merged, ()) == NOTHING


_FETCHING = ("src", "href", "action", "srcset", "style")


async def test_nothing_in_it_runs_or_fetches(store: Store, tmp_path: Path) -> None:
    async with world(store, tmp_path) as found:
        text = await _text(found)
    read = _Scripts(text)
    assert [attrs for attrs, _ in read.scripts] == [
        {"type": "application/json", "id": "evidence"},
        {},
    ]
    fetching = [
        (tag, name, value)
        for tag, attrs in read.tags
        for name, value in attrs.items()
        if name in ("src", "href", "action", "srcset", "style")
        and not (value or "").startswith("#")
    ]
    assert fetching == [("link", "href", "data:,")]
    assert "onerror" not in {name for _, attrs in read.tags for name in attrs}
    assert not re.search(r"@import|url\(", text.partition("</style>")[0])


@pytest.mark.browser
def test_it_opens_from_disk_without_a_request_or_a_complaint(
    chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "evidence.html"
    file.write_text(page(bundle()), "utf-8")
    page_ = chromium.new_page(viewport={"width": 1200, "height": 900})
    asked: list[str] = []
    said: list[str] = []
    page_.on("request", lambda sent: asked.append(sent.url))
    page_.on("console", lambda one: said.append(one.text))
    page_.on("pageerror", lambda error: said.append(str(error)))
    page_.on("dialog", lambda one: said.append(one.message))
    page_.goto(file.as_uri())
    assert page_.locator("svg.graph path.s0").count() >= 1
    box = page_.locator("#g0 svg").bounding_box()
    assert box is not None
    page_.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60)
    assert "service=db" in page_.locator("#g0 .readout").inner_text()
    page_.mouse.down()
    page_.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 60)
    page_.mouse.up()
    page_.fill("#find-lines", "connection 42 ")
    assert page_.locator("#lines tbody tr:visible").count() == 1
    assert [one for one in asked if not one.startswith("data:")] == [file.as_uri()]
    assert said == []
    page_.close()
