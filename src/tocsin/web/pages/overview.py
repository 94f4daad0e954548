"""The home: what is wrong, since when, and how much is coming in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest.intake import Sender
from tocsin.store.series import Cardinality
from tocsin.web.pages import filters, scrape_view
from tocsin.web.pages.render import Alarm, page
from tocsin.web.pages.target_rows import JobRows, TargetRow, by_job
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import SystemStatus, WebConfig, services

_ATTENTION_SHOWN = 12
_SENDERS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Attention:
    """Something to look at: what, why, and where to go from here."""

    state: str
    what: str
    why: str
    path: str
    action: str
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class PushedJob:
    """A job that is not scraped: its samples are sent to us."""

    job: str
    series: int


@dataclass(frozen=True, slots=True)
class OverviewView:
    """What the page shows; `attention` has the worst first."""

    verdict: str
    state: str
    attention: Sequence[Attention]
    attention_count: int
    jobs: Sequence[JobRows]
    pushed: Sequence[PushedJob]
    up: int
    targets: int
    series: int
    senders: Sequence[Sender]
    memory_bytes: int
    disk_free_bytes: int
    started_at: float


def values(
    rows: Sequence[TargetRow],
    cost: Cardinality,
    *,
    senders: Sequence[Sender],
    status: SystemStatus,
    notices: Sequence[Attention],
) -> OverviewView:
    """The page of these facts; `notices` are what Tocsin says of itself."""
    jobs = by_job(rows)
    attention = [*notices, *(found for job in jobs for found in _troubles(job))]
    attention.sort(key=lambda one: (one.state != "critical", one.since_s or float("inf")))
    worst = "critical" if any(a.state == "critical" for a in attention) else "warning"
    scraped = {job.job for job in jobs}
    return OverviewView(
        verdict=_verdict(attention, jobs, senders),
        state=worst if attention else ("ok" if jobs or senders else "unknown"),
        attention=attention[:_ATTENTION_SHOWN],
        attention_count=len(attention),
        jobs=jobs,
        pushed=[PushedJob(job, count) for job, count in cost.jobs if job not in scraped],
        up=sum(job.up for job in jobs),
        targets=len(rows),
        series=cost.series,
        senders=sorted(senders, key=lambda sender: -sender.last_ms)[:_SENDERS_SHOWN],
        memory_bytes=sum(status.memory_bytes.values()),
        disk_free_bytes=status.disk_free_bytes,
        started_at=status.started_at,
    )


def _troubles(job: JobRows) -> list[Attention]:
    down = [target for target in job.targets if target.state == "critical"]
    if not down:
        return []
    since = min((t.down_since_s for t in down if t.down_since_s), default=None)
    errors = {target.error for target in down}
    why = next(iter(errors)) if len(errors) == 1 else f"{len(errors)} different errors"
    many = len(down) > 1
    what = f"{len(down)} of {len(job.targets)} targets of {job.job} are down"
    if len(job.targets) == 1:
        what = f"{job.job} is down"
    elif not many:
        what = f"1 of {len(job.targets)} targets of {job.job} is down"
    path = f"/targets?state=down#job-{job.job}"
    return [Attention(job.state, what, why, path, "Targets", since)]


def _verdict(
    attention: Sequence[Attention], jobs: Sequence[JobRows], senders: Sequence[Sender]
) -> str:
    critical = sum(one.state == "critical" for one in attention)
    if critical:
        return "1 thing is broken" if critical == 1 else f"{critical} things are broken"
    if attention:
        count = len(attention)
        return "1 thing needs a look" if count == 1 else f"{count} things need a look"
    if not jobs and not senders:
        return "Waiting for the first samples"
    return "All is well"


def notices_of(
    status: SystemStatus, warnings: Sequence[str], refused: Sequence[tuple[str, str, int, float]]
) -> list[Attention]:
    """What Tocsin says of itself. `refused` has (metric, limit, series, last seen in seconds)."""
    found = []
    if not status.ready:
        found.append(
            Attention("critical", "Tocsin is not ready", status.reason, "/system", "System")
        )
    if status.engine_restarts:
        times = "once" if status.engine_restarts == 1 else f"{status.engine_restarts} times"
        why = "What was acknowledged is still there. The log says why the engine ended."
        found.append(
            Attention("warning", f"The engine was restarted {times}", why, "/system", "System")
        )
    found += [
        Attention("warning", "Configuration", words, "/system#configuration", "System")
        for words in warnings
    ]
    found += [
        Attention(
            "warning",
            f"{filters.grouped(count)} new series of {metric or 'all metrics'} were refused",
            f"by the limit {limit}",
            "/browse/cardinality",
            "Cardinality",
            at,
        )
        for metric, limit, count, at in refused[:3]
    ]
    return found


def _unsaid(config: WebConfig) -> list[str]:
    """The configuration's warnings, but not the one that the banner of every page says."""
    warnings = config.warnings()
    return [words for words in warnings if not (config.auth_off and words.startswith("login is"))]


async def _overview(request: Request) -> Response:
    given = services(request)
    status = given.status()
    offenders = [
        (o.metric, o.limit.value, o.refused, o.last_ms / 1000)
        for o in given.guard.offenders(5)
        if o.limit.value != "drop"
    ]
    view = values(
        await scrape_view.with_since(
            scrape_view.rows(given.scrape), given.source, given.clock.now_ms()
        ),
        given.registry.cardinality(50),
        senders=given.intake.senders,
        status=status,
        notices=notices_of(status, _unsaid(given.config), offenders),
    )
    alarm = None
    if view.attention and any(job.down for job in view.jobs):
        oldest = min((a.since_s for a in view.attention if a.since_s), default=None)
        since = f", oldest {filters.ago(oldest, given.clock.now())}" if oldest else ""
        alarm = Alarm(view.state, f"{view.verdict}{since}", "#attention")
    return page(request, "pages/overview.html", view=view, alarm=alarm)


ADDRESSES: Addresses = (get("/", _overview, Access.READ),)
