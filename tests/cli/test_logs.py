"""`tocsin logs` in a terminal and in pipes: what it prints, how it follows, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from typer.testing import CliRunner, Result

from tocsin.cli.main import app

SECOND_NS = 10**9
AT_NS = 1_700_000_000 * SECOND_NS
PATIENCE = 60


def line(number: int, **given: str) -> dict[str, object]:
    """A line as the API tells it, a second after the one before."""
    return {
        "time": f"2023-11-14T22:13:{20 + number:02d}.000000000Z",
        "message": f"line {number}",
        "level": "warn",
        "id": f"{AT_NS + number * SECOND_NS}-7-{number}",
        "service": "api",
        "attributes": {"n": str(number)},
        **given,
    }


def ndjson(*lines: object) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in lines)


def events(*lines: object) -> bytes:
    return b"".join(b"event: line\ndata: %b\n\n" % msgspec.json.encode(one) for one in lines)


Answer = tuple[int, bytes]


@dataclass(slots=True)
class Peer:
    """A Tocsin that answers what the test says; the last tail stays open until the end."""

    answers: dict[str, Answer] = field(default_factory=dict)
    tails: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str) -> tuple[int, bytes, bool]:
        """Status, body, and whether the connection stays open then."""
        if path == "tail":
            status, body = self.tails.pop(0)
            return status, body, status == 200 and not self.tails
        return *self.answers[path], False


@contextmanager
def serving(peer: Peer) -> Iterator[Peer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            name = parts.path.rpartition("/")[2]
            peer.asked.append((name, dict(parse_qsl(parts.query))))
            status, body, stays = peer.answer(name)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if stays:
                peer.over.wait(PATIENCE)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    peer.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield peer
    finally:
        peer.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def asked(peer: Peer, *arguments: str) -> Result:
    with serving(peer):
        return CliRunner().invoke(app, ["logs", *arguments, "--url", peer.url])


def test_the_newest_lines_come_last_and_pipes_get_json() -> None:
    peer = Peer({"export": (200, ndjson(line(2), line(1)))})
    result = asked(peer, "level:warn", "-n", "2", "-o", "json")
    assert result.exit_code == 0, result.output
    found = [msgspec.json.decode(row) for row in result.stdout.splitlines()]
    assert found == [line(1), line(2)]
    ((_, params),) = peer.asked
    assert (params["q"], params["order"], params["limit"]) == ("level:warn", "desc", "2")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("pretty", "warn  api: line 1  n=1\n"),
        ("csv", "time,level,service,host,environment,source,message"),
        ("raw", "line 1\n"),
    ],
)
def test_each_form_is_printed(form: str, words: str) -> None:
    result = asked(Peer({"export": (200, ndjson(line(1)))}), "--limit", "0", "-o", form)
    assert result.exit_code == 0
    assert words in result.stdout


def test_counts_and_bars() -> None:
    result = asked(Peer({"count": (200, b'{"count":1234}')}), "x", "--count")
    assert (result.exit_code, result.stdout) == (0, "1234\n")
    bars = b'{"step":60,"bars":[{"start":1700000040,"level":"error","count":3}]}'
    result = asked(Peer({"histogram": (200, bars)}), "x", "--histogram")
    assert result.exit_code == 0
    assert result.stdout.startswith("error")


@pytest.mark.parametrize(
    ("arguments", "peer", "code", "words"),
    [
        pytest.param((), Peer({"export": (200, b"")}), 3, "no lines", id="nothing found"),
        pytest.param(
            (), Peer({"export": (400, b'{"error":"expected a word"}')}), 1, "expected a word",
            id="a wrong question",
        ),
        pytest.param((), Peer({"export": (401, b"{}")}), 1, "--token", id="no key"),
        pytest.param((), Peer({"export": (503, b"{}")}), 2, "503", id="away"),
        pytest.param((), Peer({"export": (200, b"<html>")}), 2, "does not answer", id="no JSON"),
        pytest.param(("-o", "xml"), Peer(), 1, "pretty", id="an unknown form"),
        pytest.param(("--since", "soon"), Peer(), 1, "soon", id="no time"),
        pytest.param(
            ("--follow",),
            Peer({"export": (200, b"")}, [(429, b"{}"), (401, b'{"error":"revoked"}')]),
            1,
            "revoked",
            id="a key that is revoked while one follows",
        ),
    ],
)  # fmt: skip
def test_mistakes_have_their_exit_codes(
    arguments: tuple[str, ...], peer: Peer, code: int, words: str
) -> None:
    result = asked(peer, *arguments)
    assert result.exit_code == code, result.output
    assert words in result.stderr


@contextmanager
def running(peer: Peer, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tocsin", "logs", *arguments, "--url", peer.url]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # What a shell runs beside itself ignores SIGINT, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_lines(process: subprocess.Popen[bytes], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().decode().rstrip("\n") for _ in range(count)]


@pytest.mark.slow
def test_following_begins_anew_without_a_line_twice_and_ends_when_interrupted() -> None:
    tails = [
        (200, events(line(2), line(15))),
        (503, b"{}"),
        (200, events(line(15), line(1), line(16))),
    ]
    with (
        serving(Peer({"export": (200, ndjson(line(1)))}, tails)) as peer,
        running(peer, "--follow", "--since", "2023-11-14T00:00:00Z", "-o", "json") as process,
    ):
        shown = [msgspec.json.decode(row) for row in read_lines(process, 4)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert [one["message"] for one in shown] == ["line 1", "line 2", "line 15", "line 16"]
    assert (process.returncode, out) == (0, b"")
    assert err.decode().splitlines() == [
        "(nothing comes at the moment: it answers status 503; trying again)"
    ]
    since = [int(params["since"]) for name, params in peer.asked if name == "tail"]
    # Not from before the last line that was searched, and then with some seconds of overlap.
    assert since == [AT_NS + at * SECOND_NS for at in (1, 5, 5)]


def test_what_came_too_fast_is_told_beside_the_lines() -> None:
    told = b'event: lost\ndata: {"lines":12}\n\n' + events(line(1))
    with (
        serving(Peer({"export": (200, b"")}, [(200, told)])) as peer,
        running(peer, "-f", "-o", "raw") as process,
    ):
        assert read_lines(process, 1) == ["line 1"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert b"12 lines came too fast" in err


def _while_printing(peer: Peer) -> tuple[str, ...]:
    peer.answers["export"] = (200, ndjson(*(line(n % 30) for n in range(20_000))))
    return ("--limit", "0", "-o", "json")


def _while_following(peer: Peer) -> tuple[str, ...]:
    peer.answers["export"] = (200, ndjson(line(0)))
    many = [line(n % 30, id=f"{n}") for n in range(20_000)]
    peer.tails = [(200, events(*many))]
    return ("--follow", "-o", "json")


@pytest.mark.slow
@pytest.mark.parametrize("prepared", [_while_printing, _while_following])
def test_a_pipe_that_ends_is_no_error(prepared: Callable[[Peer], tuple[str, ...]]) -> None:
    peer = Peer()
    arguments = prepared(peer)
    with serving(peer), running(peer, *arguments) as process:
        assert read_lines(process, 1)[0].startswith("{")
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 0
