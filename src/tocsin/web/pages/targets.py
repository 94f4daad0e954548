"""Which targets are scraped, and how did it go?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault
from tocsin.web.csrf import form_of
from tocsin.web.pages import scrape_view
from tocsin.web.pages.render import answer_action, page
from tocsin.web.pages.target_rows import DroppedRow, JobRows, TargetRow, by_job
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

_DROPPED_SHOWN = 200


@dataclass(frozen=True, slots=True)
class TargetsView:
    """What the page shows; the counts are of all targets, the jobs of the chosen state alone."""

    jobs: Sequence[JobRows]
    dropped: Sequence[DroppedRow]
    dropped_count: int
    count: int
    up: int
    down: int
    waiting: int
    samples: int
    only: str


def values(
    rows: Sequence[TargetRow], dropped: Sequence[DroppedRow], *, only: str = ""
) -> TargetsView:
    """The page of these targets; `only` is "up", "down" or empty for all."""
    states = [row.state for row in rows]
    wanted = {"up": "ok", "down": "critical"}.get(only)
    return TargetsView(
        jobs=by_job(row for row in rows if wanted is None or row.state == wanted),
        dropped=dropped[:_DROPPED_SHOWN],
        dropped_count=len(dropped),
        count=len(rows),
        up=states.count("ok"),
        down=states.count("critical"),
        waiting=states.count("unknown"),
        samples=sum(row.samples for row in rows),
        only=only if wanted else "",
    )


async def _targets(request: Request) -> Response:
    given = services(request)
    only = request.query_params.get("state", "")
    found = scrape_view.rows(given.scrape)
    rows = await scrape_view.with_since(found, given.source, given.clock.now_ms())
    view = values(rows, scrape_view.dropped(given.scrape), only=only)
    return page(request, "pages/targets.html", view=view)


async def _scrape_now(request: Request) -> Response:
    form = await form_of(request)
    key = str(form.get("target", ""))
    try:
        words = await scrape_view.scrape_now(services(request).scrape, key)
    except Fault as fault:
        return answer_action(request, str(fault), "/targets", state="critical")
    return answer_action(request, words, "/targets")


ADDRESSES: Addresses = (
    get("/targets", _targets, Access.READ),
    post("/targets/scrape", _scrape_now, Access.ADMIN),
)
