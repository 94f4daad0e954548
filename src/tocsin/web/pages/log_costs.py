"""Who costs what? Bytes and lines of logs by service, level, pattern and key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest.logs.quota import Usage
from tocsin.model.logs import level_name
from tocsin.query.logs.costs import Cost, Point
from tocsin.web.pages.render import page
from tocsin.web.pages.timerange import read
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

_BARS = 30
_SECRETS = {
    "bearer": "credentials of an Authorization header",
    "jwt": "JSON web tokens",
    "key": "keys of cloud services",
    "password": "passwords, secrets and API keys with their names",
    "token": "tokens of URLs and headers",
    "card": "card numbers",
    "url_password": "passwords in URLs",
    "email": "mail addresses",
    "field": "values of fields that are named as secrets are",
}
"""In words; configured patterns have their own names."""
_MINUTE = 60
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class CostRow:
    """One service, level or pattern. `share` is of all bytes in the range, `bars` its bytes over
    the range as shares of its largest step; `budget` and `used` are a service's of today."""

    name: str
    size_bytes: int
    lines: int
    share: float
    change: float | None
    link: str
    bars: Sequence[float] = ()
    budget: int = 0
    used: int = 0
    left_out: int = 0
    sample_link: str = ""


@dataclass(frozen=True, slots=True)
class CostsView:
    """The page's values; `per_day` is what a day takes at this rate, `replaced` how many secrets
    were replaced by what they were."""

    size_bytes: int
    lines: int
    per_day: float
    services: Sequence[CostRow]
    levels: Sequence[CostRow]
    patterns: Sequence[CostRow]
    keys: Sequence[tuple[str, Usage]]
    keys_since: str
    service: str
    replaced: Sequence[tuple[str, int]]


async def _costs(request: Request) -> Response:
    used = services(request)
    span = read(request.query_params, used.clock.now())
    start, end = int(span.start_s) // _MINUTE * _MINUTE, int(span.end_s)
    end = max(end, start + _MINUTE)
    step = max(_MINUTE, (end - start) // _BARS // _MINUTE * _MINUTE)
    service = request.query_params.get("service", "")[:200]
    costs = used.log_rules.costs
    by_service, levels, patterns, points = await asyncio.gather(
        costs.by_service(start, end),
        costs.by_level(start, end, service),
        costs.by_pattern(start, end, service),
        costs.over_time(start, end, step),
    )
    templates = await costs.templates([one.name for one in patterns])
    total = sum(one.size_bytes for one in by_service)
    bars = courses(points, start, end, step)
    carry = span.chosen
    usage = sorted(used.logs.quota.usage.items(), key=lambda one: -one[1].size_bytes)
    view = CostsView(
        size_bytes=total,
        lines=sum(one.lines for one in by_service),
        per_day=total / (end - start) * _DAY,
        services=[_service(used, one, total, carry, bars.get(one.name, ())) for one in by_service],
        levels=[_level(one, total, carry, service) for one in levels],
        patterns=[_pattern(one, total, carry, templates) for one in patterns],
        keys=usage[:100],
        keys_since=f"{datetime.fromtimestamp(used.logs.quota.since_ms / 1000, UTC):%Y-%m-%d}",
        service=service,
        replaced=[(_SECRETS.get(kind, kind), n) for kind, n in used.logs.scrubbed.most_common()],
    )
    return page(request, "pages/log_costs.html", view=view)


def _service(
    used: Services, cost: Cost, total: int, carry: dict[str, str], bars: Sequence[float]
) -> CostRow:
    budget, name = used.log_rules.budget, cost.name
    row = _row(cost, total, f'service:"{name}"' if name else "-has:service", carry)
    when = f'service:"{name}" level:debug'
    rules = f'- name: "sample {name}"\n  when: {when}\n  do:\n    - sample: 10\n'
    return CostRow(
        name=name,
        size_bytes=row.size_bytes,
        lines=row.lines,
        share=row.share,
        change=row.change,
        link=row.link,
        bars=bars,
        budget=budget.of(name),
        used=budget.used(name),
        left_out=budget.left_out[name],
        sample_link=f"/logs/rules?{urlencode({'add': rules})}",
    )


def _level(cost: Cost, total: int, carry: dict[str, str], service: str) -> CostRow:
    word = level_name(int(cost.name))
    named = Cost(f"{word} ({cost.name})", cost.size_bytes, cost.lines, cost.before_bytes)
    of_service = f' service:"{service}"' if service else ""
    return _row(named, total, f"level:{word}{of_service}", carry)


def _pattern(
    cost: Cost, total: int, carry: dict[str, str], templates: Mapping[str, str]
) -> CostRow:
    template = templates.get(cost.name, "lines without a pattern")
    named = Cost(template, cost.size_bytes, cost.lines, cost.before_bytes)
    return _row(named, total, f"pattern:{cost.name}", carry)


def _row(cost: Cost, total: int, query: str, carry: dict[str, str]) -> CostRow:
    change = cost.size_bytes / cost.before_bytes - 1 if cost.before_bytes else None
    link = f"/logs?{urlencode({'q': query, **carry})}"
    share = cost.size_bytes / total if total else 0.0
    return CostRow(cost.name, cost.size_bytes, cost.lines, share, change, link)


def courses(
    points: Sequence[Point], start_s: int, end_s: int, step_s: int
) -> Mapping[str, Sequence[float]]:
    """The bytes of each service by step, as shares of its largest; 0 where it wrote nothing."""
    first = start_s // step_s * step_s
    count = -(-(end_s - first) // step_s)
    sizes: dict[str, list[int]] = {}
    for one in points:
        sizes.setdefault(one.service, [0] * count)[(one.start_s - first) // step_s] = one.size_bytes
    return {
        service: [size / max(found) for size in found]
        for service, found in sizes.items()
        if max(found) > 0
    }


ADDRESSES: Addresses = (get("/logs/costs", _costs, Access.READ),)
