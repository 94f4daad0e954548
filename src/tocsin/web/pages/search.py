"""What the command palette finds: dashboards, metrics and targets, as JSON."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.model.labels import NAME
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services

_FOUND = 12
_HOUR_MS = 3_600_000


class Entry(msgspec.Struct, frozen=True):
    """One thing to go to."""

    name: str
    kind: str
    href: str


class Found(msgspec.Struct, frozen=True):
    """The answer to a search."""

    entries: list[Entry]


def best(names: list[str], search: str, limit: int = _FOUND) -> list[str]:
    """The names that have every word, those that begin with the search and short ones first."""
    words = search.lower().split()
    if not words:
        return []
    fitting = [name for name in names if all(word in name.lower() for word in words)]
    fitting.sort(key=lambda name: (not name.lower().startswith(words[0]), len(name), name))
    return fitting[:limit]


async def _search(request: Request) -> Response:
    given = services(request)
    search = request.query_params.get("q", "")[:200]
    now_ms = given.clock.now_ms()
    boards = {one.title: one.uid for one in await given.dashboards.all()}
    entries = [
        Entry(name, "dashboard", f"/dashboards/{boards[name]}")
        for name in best(list(boards), search)
    ]
    metrics = await given.source.label_values(NAME, (), now_ms - 24 * _HOUR_MS, now_ms)
    entries += [
        Entry(name, "metric", f"/browse?{urlencode({'metric': name})}")
        for name in best(metrics, search)
    ]
    targets = {f"{t.target.job} {t.target.url}": t.target for t in given.scrape.targets()}
    entries += [
        Entry(
            targets[name].url, f"target of {targets[name].job}", f"/targets#job-{targets[name].job}"
        )
        for name in best(list(targets), search)
    ]
    return Response(msgspec.json.encode(Found(entries)), media_type="application/json")


ADDRESSES: Addresses = (get("/ui/search", _search, Access.READ),)
