"""The home: what is wrong, since when, and how much is coming in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest.intake import Sender
from tocsin.model.incidents import Incident
from tocsin.scrape.host import HOST_JOB
from tocsin.store.series import Cardinality
from tocsin.web.pages import connect, filters, scrape_view
from tocsin.web.pages.connect import Snippet, scraping
from tocsin.web.pages.error_news import news_of
from tocsin.web.pages.firing_rules import AlertsView, alerts_view
from tocsin.web.pages.render import Alarm, page
from tocsin.web.pages.target_rows import JobRows, TargetRow, by_job
from tocsin.web.pages.vital_queries import Asked, ask, questions, window_of
from tocsin.web.pages.vitals import Finding, Vitals, findings
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import SystemStatus, WebConfig, services

_ATTENTION_SHOWN = 12
_SENDERS_SHOWN = 10
_SERVICES_SHOWN = 50
_JOBS_COUNTED = 200
_WAITING = "Waiting for the first samples"
_OWN = frozenset(("tocsin", HOST_JOB))
_VITALS = ("rate", "errors", "slow", "memory")
_WORDS = {"ok": "up", "critical": "down", "warning": "partly down", "unknown": "not scraped yet"}
_TROUBLES = {"errors": "failing", "slow": "slow", "memory": "growing"}
_NOTHING_ASKED = Asked({}, {}, questions({}, 60))


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
class Service:
    """A service in the list: its targets if it is scraped, else the series that it sends."""

    job: str
    state: str
    word: str
    targets: JobRows | None
    series: int
    vitals: Vitals
    troubles: Mapping[str, str]
    """The state of each vital sign that is not well."""
    asked: Mapping[str, str]
    """The question behind each vital sign."""


@dataclass(frozen=True, slots=True)
class OverviewView:
    """What the page shows; `attention` has the worst first."""

    verdict: str
    state: str
    attention: Sequence[Attention]
    attention_count: int
    services: Sequence[Service]
    services_count: int
    is_new: bool
    """Nothing is known yet but what Tocsin watches by itself."""
    has_vitals: bool
    vitals_problem: str
    up: int
    targets: int
    series: int
    senders: Sequence[Sender]
    scraping: Sequence[Snippet]
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
    asked: Asked = _NOTHING_ASKED,
) -> OverviewView:
    """The page of these facts; `notices` are what Tocsin says of itself."""
    jobs = by_job(rows)
    wrong = [
        finding
        for job, vitals in sorted(asked.vitals.items())
        for finding in findings(job, vitals, asked.questions.window_s, asked.worst)
    ]
    attention = [
        *notices,
        *(found for job in jobs for found in _troubles(job)),
        *(_told(finding, asked) for finding in wrong),
    ]
    services, names = _services(jobs, cost, asked, wrong)
    attention.sort(key=_urgency)
    verdict = _verdict(attention, jobs, senders)
    worst = "critical" if any(a.state == "critical" for a in attention) else "warning"
    return OverviewView(
        verdict=verdict,
        state=worst if attention else ("unknown" if verdict == _WAITING else "ok"),
        attention=attention[:_ATTENTION_SHOWN],
        attention_count=len(attention),
        services=services,
        services_count=len(names),
        is_new=_OWN.issuperset(names),
        has_vitals=bool(asked.vitals),
        vitals_problem=asked.problem,
        up=sum(job.up for job in jobs),
        targets=len(rows),
        series=cost.series,
        senders=sorted(senders, key=lambda sender: -sender.last_ms)[:_SENDERS_SHOWN],
        scraping=scraping(),
        memory_bytes=sum(status.memory_bytes.values()),
        disk_free_bytes=status.disk_free_bytes,
        started_at=status.started_at,
    )


def _urgency(one: Attention) -> tuple[bool, bool, float]:
    """What is critical first; of that incidents, which hold the rest together; then the oldest."""
    is_incident = one.path.startswith("/incidents/")
    return one.state != "critical", not is_incident, one.since_s or float("inf")


def _services(
    jobs: Sequence[JobRows], cost: Cardinality, asked: Asked, wrong: Sequence[Finding]
) -> tuple[list[Service], list[str]]:
    """The services to show, those that need attention first, and the names of all."""
    scraped = {job.job: job for job in jobs}
    series = dict(cost.jobs)
    troubles: dict[str, dict[str, str]] = {}
    for one in wrong:
        troubles.setdefault(one.job, {})[one.of] = one.state

    def order(job: str) -> tuple[int, bool, str]:
        states = {*troubles.get(job, {}).values(), scraped[job].state if job in scraped else "ok"}
        urgency = 0 if "critical" in states else 1 if "warning" in states else 2
        return urgency, not asked.vitals.get(job, Vitals()).answers, job

    names = sorted({**scraped, **series, **asked.vitals}, key=order)
    shown = [
        _service(name, scraped.get(name), series.get(name, 0), asked, troubles.get(name, {}))
        for name in names[:_SERVICES_SHOWN]
    ]
    return shown, names


def _service(
    job: str,
    targets: JobRows | None,
    series: int,
    asked: Asked,
    troubles: Mapping[str, str],
) -> Service:
    state = targets.state if targets else "ok"
    for one in troubles.values():
        if state != "critical":
            state = one
    word = _WORDS[targets.state] if targets else "sends"
    if troubles and (targets is None or targets.state in ("ok", "unknown")):
        word = _TROUBLES[min(troubles, key=list(_TROUBLES).index)]
    queries = {name: asked.questions.of_job(name, job) for name in _VITALS}
    vitals = asked.vitals.get(job, Vitals())
    return Service(job, state, word, targets, series, vitals, troubles, queries)


def _told(finding: Finding, asked: Asked) -> Attention:
    query = asked.questions.of_job(finding.of, finding.job)
    path = f"/explore?{urlencode({'a': query})}"
    return Attention(finding.state, finding.what, finding.why, path, "Explore", finding.since_s)


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
    if not senders and all(job.state == "unknown" for job in jobs):
        return _WAITING
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


def firing_of(alerts: AlertsView) -> list[Attention]:
    """The rules that fire, each with the summary of its oldest alert."""
    found = []
    for rule in alerts.rules:
        oldest = min(rule.alerts, key=lambda alert: alert.since_s)
        count = f" ({filters.grouped(rule.firing)} alerts)" if rule.firing > 1 else ""
        path = "/alerts?state=firing"
        why = oldest.summary or rule.expr
        found.append(
            Attention(rule.state, f"{rule.name}{count}", why, path, "Alerts", oldest.since_s)
        )
    return found


def open_incidents(found: Sequence[Incident]) -> list[Attention]:
    """Each incident that is open, with who has it."""
    return [
        Attention(
            "warning" if one.acknowledged_ms else "critical",
            f"{one.severity} {one.number}: {one.title}",
            f"{one.assignee or one.acknowledged_by or 'nobody'} has it, {one.status.value}",
            f"/incidents/{one.number}",
            "Incident",
            one.opened_ms / 1000,
        )
        for one in found
    ]


async def _overview(request: Request) -> Response:
    given = services(request)
    status = given.status()
    offenders = [
        (o.metric, o.limit.value, o.refused, o.last_ms / 1000)
        for o in given.guard.offenders(5)
        if o.limit.value != "drop"
    ]
    now = given.clock.now()
    found = scrape_view.rows(given.scrape)
    cost = given.registry.cardinality(_JOBS_COUNTED)
    scraped = {row.job for row in found}
    has_pushed = any(job not in scraped for job, _ in cost.jobs)
    window_s = window_of([row.interval_s for row in found], has_pushed=has_pushed)
    rows, asked = await asyncio.gather(
        scrape_view.with_since(found, given.source, given.clock.now_ms()), ask(given, window_s)
    )
    firing = firing_of(alerts_view(given.rules.groups, "firing"))
    incidents = open_incidents(given.incident_feed.open)
    view = await asyncio.to_thread(
        values,
        rows,
        cost,
        senders=given.intake.senders,
        status=status,
        notices=[*incidents, *firing, *notices_of(status, _unsaid(given.config), offenders)],
        asked=asked,
    )
    alarm = None
    if incidents or firing or any(one.state in ("critical", "warning") for one in view.services):
        oldest = min((a.since_s for a in view.attention if a.since_s), default=None)
        since = f", oldest {filters.ago(oldest, now)}" if oldest else ""
        alarm = Alarm(view.state, f"{view.verdict}{since}", "#attention")
    base, statsd = connect.address_of(request), connect.statsd_of(request)
    snippets = connect.sending(base, connect.PLACEHOLDER, statsd)
    news = await news_of(given)
    return page(request, "pages/overview.html", alarm=alarm, view=view, sending=snippets, news=news)


ADDRESSES: Addresses = (get("/", _overview, Access.READ),)
