"""Who hears of new issues, and of those that come back? Alerts, by the routes of all alerts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from tocsin.errortracking.answers import IssueChange
from tocsin.errortracking.projects import Projects
from tocsin.errortracking.rate import MinuteRate
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.model.alerts import ERRORS, Alert
from tocsin.model.labels import from_mapping
from tocsin.model.logs import level_name

NAMES = {"new": "NewIssue", "regressed": "RegressedIssue"}
_SUMMARIES = {"new": "New: {}", "regressed": "Back again: {}"}
_log = log.get("errors")
_told = gauge.counter(
    "error_alerts", "Alerts on new issues and on those that came back.", ("result",)
)
_QUIET_MS = 300_000
"""The alert is over by itself after that time: what is told is that it happened."""
_WAITING = 1_000
_OF_PROJECT_PER_MINUTE, _PER_MINUTE = 60, 300
_PUT_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
_FATAL = 21

Put = Callable[[Sequence[Alert]], Awaitable[None]]


class ErrorAlerts:
    """Turns changes of issues into alerts. Beyond 60 of a project in a minute, or 300 of all of
    them, they are counted and not told."""

    def __init__(self, put: Put, projects: Projects, clock: Clock) -> None:
        self._put = put
        self._projects = projects
        self._clock = clock
        self._external_url: Callable[[], str] = str
        self._waiting: deque[Alert] = deque()
        self._arrived = asyncio.Event()
        self._rate = MinuteRate(clock)

    def link_with(self, external_url: Callable[[], str]) -> None:
        """Where links lead."""
        self._external_url = external_url

    def heard(self, change: IssueChange) -> None:
        """A change of an issue; returns at once."""
        if change.kind not in NAMES:
            return
        config = self._projects.config(change.issue.project)
        if change.kind not in config.alert_on:
            return
        if len(self._waiting) >= _WAITING or not self._may(change.issue.project):
            _told.labels("too_many").inc()
            return
        self._waiting.append(self._alert(change, config.severity))
        self._arrived.set()

    def _may(self, project: str) -> bool:
        """The flood of one project takes no other's room."""
        if self._rate.admit(f"of {project}", 1, _OF_PROJECT_PER_MINUTE):
            return False
        return not self._rate.admit("all", 1, _PER_MINUTE)

    def _alert(self, change: IssueChange, severity: str) -> Alert:
        issue, now = change.issue, self._clock.now_ms()
        labels = {
            "alertname": NAMES[change.kind],
            "severity": "critical" if issue.level >= _FATAL else severity,
            "project": issue.project,
            "issue": str(issue.id),
            "service": issue.service,
            "kind": issue.kind,
            "level": level_name(issue.level),
        }
        said = {
            "summary": _SUMMARIES[change.kind].format(issue.title),
            "description": " · ".join(
                part
                for part in (
                    f"in {issue.culprit}" if issue.culprit else "",
                    f"release {issue.last_release}" if issue.last_release else "",
                    f"{issue.times:,} times, {issue.people:,} people",
                )
                if part
            ),
        }
        url = f"{self._external_url()}/errors/{issue.id}"
        return Alert(
            labels=from_mapping(labels),
            annotations=from_mapping(said),
            starts_ms=now,
            ends_ms=now + _QUIET_MS,
            updated_ms=now,
            generator_url=f"{url}?event={change.event_id}" if change.event_id else url,
            source=ERRORS,
        )

    async def run(self) -> None:
        """Hand them on, for ever."""
        while True:
            await self._arrived.wait()
            some = list(self._waiting)
            try:
                async with asyncio.timeout(_PUT_SECONDS):
                    await self._put(some)
            except (Fault, TimeoutError) as error:
                _log.warning("error_alerts_wait", alerts=len(some), error=repr(error))
                await self._clock.sleep(_PAUSE_SECONDS)
                continue
            _told.labels("told").inc(len(some))
            for _ in some:
                self._waiting.popleft()
            if not self._waiting:
                self._arrived.clear()
