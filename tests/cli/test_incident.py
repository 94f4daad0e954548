"""`tocsin incident`: what it asks Tocsin, what it prints, how it ends."""

from __future__ import annotations

import msgspec
import pytest

from tests.cli.test_silence import Peer, run
from tests.cli.test_silence import peer as peer

ALL = "/api/incidents"
ONE = f"{ALL}/INC-2026-0042"
SHOWN: dict[str, object] = {
    "number": "INC-2026-0042",
    "version": 3,
    "severity": "P0",
    "severity_name": "Critical",
    "status": "investigating",
    "title": "Checkout is down",
    "description": "",
    "services": ["checkout"],
    "assignee": "ana",
    "roles": {"commander": "ben"},
    "tags": [],
    "links": [{"kind": "alert", "ref": "a1", "title": "Down"}],
    "opened": "2026-11-21T02:00:00.000Z",
    "started": "2026-11-21T01:58:00.000Z",
    "acknowledged": "2026-11-21T02:03:00.000Z",
    "acknowledged_by": "ana",
    "mitigated": "",
    "resolved": "",
    "resolution": "",
    "root_cause": "",
    "cause": "",
    "measures": [],
    "merged_into": "",
    "next_update": "",
    "is_drill": False,
    "took": {"detect_ms": 120_000, "acknowledge_ms": 180_000, "late_ms": 0},
    "page": "https://tocsin.example/incidents/INC-2026-0042",
}
ENTRY = {
    "id": 1,
    "at": "2026-11-21T02:00:00.000Z",
    "kind": "opened",
    "author": "tocsin",
    "source": "alerts",
    "text": "P0 opened: Checkout is down",
}


def test_incidents_are_listed_by_what_is_asked(peer: Peer) -> None:
    peer.answers["GET", ALL] = 200, [SHOWN]
    code, output = run(
        peer, "incident", "list", "--severity", "P0", "--find", "shop", "--since", "7d"
    )
    assert code == 0
    assert "INC-2026-0042" in output
    assert peer.asked[0][1] == f"{ALL}?severity=P0&q=shop&since=7d&limit=50"
    peer.answers["GET", ALL] = 200, []
    code, output = run(peer, "incident", "list", "-o", "json")
    assert (code, output.splitlines()[0]) == (3, "[]")


def test_one_is_shown_with_its_timeline(peer: Peer) -> None:
    peer.answers["GET", ONE] = 200, SHOWN
    peer.answers["GET", f"{ONE}/timeline"] = 200, [ENTRY]
    code, output = run(peer, "incident", "show", "INC-2026-0042")
    assert code == 0
    for words in ("P0 Critical investigating", "by ana, after 3 min", "commander", "P0 opened:"):
        assert words in output
    code, output = run(peer, "incident", "show", "INC-2026-0042", "-o", "json")
    assert msgspec.json.decode(output)["timeline"][0]["author"] == "tocsin"
    code, output = run(peer, "incident", "show", "INC-1")
    assert (code, output) == (3, "error: no\n")


@pytest.mark.parametrize(
    ("words", "method", "path", "body"),
    [
        pytest.param(("ack",), "POST", "acknowledge", None, id="ack"),
        pytest.param(("ack", "--undo"), "DELETE", "acknowledge", None, id="give back"),
        pytest.param(("note", "**it**"), "POST", "notes", {"text": "**it**"}, id="note"),
        pytest.param(("assign", "ben"), "POST", "assign", {"person": "ben"}, id="assign"),
        pytest.param(
            ("assign", "ben", "--role", "commander"), "POST", "role",
            {"role": "commander", "person": "ben"}, id="role",
        ),
        pytest.param(
            ("severity", "P1", "--why", "better"), "POST", "severity",
            {"severity": "P1", "why": "better"}, id="severity",
        ),
        pytest.param(
            ("status", "monitoring"), "POST", "status", {"status": "monitoring", "text": ""},
            id="status",
        ),
        pytest.param(
            ("resolve", "Index", "--measure", "Check", "--measure", "Watch"), "POST", "resolve",
            {"resolution": "Index", "root_cause": "", "cause": "", "measures": ["Check", "Watch"]},
            id="resolve",
        ),
        pytest.param(("reopen", "--why", "x"), "POST", "reopen", {"why": "x"}, id="reopen"),
        pytest.param(
            ("merge", "INC-2026-0001"), "POST", "merge", {"into": "INC-2026-0001"}, id="merge"
        ),
    ],
)  # fmt: skip
def test_each_act_is_one_call(
    peer: Peer, words: tuple[str, ...], method: str, path: str, body: object
) -> None:
    peer.answers[method, f"{ONE}/{path}"] = 200, SHOWN
    act, *rest = words
    code, output = run(peer, "incident", act, "INC-2026-0042", *rest)
    assert code == 0, output
    assert "INC-2026-0042" in output
    assert "P0 investigating, ana: Checkout is down" in output
    assert [(asked[0], asked[1], asked[2]) for asked in peer.asked] == [
        (method, f"{ONE}/{path}", body)
    ]


def test_one_is_opened(peer: Peer) -> None:
    peer.answers["POST", ALL] = 201, SHOWN
    words = ("incident", "open", "Checkout is down", "-s", "P0", "--service", "checkout")
    code, output = run(peer, *words, "--started", "20m")
    assert code == 0
    assert output.splitlines()[1] == SHOWN["page"]
    body = peer.asked[0][2]
    assert isinstance(body, dict)
    assert (body["services"], body["started"]) == (["checkout"], "20m")


def test_a_refusal_is_told_in_tocsins_words(peer: Peer) -> None:
    peer.answers["POST", f"{ONE}/status"] = 400, {"error": "resolve it before it is closed"}
    code, output = run(peer, "incident", "status", "INC-2026-0042", "closed")
    assert (code, output) == (1, "error: resolve it before it is closed\n")
