"""What does Tocsin say of itself where tools expect a Prometheus? Status, targets, rules, `/-/`."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.model.labels import Matcher, get
from tocsin.model.samples import Metadata
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse_selector
from tocsin.scrape.loop import TargetState
from tocsin.web.api.prometheus_answer import answering, success
from tocsin.web.api.prometheus_params import BadParameter, Params, is_number
from tocsin.web.api.prometheus_rules import alerts, rules
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.routing import get as only_read
from tocsin.web.services import services

SPOKEN_VERSION = "3.5.0"
"""The Prometheus whose API this is; Grafana and others choose their requests by it."""

_TOP = 10
_NEVER = "0001-01-01T00:00:00Z"


async def config(request: Request) -> Response:
    """The `prometheus.yml` in force."""
    return success({"yaml": services(request).config.prometheus_text()})


async def flags(request: Request) -> Response:
    """The command line's settings."""
    found = services(request).config.flags
    return success({name: str(value) for name, value in found.items()})


async def build_info(request: Request) -> Response:
    """Which Prometheus this answers like, and which Tocsin it is."""
    version = services(request).config.version
    return success(
        {
            "version": f"{SPOKEN_VERSION}+tocsin.{version}",
            "revision": version,
            "branch": "tocsin",
            "buildUser": "",
            "buildDate": "",
            "goVersion": f"python{platform.python_version()}",
        }
    )


async def runtime_info(request: Request) -> Response:
    """How long and in which surroundings Tocsin has been running."""
    found = services(request)
    status = found.status()
    started = status.started_at
    return success(
        {
            "startTime": _rfc3339(started),
            "CWD": os.getcwd(),
            "hostname": platform.node(),
            "serverTime": _rfc3339(found.clock.now()),
            "reloadConfigSuccess": status.config_applied,
            "lastConfigTime": _rfc3339(status.config_applied_at or started),
            "corruptionCount": 0,
            "goroutineCount": 0,
            "GOMAXPROCS": os.cpu_count() or 1,
            "GOMEMLIMIT": sys.maxsize,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": "",
        }
    )


async def tsdb(request: Request) -> Response:
    """How many series there are, and what costs most."""
    params = await Params.of(request)
    found = services(request).registry.cardinality(params.limit() or _TOP)
    return success(
        {
            "headStats": {
                "numSeries": found.series,
                "numLabelPairs": sum(count for _, count in found.labels),
                "chunkCount": 0,
                "minTime": 0,
                "maxTime": services(request).clock.now_ms(),
            },
            "seriesCountByMetricName": _counted(found.metrics),
            "labelValueCountByLabelName": _counted(found.labels),
            "memoryInBytesByLabelName": [],
            "seriesCountByLabelValuePair": _counted(
                (pair.replace('"', ""), count) for pair, count in found.pairs
            ),
        }
    )


async def wal_replay(request: Request) -> Response:
    """Whether starting is done."""
    state = "done" if services(request).status().ready else "in progress"
    return success({"min": 0, "max": 0, "current": 0, "state": state})


async def targets(request: Request) -> Response:
    """What is scraped and what was dropped; `state` chooses, `scrapePool` names one job."""
    params = await Params.of(request)
    state = params.text("state").lower()
    pool = params.text("scrapePool")
    scrape = services(request).scrape
    active = scrape.targets() if state in ("", "any", "active") else []
    dropped = scrape.dropped() if state in ("", "any", "dropped") else []
    counts: dict[str, int] = {}
    for one in dropped:
        counts[one.job] = counts.get(one.job, 0) + 1
    return success(
        {
            "activeTargets": [_target(one) for one in active if pool in ("", one.target.job)],
            "droppedTargets": [
                {"discoveredLabels": dict(one.discovered), "scrapePool": one.job}
                for one in dropped
                if pool in ("", one.job)
            ],
            "droppedTargetCounts": counts,
        }
    )


def _target(state: TargetState) -> dict[str, object]:
    target = state.target
    seen = _rfc3339(state.last_scrape_ms / 1000) if state.last_scrape_ms else _NEVER
    return {
        "discoveredLabels": dict(target.discovered),
        "labels": dict(target.labels),
        "scrapePool": target.job,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": state.error,
        "lastScrape": seen,
        "lastScrapeDuration": state.last_duration_seconds,
        "health": state.health,
        "scrapeInterval": f"{target.interval:g}s",
        "scrapeTimeout": f"{target.timeout:g}s",
    }


async def target_metadata(request: Request) -> Response:
    """Type, help and unit of metrics, for each target that `match_target` selects."""
    params = await Params.of(request)
    metric = params.text("metric")
    wanted = _target_matchers(params)
    limit = _metadata_limit(params)
    known = await services(request).source.metadata(metric, 0)
    labels = [
        state.target.labels
        for state in services(request).scrape.targets()
        if all(one.matches(get(state.target.labels, one.name)) for one in wanted)
    ]
    rows = ({"target": dict(one), **row} for one in labels for row in _entries(known, metric))
    return success(await asyncio.to_thread(lambda: list(islice(rows, limit))))


def _entries(known: dict[str, list[Metadata]], metric: str) -> Iterator[dict[str, object]]:
    for name, entries in known.items():
        for entry in entries[:1]:
            named = {} if metric else {"metric": name}
            yield {**named, "type": entry.type, "help": entry.help, "unit": entry.unit}


def _target_matchers(params: Params) -> tuple[Matcher, ...]:
    text = params.text("match_target")
    if not text:
        return ()
    try:
        return parse_selector(text)
    except ParseError as error:
        raise BadParameter.named("match_target", error) from error


def _metadata_limit(params: Params) -> int | None:
    text = params.text("limit")
    if not text:
        return None
    if not is_number(text):
        raise BadParameter("limit must be a number")
    return None if int(text) < 0 else int(text)


async def alertmanagers(_request: Request) -> Response:
    """Where alerts are sent: nowhere, Tocsin routes them itself."""
    return success({"activeAlertmanagers": [], "droppedAlertmanagers": []})


async def healthy(_request: Request) -> Response:
    """200 while the process answers at all."""
    return PlainTextResponse("Tocsin is Healthy.\n")


async def ready(request: Request) -> Response:
    """200 when everything is up, else 503 with the reason."""
    status = services(request).status()
    if status.ready:
        return PlainTextResponse("Tocsin is Ready.\n")
    return PlainTextResponse(f"Service Unavailable: {status.reason}\n", 503)


async def reload(request: Request) -> Response:
    """Read the configuration again; 500 with the mistake when it is wrong, and nothing changes."""
    outcome = await services(request).reload()
    if outcome.error:
        return PlainTextResponse(f"failed to reload config: {outcome.error}\n", 500)
    return PlainTextResponse("")


def _counted(pairs: Iterable[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"name": name, "value": count} for name, count in pairs]


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_SEEN = ("GET", "HEAD")

ADDRESSES: Addresses = (
    *(
        only_read(f"/api/v1/{path}", answering(handler), Access.READ)
        for path, handler in (
            ("status/config", config),
            ("status/flags", flags),
            ("status/buildinfo", build_info),
            ("status/runtimeinfo", runtime_info),
            ("status/tsdb", tsdb),
            ("status/walreplay", wal_replay),
            ("targets", targets),
            ("targets/metadata", target_metadata),
            ("rules", rules),
            ("alerts", alerts),
            ("alertmanagers", alertmanagers),
        )
    ),
    Address("/-/healthy", healthy, Access.PUBLIC, _SEEN),
    Address("/-/ready", ready, Access.PUBLIC, _SEEN),
    Address("/-/reload", reload, Access.ADMIN, ("POST", "PUT")),
)
