from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest
from typer.testing import CliRunner

from tocsin.cli.main import app

RUN = CliRunner()
WINDOW = {
    "id": "w1",
    "name": "Vacuum",
    "state": "pending",
    "matchers": ['a="b"'],
    "words": "Monday 02:00-04:00 UTC",
    "created_by": "ann",
    "start": "2027-01-01T00:00:00Z",
    "end": "2027-01-01T01:00:00Z",
    "next": None,
}
SILENCE = {
    "id": "s1",
    "status": {"state": "active"},
    "matchers": [{"name": "a", "value": "b", "isRegex": False, "isEqual": True}],
    "startsAt": "2027-01-01T00:00:00Z",
    "endsAt": "2027-01-01T01:00:00Z",
    "createdBy": "ann",
    "comment": "disks",
}
ACK = {"fingerprint": "0" * 16, "labels": {"alertname": "Down"}, "by": "ann", "at": "now"}


class Peer:
    """An API of fixed answers that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, object, str]] = []
        self.answers: dict[tuple[str, str], tuple[int, object]] = {}
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                path = self.path.partition("?")[0]
                value = msgspec.json.decode(body) if body else None
                key = self.headers.get("authorization") or ""
                peer.asked.append((self.command, self.path, value, key))
                status, answer = peer.answers.get((self.command, path), (404, {"error": "no"}))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"" if status == 204 else msgspec.json.encode(answer))

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that http.server asks for

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def run(peer: Peer, *words: str) -> tuple[int, str]:
    result = RUN.invoke(app, [*words, "--url", peer.url, "--token", "toc_x"])
    return result.exit_code, result.output


def test_a_silence_is_added_as_amtool_adds_it(peer: Peer) -> None:
    peer.answers["POST", "/api/v2/silences"] = 200, {"silenceID": "s1"}
    words = ("silence", "add", 'a="b"', 'c!~"d|e"', "--for", "2h", "-c", "disks", "--author", "ann")
    assert run(peer, *words) == (0, "s1\n")
    ((_, _, body, key),) = peer.asked
    assert isinstance(body, dict)
    assert key == "Bearer toc_x"
    assert body["matchers"] == [
        {"name": "a", "value": "b", "isRegex": False, "isEqual": True},
        {"name": "c", "value": "d|e", "isRegex": True, "isEqual": False},
    ]
    assert (body["createdBy"], body["comment"]) == ("ann", "disks")


def test_a_recurring_one_becomes_a_maintenance_window(peer: Peer) -> None:
    peer.answers["POST", "/api/maintenance"] = 201, WINDOW
    code, output = run(peer, "silence", "add", "a=b", "--every", "MON 02:00-04:00", "--name", "V")
    assert code == 0
    assert output.startswith("w1\n")
    code, _ = run(
        peer, "silence", "add", "a=b", "--rule", "FREQ=DAILY", "--start", "2027-01-31 02:00",
        "--for", "3h", "--zone", "Europe/Berlin",
    )  # fmt: skip
    assert code == 0
    first, second = (body for _, _, body, _ in peer.asked)
    assert first == {
        "name": "V",
        "matchers": ["a=b"],
        "time_zone": "UTC",
        "comment": "",
        "every": "MON 02:00-04:00",
    }
    assert isinstance(second, dict)
    assert second["start"] == "2027-01-31 02:00", "by the clocks of its zone"
    assert (second["duration"], second["rule"]) == ("3h", "FREQ=DAILY")


def test_both_kinds_are_listed(peer: Peer) -> None:
    peer.answers["GET", "/api/v2/silences"] = 200, [SILENCE]
    peer.answers["GET", "/api/maintenance"] = 200, [WINDOW]
    code, output = run(peer, "silence", "list")
    assert code == 0
    assert "s1" in output
    assert "w1" in output
    code, output = run(peer, "silence", "list", "--json")
    assert msgspec.json.decode(output)["silences"][0]["id"] == "s1"


def test_each_kind_is_ended_in_its_own_way(peer: Peer) -> None:
    peer.answers["GET", "/api/maintenance"] = 200, [WINDOW]
    peer.answers["DELETE", "/api/v2/silence/s1"] = 200, None
    peer.answers["POST", "/api/maintenance/w1/end"] = 200, WINDOW
    peer.answers["DELETE", "/api/maintenance/w1"] = 204, None
    assert run(peer, "silence", "expire", "s1", "w1")[0] == 0
    assert run(peer, "silence", "expire", "w1", "--remove")[0] == 0
    done = [(method, path) for method, path, _, _ in peer.asked if method != "GET"]
    assert done == [
        ("DELETE", "/api/v2/silence/s1"),
        ("POST", "/api/maintenance/w1/end"),
        ("DELETE", "/api/maintenance/w1"),
    ]
    assert run(peer, "silence", "expire", "unknown")[0] == 3


def test_a_preview_ends_with_3_when_nothing_would_be_hidden(peer: Peer) -> None:
    peer.answers["GET", "/api/silences/preview"] = 200, {"now": 0, "week": None, "alerts": {}}
    code, output = run(peer, "silence", "preview", "a=b")
    assert (code, output) == (3, "hides 0 now; alerts of rules in the last week: unknown\n")


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        pytest.param(["Down"], ([], ['alertname="Down"']), id="a name"),
        pytest.param(["0123456789abcdef"], (["0123456789abcdef"], []), id="a fingerprint"),
        pytest.param(['a="b"', "c=d"], ([], ['a="b"', "c=d"]), id="conditions"),
        pytest.param(["Down", "c=d"], ([], ["c=d", 'alertname="Down"']), id="a name and more"),
    ],
)
def test_alerts_are_acknowledged_by_whatever_names_them(
    peer: Peer, which: list[str], expected: tuple[list[str], list[str]]
) -> None:
    peer.answers["POST", "/api/acknowledgements"] = 200, {"acknowledged": [ACK]}
    code, output = run(peer, "ack", *which, "--note", "on it", "--for", "2h")
    assert (code, output) == (0, "acknowledged Down until it resolves\n")
    ((_, _, body, _),) = peer.asked
    fingerprints, matchers = expected
    assert body == {
        "fingerprints": fingerprints,
        "matchers": matchers,
        "note": "on it",
        "until": "2h",
        "source": "cli",
    }


def test_alerts_are_given_back_and_listed(peer: Peer) -> None:
    peer.answers["DELETE", "/api/acknowledgements"] = 200, {"cleared": ["0" * 16]}
    peer.answers["GET", "/api/acknowledgements"] = 200, [ACK]
    assert run(peer, "ack", "Down", "--clear") == (0, f"given back {'0' * 16}\n")
    code, output = run(peer, "ack")
    assert code == 0
    assert "Down" in output
    peer.answers["GET", "/api/acknowledgements"] = 200, []
    assert run(peer, "ack")[0] == 3
    assert run(peer, "ack", "--note", "x")[0] == 1
    assert run(peer, "ack", "Down", "Up")[0] == 1


def test_the_server_s_words_reach_the_terminal(peer: Peer) -> None:
    peer.answers["POST", "/api/v2/silences"] = 400, "invalid silence: too short"
    code, output = run(peer, "silence", "add", "a=b")
    assert (code, output) == (1, "error: invalid silence: too short\n")
    peer.answers["POST", "/api/v2/silences"] = 401, {"error": "who are you?"}
    assert "set TOCSIN_TOKEN" in run(peer, "silence", "add", "a=b")[1]
    peer.answers["POST", "/api/v2/silences"] = 503, {"error": "busy"}
    assert run(peer, "silence", "add", "a=b")[0] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(
            ["--every", "MON 02:00-04:00", "--for", "2h"], "--for", id="every has a length"
        ),
        pytest.param(["--every", "MON 02:00-04:00", "--start", "now"], "--start", id="and a start"),
        pytest.param(
            ["--every", "MON 02:00", "--rule", "FREQ=DAILY"], "--rule", id="one of the two"
        ),
        pytest.param(["--rule", "FREQ=DAILY", "--author", "ann"], "--author", id="whose key it is"),
        pytest.param(["--name", "Vacuum"], "--name", id="a silence has no name"),
        pytest.param(["--start", "soonish"], "soonish", id="no time"),
        pytest.param(["--zone", "Mars/Base"], "Mars/Base", id="no zone"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    peer: Peer, words: list[str], said: str
) -> None:
    code, output = run(peer, "silence", "add", "a=b", *words)
    assert code == 1
    assert said in output
    assert peer.asked == []


def test_a_silence_begins_by_the_clocks_of_its_zone(peer: Peer) -> None:
    peer.answers["POST", "/api/v2/silences"] = 200, {"silenceID": "s1"}
    words = ("--start", "2027-07-31 02:00", "--zone", "Europe/Berlin", "--for", "1h")
    assert run(peer, "silence", "add", "a=b", *words) == (0, "s1\n")
    ((_, _, body, _),) = peer.asked
    assert isinstance(body, dict)
    assert body["startsAt"] == "2027-07-31T00:00:00.000+00:00"
    assert body["endsAt"] == "2027-07-31T01:00:00.000+00:00"


def test_a_list_says_when_what_why_and_by_whom_however_narrow(peer: Peer) -> None:
    hard = {"name": "a b", "value": 'say "x"', "isRegex": True, "isEqual": False}
    pending = {**SILENCE, "id": "s2", "status": {"state": "pending"}, "matchers": [hard]}
    over = {**SILENCE, "id": "s3", "status": {"state": "expired"}, "comment": "", "createdBy": ""}
    peer.answers["GET", "/api/v2/silences"] = 200, [SILENCE, pending, over]
    peer.answers["GET", "/api/maintenance"] = 200, [WINDOW]
    code, output = run(peer, "silence", "list", "--all")
    assert code == 0
    assert [line.rstrip() for line in output.splitlines()] == [
        "s1  active until 2027-01-01 01:00:00Z",
        '    a="b"',
        "    disks, by ann",
        "s2  pending from 2027-01-01 00:00:00Z until 2027-01-01 01:00:00Z",
        r'    "a b"!~"say \"x\""',
        "    disks, by ann",
        "s3  expired since 2027-01-01 01:00:00Z",
        '    a="b"',
        "w1  pending from 2027-01-01 00:00:00Z until 2027-01-01 01:00:00Z",
        '    a="b"',
        "    Vacuum (Monday 02:00-04:00 UTC), by ann",
    ]


def test_giving_back_takes_neither_words_nor_a_length(peer: Peer) -> None:
    assert run(peer, "ack", "Down", "--clear", "--for", "2h")[0] == 1
    assert peer.asked == []
