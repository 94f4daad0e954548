"""A component is as bad as the worst that is said of it, and nothing is made up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.fault import Rejected
from tocsin.model.labels import from_mapping
from tocsin.statuspage.component_state import ComponentState as S
from tocsin.statuspage.component_state import Impact, overall, worst
from tocsin.statuspage.config import Matchers
from tocsin.statuspage.judge import OpenWindow, Override, decide, of_alerts, of_monitor
from tocsin.statuspage.post import Affected, Post, PostKind, PostStatus, PostUpdate, title_of


@pytest.mark.parametrize(
    ("values", "slow", "state"),
    [
        pytest.param([1.0], [], S.OPERATIONAL, id="up"),
        pytest.param([0.0], [], S.MAJOR, id="down"),
        pytest.param([1.0, 0.0], [], S.PARTIAL, id="one of two is down"),
        pytest.param([0.5], [], S.PARTIAL, id="half is up"),
        pytest.param([3.0], [0.0], S.OPERATIONAL, id="more than one, and not slow"),
        pytest.param([1.0], [2.7], S.DEGRADED, id="up and slow"),
        pytest.param([0.0], [2.7], S.MAJOR, id="down is worse than slow"),
        pytest.param([1.0], [math.nan], S.OPERATIONAL, id="slowness that is no number"),
        pytest.param([math.nan], [], None, id="no number is no data"),
        pytest.param([], [], None, id="no data"),
    ],
)
def test_a_monitor(values: list[float], slow: list[float], state: S | None) -> None:
    assert of_monitor(values, slow) is state


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        pytest.param({"service": "api", "severity": "critical"}, S.MAJOR, id="critical"),
        pytest.param({"service": "api", "severity": "P1"}, S.PARTIAL, id="P1 in large letters"),
        pytest.param({"service": "api", "severity": "warning"}, S.DEGRADED, id="any other"),
        pytest.param({"service": "api"}, S.DEGRADED, id="none"),
        pytest.param({"service": "api", "severity": "info"}, S.OPERATIONAL, id="information"),
        pytest.param({"service": "api", "severity": "own"}, S.MAJOR, id="the page's own word"),
        pytest.param({"service": "db", "severity": "critical"}, S.OPERATIONAL, id="another's"),
    ],
)
def test_an_alert(labels: dict[str, str], state: S) -> None:
    conditions = Matchers.from_config('service="api"').conditions
    assert of_alerts(conditions, [from_mapping(labels)], {"own": S.MAJOR}) is state


def _post(kind: PostKind, state: S, *, status: PostStatus, over_ms: int = 0) -> Post:
    return Post(
        id="p",
        kind=kind,
        title="t",
        status=status,
        affected=(Affected(component="api", state=state, since_ms=100),),
        updates=(PostUpdate(id="u", at_ms=100, status=status, text="x"),),
        created_ms=100,
        updated_ms=100,
        starts_ms=100 if kind is PostKind.MAINTENANCE else 0,
        over_ms=over_ms,
    )


TROUBLE = _post(PostKind.INCIDENT, S.PARTIAL, status=PostStatus.IDENTIFIED)
WORK = _post(PostKind.MAINTENANCE, S.UNDER_MAINTENANCE, status=PostStatus.IN_PROGRESS)
WINDOW = OpenWindow(id="w", title="t", text="", components=("api",), starts_ms=100, ends_ms=300)


@pytest.mark.parametrize(
    ("measured", "posts", "windows", "override", "state"),
    [
        pytest.param(S.DEGRADED, [], [], None, S.DEGRADED, id="what is measured"),
        pytest.param(S.DEGRADED, [TROUBLE], [], None, S.PARTIAL, id="an incident is worse"),
        pytest.param(S.MAJOR, [TROUBLE], [], None, S.MAJOR, id="the monitor is worse"),
        pytest.param(S.MAJOR, [WORK], [], None, S.UNDER_MAINTENANCE, id="expected during work"),
        pytest.param(S.MAJOR, [], [WINDOW], None, S.UNDER_MAINTENANCE, id="in a public window"),
        pytest.param(S.MAJOR, [WORK, TROUBLE], [], None, S.PARTIAL, id="trouble during work"),
        pytest.param(
            S.OPERATIONAL,
            [],
            [],
            Override(component="api", state=S.MAJOR),
            S.MAJOR,
            id="people know better",
        ),
        pytest.param(
            S.MAJOR,
            [],
            [],
            Override(component="api", state=S.DEGRADED),
            S.MAJOR,
            id="at least as bad as people say",
        ),
        pytest.param(
            S.MAJOR,
            [TROUBLE],
            [],
            Override(component="api", state=S.OPERATIONAL, is_exact=True),
            S.OPERATIONAL,
            id="whatever is measured",
        ),
        pytest.param(
            S.MAJOR,
            [],
            [],
            Override(component="api", state=S.OPERATIONAL, is_exact=True, until_ms=150),
            S.MAJOR,
            id="an override that is over",
        ),
    ],
)
def test_the_worst_counts(
    measured: S, posts: list[Post], windows: list[OpenWindow], override: Override | None, state: S
) -> None:
    assert decide("api", (measured, None), posts, windows, override, 200) is state


def test_the_past_is_judged_by_what_was_said_then() -> None:
    over = _post(PostKind.INCIDENT, S.PARTIAL, status=PostStatus.RESOLVED, over_ms=200)
    found = [decide("api", (), [over], [], None, at) for at in (99, 100, 199, 200)]
    assert found == [S.OPERATIONAL, S.PARTIAL, S.PARTIAL, S.OPERATIONAL]


@given(st.lists(st.sampled_from(S), min_size=1))
def test_the_whole_is_never_worse_than_its_worst_part(states: list[S]) -> None:
    assert overall(states).rank <= worst(states).rank
    if len(set(states)) == 1:
        assert overall(states) is states[0]


def test_one_part_down_is_no_outage_of_the_whole() -> None:
    assert overall([S.MAJOR, S.OPERATIONAL]) is S.PARTIAL
    assert overall([S.MAJOR, S.MAJOR]) is S.MAJOR
    assert overall([]) is S.OPERATIONAL


def test_impacts_have_states() -> None:
    assert [one.state for one in Impact] == [S.OPERATIONAL, S.DEGRADED, S.PARTIAL, S.MAJOR]


def test_texts_hold_nothing_that_a_feed_may_not() -> None:
    assert title_of("a\x00b\ud800\n c\x1b") == "ab c"
    with pytest.raises(Rejected):
        title_of(" \x00 ")
