"""Issues come back, stay over, and are ignored as long as was said."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tocsin.errortracking import people_sketch
from tocsin.errortracking.acts import done
from tocsin.errortracking.advance import Sighting, advanced, first, joined
from tocsin.errortracking.answers import Act
from tocsin.errortracking.versions import is_newer
from tocsin.kit.fault import Rejected
from tocsin.model.errors import IssueState, KeptIssue

NOW = 1_700_000_000_000


def seen(
    at_ms: int = NOW, *, release: str = "", times: int = 1, users: tuple[str, ...] = ()
) -> Sighting:
    return Sighting(
        print="1:ab",
        project="shop",
        title="E: x",
        culprit="c",
        kind="E",
        level=17,
        platform="python",
        service="",
        handled=True,
        event_id="e",
        first_ms=at_ms,
        last_ms=at_ms,
        times=times,
        users={people_sketch.hash_of(one) for one in users},
        releases={release: (at_ms, at_ms)},
    )


def after(act: Act, *, release: str = "shop@1.0.0") -> KeptIssue:
    kept, _ = first(seen(release=release, users=("ann",)))
    issue, _ = done(kept.issue, act, "ann", NOW + 1_000)
    return replace(kept, issue=issue)


BACK = {
    "resolved, and it happens again": ("", "shop@1.0.0", True),
    "resolved in a release, and it happens there": ("shop@1.1.0", "shop@1.1.0", True),
    "resolved in a release, and it happens in a later one": ("shop@1.1.0", "shop@1.2.0", True),
    "resolved in a release, and it happens in an older one": ("shop@1.1.0", "shop@1.0.9", False),
    "resolved in the next, and it happens in the same": ("next", "shop@1.0.0", False),
    "resolved in the next, and it happens there": ("next", "shop@1.0.1", True),
    "resolved in a commit, and another one has it that is new": ("abc", "def", True),
    "resolved in a release, and an error names none": ("shop@1.1.0", "", True),
}


@pytest.mark.parametrize(("resolved_in", "release", "is_back"), BACK.values(), ids=BACK)
def test_it_comes_back_when_it_was(resolved_in: str, release: str, is_back: bool) -> None:
    kept = after(Act(kind="resolve", release=resolved_in))
    now, kind, _ = advanced(kept, seen(NOW + 5_000, release=release), NOW + 5_000)
    assert (kind == "regressed") is is_back
    assert now.issue.state is (IssueState.OPEN if is_back else IssueState.RESOLVED)
    assert now.issue.times == 2


def test_an_error_that_came_late_does_not_bring_it_back() -> None:
    kept = after(Act(kind="resolve"))
    _, kind, _ = advanced(kept, seen(NOW + 500), NOW + 9_000)
    assert kind == ""


@pytest.mark.parametrize(
    ("act", "times", "users", "at_ms", "opens"),
    [
        (Act(kind="ignore"), 1_000, ("bob", "eve"), NOW + 10**9, False),
        (Act(kind="ignore", times=10), 9, (), NOW, False),
        (Act(kind="ignore", times=10), 10, (), NOW, True),
        (Act(kind="ignore", people=2), 5, ("bob",), NOW, False),
        (Act(kind="ignore", people=2), 5, ("bob", "eve"), NOW, True),
        (Act(kind="ignore", until_ms=NOW + 60_000), 1, (), NOW + 59_000, False),
        (Act(kind="ignore", until_ms=NOW + 60_000), 1, (), NOW + 60_000, True),
    ],
)
def test_it_is_ignored_until(
    act: Act,
    times: int,
    users: tuple[str, ...],
    at_ms: int,
    opens: bool,
) -> None:
    _, kind, _ = advanced(after(act), seen(at_ms, times=times, users=users), at_ms)
    assert kind == ("unignored" if opens else "")


def test_an_act_that_changes_nothing_says_nothing() -> None:
    kept, _ = first(seen())
    issue, entries = done(kept.issue, Act(kind="reopen"), "ann", NOW)
    assert (issue, entries) == (kept.issue, ())


@pytest.mark.parametrize(
    "act",
    [
        Act(kind="comment", text="  "),
        Act(kind="ignore", until_ms=NOW - 1),
        Act(kind="ignore", until_ms=10**18),
        Act(kind="ignore", times=-1),
        Act(kind="resolve", release="next"),
    ],
)
def test_acts_that_make_no_sense_are_refused(act: Act) -> None:
    kept, _ = first(seen())
    with pytest.raises(Rejected):
        done(kept.issue, act, "ann", NOW)


def test_what_waits_to_be_counted_does_not_grow_with_what_senders_name() -> None:
    waiting, users = seen(users=()), set()
    for number in range(2_000):
        users.add(f"u{number}")
        one = seen(NOW + number, users=(f"u{number}",), release=f"r{number}")
        one.environments = {f"e{number}"}
        waiting.add(one)
    assert max(map(len, (waiting.users, waiting.releases, waiting.environments))) < 600
    assert f"r{1_999}" in waiting.releases
    whole = people_sketch.joined(map(people_sketch.hash_of, users), ())
    assert first(waiting)[0].users == whole


def test_joined_issues_count_people_once() -> None:
    one, _ = first(seen(users=("ann", "bob")))
    two, _ = first(seen(NOW + 5, users=("bob", "eve"), times=3))
    both = joined(one, two).issue
    assert (both.times, both.people, both.last_seen_ms) == (4, 3, NOW + 5)


def test_many_people_are_estimated() -> None:
    hashes = people_sketch.joined((people_sketch.hash_of(str(n)) for n in range(20_000)), ())
    assert len(hashes) == 256
    assert 17_000 < people_sketch.count(hashes) < 23_000


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        ("shop@1.10.0", "shop@1.9.0", True),
        ("shop@1.0.0-rc.1", "shop@1.0.0", False),
        ("shop@1.0.0", "shop@1.0.0-rc.1", True),
        ("1.0.1", "v1.0.0", True),
        ("abc", "def", True),
        ("old", "def", False),
    ],
)
def test_releases_are_ordered(one: str, other: str, newer: bool) -> None:
    assert is_newer(one, other, {"old": 5}, when_ms=10) is newer
