from __future__ import annotations

from tests.cli.test_silence import Peer, peer, run

__all__ = ["peer"]
SENT = {
    "id": 7,
    "at": 1_700_000_000_000,
    "receiver": "team",
    "integration": "slack[0]",
    "state": "sent",
    "summary": "FIRING 1: Down",
    "attempts": 1,
    "took_ms": 30,
}


def test_messages_are_listed_with_their_times_and_the_question_is_passed_on(peer: Peer) -> None:
    peer.answers["GET", "/api/notifications"] = 200, {"notifications": [SENT]}
    code, output = run(peer, "notifications", "--failed", "--receiver", "team", "--limit", "5")
    assert code == 0
    assert "2023-11-14 22:13:20Z" in output
    assert "30 ms" in output
    ((_, path, _, key),) = peer.asked
    assert key == "Bearer toc_x"
    assert all(part in path for part in ("limit=5", "receiver=team", "state=troubled", "since="))
    assert "alert=" not in path


def test_a_channel_that_keeps_failing_or_waits_is_told_and_decides_the_exit(peer: Peer) -> None:
    answer = {"notifications": [SENT], "waiting": {"team/sms[0]": 4}}
    peer.answers["GET", "/api/notifications"] = 200, answer
    code, output = run(peer, "notifications")
    assert (code, "4 messages to team/sms[0] wait" in output) == (0, True)
    answer["failing"] = {"team/slack[0]": 1_700_000_000_000}
    code, output = run(peer, "notifications")
    assert (code, "team/slack[0] since 2023-11-14 22:13:20Z" in output) == (1, True)


def test_nothing_found_a_wrong_question_and_no_answer_end_differently(peer: Peer) -> None:
    peer.answers["GET", "/api/notifications"] = 200, {"notifications": []}
    assert run(peer, "notifications") == (3, "no message in the last 24h\n")
    assert run(peer, "notifications", "--since", "soon")[0] == 1
    peer.answers["GET", "/api/notifications"] = 401, {"error": "who are you?"}
    code, output = run(peer, "notifications")
    assert (code, "set TOCSIN_TOKEN" in output) == (1, True)
    peer.answers["GET", "/api/notifications"] = 200, {"alerts": 1}
    code, output = run(peer, "notifications")
    assert (code, "does not answer as expected" in output) == (2, True)
