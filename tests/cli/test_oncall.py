"""`tocsin oncall` asks the API what people mean, and prints what it answers."""

from __future__ import annotations

import pytest

from tests.cli.test_silence import Peer, peer, run

__all__ = ["peer"]

NOW = {
    "schedule": "primary",
    "timezone": "Europe/Berlin",
    "at": "2026-10-20T10:00:00.000Z",
    "person": "ana",
    "full_name": "Ana Lima",
    "since": "2026-10-19T07:00:00.000Z",
    "until": "2026-10-26T08:00:00.000Z",
    "layer": "main",
    "second": "bo",
    "next": "bo",
    "next_at": "2026-10-26T08:00:00.000Z",
}
NOBODY = dict.fromkeys(("person", "since", "until", "layer", "second", "next", "next_at"))
OVERRIDE = {
    "id": "0123456789ab",
    "schedule": "primary",
    "timezone": "Europe/Berlin",
    "person": "bo",
    "start": "2026-10-20T10:00:00.000Z",
    "end": "2026-10-20T12:00:00.000Z",
    "reason": "dentist",
    "made_by": "ana",
}
SWAP = {
    "id": "ba9876543210",
    "schedule": "primary",
    "timezone": "Europe/Berlin",
    "asked_by": "ana",
    "start": "2026-10-21T07:00:00.000Z",
    "end": "2026-10-21T16:00:00.000Z",
    "to": "bo",
    "return_start": None,
    "return_end": None,
    "note": "",
    "state": "offered",
}


def test_who_is_on_call_at_a_time_and_nobody_is_an_exit_code(peer: Peer) -> None:
    peer.answers["GET", "/api/oncall"] = 200, [NOW]
    code, output = run(peer, "oncall", "who", "-s", "primary", "--at", "now+2h")
    assert code == 0
    assert "ana (Ana Lima)" in output
    assert "Mon 2026-10-26 09:00 CET  bo      bo" in output, "by the schedule's clocks"
    assert peer.asked[0][1] == "/api/oncall?at=now%2B2h&schedule=primary"
    peer.answers["GET", "/api/oncall"] = 200, [{**NOW, **NOBODY, "full_name": ""}]
    code, output = run(peer, "oncall", "who")
    assert code == 3
    assert "nobody is on call" in output
    later = {**NOW, **NOBODY, "full_name": "", "next": "bo", "next_at": NOW["until"]}
    peer.answers["GET", "/api/oncall"] = 200, [later]
    assert "bo, from Mon 2026-10-26 09:00 CET" in run(peer, "oncall", "who")[1]


def test_a_schedule_is_printed_with_its_gaps(peer: Peer) -> None:
    peer.answers["GET", "/api/oncall/schedules"] = (
        200,
        [{"name": "office", "is_default": False}, {"name": "primary", "is_default": True}],
    )
    shift = {"schedule": "primary", "layer": "main", "person": "ana"}
    times = {"start": "2026-10-19T07:00:00.000Z", "end": "2026-10-26T08:00:00.000Z"}
    gap = {"start": "2026-10-26T08:00:00.000Z", "end": "2026-10-27T08:00:00.000Z", "reason": ""}
    peer.answers["GET", "/api/oncall/schedules/primary/shifts"] = (
        200,
        {"timezone": "Europe/Berlin", "shifts": [{**shift, **times}], "gaps": [gap]},
    )
    code, output = run(peer, "oncall", "schedule", "--from", "2026-10-20 09:00", "--for", "2w")
    assert peer.asked[1][1].endswith("/shifts?from=2026-10-20+09:00&duration=2w&rank=0")
    assert code == 0
    lines = output.splitlines()
    assert lines[1].startswith("Mon 2026-10-19 09:00 CEST  Mon 2026-10-26 09:00 CET  ana")
    assert "nobody" in lines[2]
    assert "nobody is on call at 1 time" in output


def test_somebody_takes_over_and_gives_back(peer: Peer) -> None:
    peer.answers["POST", "/api/oncall/overrides"] = 201, OVERRIDE
    peer.answers["DELETE", "/api/oncall/overrides/0123456789ab"] = 204, None
    code, output = run(peer, "oncall", "override", "bo", "--for", "2h", "-c", "dentist")
    assert code == 0
    assert output.startswith("0123456789ab\n")
    assert "from Tue 2026-10-20 12:00 CEST to Tue 2026-10-20 14:00 CEST" in output
    body = peer.asked[0][2]
    assert isinstance(body, dict)
    assert (body["person"], body["duration"], body["rank"]) == ("bo", "2h", 0)
    assert run(peer, "oncall", "give-back", "0123456789ab") == (0, "")


@pytest.mark.parametrize(
    ("words", "code", "output"),
    [
        (("swap", "--from", "2026-10-21 09:00", "--for", "9h", "--to", "bo"), 0, "ba9876543210\n"),
        (("swaps",), 0, "ba9876543210"),
        (("accept", "ba9876543210"), 0, "primary is changed from"),
        (("decline", "ba9876543210", "--as", "bo"), 0, "the swap is declined"),
        (("decline", "x"), 3, "no"),
    ],
    ids=["asked", "listed", "accepted", "declined", "not there"],
)
def test_swaps_are_asked_for_listed_and_answered(
    peer: Peer, words: tuple[str, ...], code: int, output: str
) -> None:
    path = "/api/oncall/swaps"
    peer.answers["POST", path] = 201, SWAP
    peer.answers["GET", path] = 200, [SWAP]
    peer.answers["POST", f"{path}/ba9876543210/accept"] = 200, {"swap": SWAP, "overrides": []}
    peer.answers["POST", f"{path}/ba9876543210/decline"] = 200, {**SWAP, "state": "declined"}
    found = run(peer, "oncall", *words)
    assert found[0] == code
    assert output in found[1]
