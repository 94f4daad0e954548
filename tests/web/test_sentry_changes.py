"""What Sentry's tools ask to be done with issues is done as they say it, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.errortracking.answers import Act
from tocsin.kit.fault import Rejected
from tocsin.web.api.sentry_web import SentryChange, acts_of

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("status", "details", "act"),
    [
        ("resolved", {}, Act(kind="resolve")),
        ("resolved", {"inNextRelease": True}, Act(kind="resolve", release="next")),
        ("resolvedInNextRelease", {}, Act(kind="resolve", release="next")),
        ("resolved", {"inRelease": "1.2"}, Act(kind="resolve", release="1.2")),
        ("unresolved", {}, Act(kind="reopen")),
        ("ignored", {"ignoreCount": 7}, Act(kind="ignore", times=7)),
        ("ignored", {"ignoreUserCount": 3}, Act(kind="ignore", people=3)),
        ("ignored", {"ignoreDuration": 30}, Act(kind="ignore", until_ms=NOW_MS + 1_800_000)),
    ],
)
def test_a_status_is_what_people_would_do(status: str, details: dict[str, Any], act: Act) -> None:
    assert acts_of(SentryChange(status=status, statusDetails=details), NOW_MS) == [act]


@pytest.mark.parametrize(
    ("status", "details"),
    [
        ("ignored", {"ignoreCount": 7, "ignoreWindow": 60}),
        ("ignored", {"ignoreDuration": "soon"}),
        ("ignored", {"ignoreDuration": 1e300}),
        ("ignored", {"ignoreCount": True}),
        ("resolved", {"inCommit": {"commit": "abc"}}),
        ("gone", {}),
    ],
)
def test_what_cannot_be_done_as_it_is_said_is_refused(status: str, details: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        acts_of(SentryChange(status=status, statusDetails=details), NOW_MS)
