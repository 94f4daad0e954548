"""Which questions tell how services do? The usual metrics of HTTP servers, whichever exist."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tocsin.alert.plain.http_flavours import OURS, SERVICES, Flavour
from tocsin.kit.fault import Fault
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME, Labels
from tocsin.query.promql.result import Result
from tocsin.web.pages.vitals import Line, Vitals, Worst, error_ratio, is_failing
from tocsin.web.services import Services

STEP_S = 15
_SHOWN_S = 3600
_TIMEOUT_S = 5.0
_MOST_SERIES = 100_000
_SHORTEST_WINDOW_S = 60
_ROUTES = "job, method, http_request_method, route, http_route, handler, path, endpoint"
_MEMORY = "process_resident_memory_bytes"


FLAVOURS = (*SERVICES, OURS)


@dataclass(frozen=True, slots=True)
class Questions:
    """PromQL by what it tells; empty where no metric of that kind exists. All are by job."""

    rate: str
    errors: str
    slow: str
    memory: str
    window_s: int

    def of_job(self, name: str, job: str) -> str:
        """One of the questions for one job alone, to be asked in Explore."""
        only = f"job={json.dumps(job, ensure_ascii=False)}"
        asked: str = getattr(self, name)
        if name == "errors":
            asked = f"({self.errors}) / ({self.rate})"
        return asked.replace("{", f"{{{only}, ").replace(f"{{{only}, }}", f"{{{only}}}")


def questions(known: Mapping[str, int], window_s: int) -> Questions:
    """The questions that can be asked; `known` has how many series each metric has."""
    there = [one for one in FLAVOURS if known.get(one.count)]
    buckets = [
        name
        for name in dict.fromkeys(one.bucket for one in FLAVOURS)
        if 0 < known.get(name, 0) <= _MOST_SERIES
    ]
    span = f"[{window_s}s]"
    return Questions(
        rate=" or ".join(f"sum by (job) (rate({one.count}{{}}{span}))" for one in there),
        errors=" or ".join(f"sum by (job) ({_failed(one, span)})" for one in there),
        slow=" or ".join(
            f"histogram_quantile(0.95, sum by (job, le) (rate({name}{{}}{span})))"
            for name in buckets
        ),
        memory=f"max by (job) ({_MEMORY}{{}})" if known.get(_MEMORY) else "",
        window_s=window_s,
    )


def _failed(flavour: Flavour, span: str) -> str:
    return " or ".join(f'rate({flavour.count}{{{label}=~"5.."}}{span})' for label in flavour.status)


def window_of(intervals_s: Sequence[float], *, has_pushed: bool) -> int:
    """Four scrapes fit, so that a lost one makes no gap; senders push once a minute at most."""
    longest = max((*intervals_s, 60.0 if has_pushed else 0.0), default=0.0)
    return max(_SHORTEST_WINDOW_S, int(4 * longest))


@dataclass(frozen=True, slots=True)
class Asked:
    """The services' vital signs by job, and what was asked for them."""

    vitals: Mapping[str, Vitals]
    worst: Mapping[str, Worst]
    """The route that fails most, of each job that fails."""
    questions: Questions
    problem: str = ""
    """Why they are not known, empty when they are."""


async def ask(given: Services, window_s: int) -> Asked:
    """The vital signs of the last hour; what cannot be read is told, not raised."""
    names = {one.count for one in FLAVOURS} | {one.bucket for one in FLAVOURS} | {_MEMORY}
    known = {name: given.registry.count(NAME, name) for name in names}
    asked = questions(known, window_s)
    try:
        lines = await asyncio.gather(
            *(_lines(given, one) for one in (asked.rate, asked.errors, asked.slow, asked.memory))
        )
        vitals = combine(*lines)
        worst = await _worst(given, asked, vitals)
    except Fault as fault:
        return Asked({}, {}, asked, str(fault))
    return Asked(vitals, worst, asked)


async def _lines(given: Services, query: str) -> dict[str, Line]:
    if not query:
        return {}
    end_ms = int(given.clock.now()) // STEP_S * STEP_S * 1000
    options = replace(given.config.query, timeout_seconds=_TIMEOUT_S)
    start_ms = end_ms - _SHOWN_S * 1000
    result = await given.engine.range(query, start_ms, end_ms, STEP_S * 1000, options)
    return lines_of(result)


def lines_of(result: Result) -> dict[str, Line]:
    """The answer's series by their job."""
    times = result.times / 1000
    return {
        label_sets.get(labels, "job"): Line(
            times, np.where(result.present[row], result.values[row], np.nan)
        )
        for row, labels in enumerate(result.labels)
    }


def combine(
    rate: Mapping[str, Line],
    errors: Mapping[str, Line],
    slow: Mapping[str, Line],
    memory: Mapping[str, Line],
) -> dict[str, Vitals]:
    """The vital signs of every job that has any."""
    return {
        job: Vitals(
            rate=rate.get(job),
            errors=error_ratio(rate[job], errors.get(job)) if job in rate else None,
            slow=slow.get(job),
            memory=memory.get(job),
        )
        for job in {*rate, *slow, *memory}
    }


async def _worst(
    given: Services, asked: Questions, vitals: Mapping[str, Vitals]
) -> dict[str, Worst]:
    if not any(is_failing(one, asked.window_s) for one in vitals.values()):
        return {}
    by_route = [
        one.replace("sum by (job)", f"sum by ({_ROUTES})") for one in (asked.errors, asked.rate)
    ]
    options = replace(given.config.query, timeout_seconds=_TIMEOUT_S)
    now_ms = given.clock.now_ms()
    failed, all_of_them = await asyncio.gather(
        given.engine.instant(f"topk by (job) (1, {by_route[0]})", now_ms, options),
        given.engine.instant(by_route[1], now_ms, options),
    )
    rates = {labels: float(all_of_them.values[row, 0]) for row, labels in _rows(all_of_them)}
    return {
        label_sets.get(labels, "job"): Worst(
            " ".join(value for name, value in sorted(labels, key=_by_method) if name != "job"),
            float(failed.values[row, 0]) / rates[labels] if rates.get(labels) else 0.0,
        )
        for row, labels in _rows(failed)
    }


def _rows(result: Result) -> list[tuple[int, Labels]]:
    return [(row, labels) for row, labels in enumerate(result.labels) if result.present[row, 0]]


def _by_method(pair: tuple[str, str]) -> bool:
    return "method" not in pair[0]
