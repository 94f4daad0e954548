"""`tocsin errors` shows issues and acts on them, in the words of people."""

from __future__ import annotations

import msgspec
import pytest

from tests.cli.test_silence import Peer, peer, run
from tocsin.errortracking.answers import (
    Content,
    EventRow,
    EventShown,
    Frame,
    IssuePage,
    Thrown,
)
from tocsin.model.errors import Issue, IssueState

__all__ = ["peer"]

ISSUE = Issue(
    id=7,
    project="shop",
    title="ValueError: no card",
    culprit="shop in charge",
    kind="ValueError",
    level=17,
    first_seen_ms=1_700_000_000_000,
    last_seen_ms=1_700_000_100_000,
    times=1_234,
    people=3,
)


def plain(value: object) -> object:
    return msgspec.to_builtins(value)


def test_open_issues_are_listed(peer: Peer) -> None:
    peer.answers["GET", "/api/errors/issues"] = 200, plain(IssuePage(issues=(ISSUE,), total=1))
    code, output = run(peer, "errors", "list", "project:shop")
    assert code == 0
    assert "1,234" in output
    assert "ValueError: no card" in output


def test_an_issue_is_shown_with_its_stack(peer: Peer) -> None:
    frame = Frame(function="charge", filename="shop.py", line=3, context="    raise ValueError")
    row = EventRow(
        **dict.fromkeys(("event_id", "kind", "value", "culprit", "source", "platform"), ""),  # type: ignore[arg-type]  # texts, the rest below
        **dict.fromkeys(("service", "environment", "release", "host", "user_id"), ""),  # type: ignore[arg-type]  # as above
        **dict.fromkeys(("trace_id", "span_id", "transaction"), ""),  # type: ignore[arg-type]  # as above
        ts_ns=1,
        issue_id=7,
        project="shop",
        level=17,
        handled=True,
    )
    content = Content(exceptions=(Thrown(kind="ValueError", value="no card", frames=(frame,)),))
    peer.answers["GET", "/api/errors/issues/7"] = 200, plain(ISSUE)
    latest = plain(EventShown(event=row, content=content))
    peer.answers["GET", "/api/errors/issues/7/events/latest"] = 200, latest
    peer.answers["GET", "/api/errors/issues/7/acts"] = 200, []
    code, output = run(peer, "errors", "show", "7")
    assert code == 0, output
    assert "shop.py:3 charge" in output
    assert "raise ValueError" in output


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (("resolve", "7", "--in", "1.2.0"), {"kind": "resolve", "release": "1.2.0"}),
        (("ignore", "7", "--times", "100"), {"kind": "ignore", "times": 100}),
        (("assign", "ann", "7"), {"kind": "assign", "person": "ann"}),
        (("assign", "-", "7"), {"kind": "assign", "person": ""}),
        (("reopen", "7"), {"kind": "reopen"}),
    ],
)
def test_issues_are_acted_on(peer: Peer, words: tuple[str, ...], body: dict[str, object]) -> None:
    changed = msgspec.structs.replace(ISSUE, state=IssueState.RESOLVED, resolved_in="1.2.0")
    peer.answers["POST", "/api/errors/issues/7/acts"] = 200, plain(changed)
    code, output = run(peer, "errors", *words)
    assert code == 0, output
    ((_, _, sent, _),) = peer.asked
    assert isinstance(sent, dict)
    assert body.items() <= sent.items()
    assert "resolved in 1.2.0" in output
