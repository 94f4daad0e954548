"""New issues and those that came back are told at once, as alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.incident.alert_world import database_in
from tocsin.app.error_alerts import ErrorAlerts
from tocsin.errortracking.answers import IssueChange
from tocsin.errortracking.config import ProjectConfig
from tocsin.errortracking.projects import Projects
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected, Temporary
from tocsin.model.alerts import Alert
from tocsin.model.errors import Issue
from tocsin.model.labels import get
from tocsin.state.projects import ProjectTable


def change(kind: str, *, number: int = 7, project: str = "shop", level: int = 17) -> IssueChange:
    issue = Issue(
        id=number,
        project=project,
        title="E: x",
        culprit="c",
        kind="E",
        level=level,
        first_seen_ms=1,
        last_seen_ms=2,
        times=1,
    )
    return IssueChange(kind=kind, issue=issue, event_id="e" * 32)


async def told(path: Path, *changes: IssueChange, failures: int = 0) -> list[Alert]:
    found: list[Alert] = []
    clock = FakeClock()
    left = failures

    async def put(alerts: Sequence[Alert]) -> None:
        nonlocal left
        if left:
            left -= 1
            raise Temporary("away")
        found.extend(alerts)

    configured = {"shop": ProjectConfig(severity="high"), "calm": ProjectConfig(alert_on=())}
    async with database_in(path) as database:
        projects = Projects(ProjectTable(database, clock), configured)
        await projects.load()
        alerts = ErrorAlerts(put, projects, clock)
        alerts.link_with(lambda: "https://tocsin.example")
        for one in changes:
            alerts.heard(one)
        task = asyncio.create_task(alerts.run())
        await clock.advance(10)
        task.cancel()
    return found


async def test_a_new_issue_is_an_alert_that_leads_to_it(tmp_path: Path) -> None:
    (alert,) = await told(tmp_path, change("new"), change("seen"), change("resolve"))
    assert [get(alert.labels, name) for name in ("alertname", "project", "issue", "severity")] == [
        "NewIssue",
        "shop",
        "7",
        "high",
    ]
    assert alert.generator_url == f"https://tocsin.example/errors/7?event={'e' * 32}"


async def test_fatal_errors_are_critical_and_quiet_projects_are_quiet(tmp_path: Path) -> None:
    (alert,) = await told(tmp_path, change("regressed", level=21), change("new", project="calm"))
    assert get(alert.labels, "alertname") == "RegressedIssue"
    assert get(alert.labels, "severity") == "critical"


async def test_a_flood_of_new_issues_is_bounded_and_a_failure_is_tried_again(
    tmp_path: Path,
) -> None:
    flood = [change("new", number=number) for number in range(200)]
    assert len(await told(tmp_path, *flood, failures=2)) == 60


async def test_the_flood_of_a_project_keeps_no_other_quiet(tmp_path: Path) -> None:
    flood = [change("new", number=number, project="noisy") for number in range(400)]
    alerts = await told(tmp_path, *flood, change("new", project="shop"))
    assert [get(one.labels, "project") for one in alerts].count("shop") == 1


async def test_many_projects_together_are_bounded_too(tmp_path: Path) -> None:
    flood = [change("new", number=number, project=f"p{number}") for number in range(500)]
    assert len(await told(tmp_path, *flood)) == 300


async def test_projects_keep_their_numbers(tmp_path: Path) -> None:
    clock = FakeClock()
    async with database_in(tmp_path) as database:
        projects = Projects(ProjectTable(database, clock), {"shop": ProjectConfig(number=7)})
        await projects.load()
        assert [(one.number, one.name) for one in projects.all] == [(1, "default"), (7, "shop")]
        made = await projects.make("web", by="ann")
        assert made.number == 8
        assert (await projects.numbered(12, may_make=True)).name == "project-12"
        with pytest.raises(NotFound):
            await projects.numbered(13, may_make=False)
        with pytest.raises(Rejected):
            await projects.make("shop", by="ann")
        again = Projects(ProjectTable(database, clock), {"shop": ProjectConfig(number=99)})
        await again.load()
        assert again.find("shop").number == 7
        assert again.of_service("web").name == "web"
        assert again.of_service("anything").name == "default"
