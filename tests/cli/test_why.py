from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import msgspec
import pytest
from typer.testing import CliRunner

from tocsin.alert.deciding.chain import Step
from tocsin.alert.deciding.holding import Stage
from tocsin.cli.main import app
from tocsin.web.why import Decided, RuleNow, Why

STEPS = (
    Step(
        stage=Stage.EVALUATION, verdict="passed", words="Down fires", detail="up == 0", at_ms=1000
    ),
    Step(stage=Stage.SILENCE, verdict="held", words="silenced by ada", until_ms=2_000_000_000_000),
)
HELD = Decided(
    id=7,
    at_ms=1000,
    last_ms=2000,
    count=3,
    fingerprint="a" * 16,
    labels={"alertname": "Down"},
    receiver="team",
    outcome="held back",
    summary="silenced by ada",
    told=(),
    steps=STEPS,
)
KNOWN = Why(
    fingerprint="a" * 16,
    labels={"alertname": "Down"},
    is_known=True,
    is_firing=True,
    starts_ms=1000,
    now=(HELD,),
    history=(HELD,),
)
UNKNOWN = Why(fingerprint="b" * 16, labels={}, is_known=False, is_firing=False)


@contextmanager
def answering(status: int, body: object) -> Iterator[tuple[str, list[str]]]:
    """A Tocsin that gives one answer; its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(msgspec.json.encode(body))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_chain_is_printed_with_its_reasons_and_times() -> None:
    with answering(200, {"alerts": [KNOWN]}) as (url, asked):
        result = CliRunner().invoke(app, ["why", "Down", "service=a", "--url", url])
    assert result.exit_code == 0
    assert asked == ["/api/why?alert=Down&label=service%3Da"]
    assert "✗ silence       silenced by ada (until 2033-05-18" in result.output
    assert "✓ evaluation    Down fires (since 1970-01-01" in result.output
    assert "#7 1970-01-01" in result.output
    assert "3 times until" in result.output


def test_an_unknown_alert_is_said_to_be_and_its_labels_are_asked_for() -> None:
    with answering(200, {"alerts": [UNKNOWN]}) as (url, _):
        result = CliRunner().invoke(app, ["why", "b" * 16, "--url", url])
    assert result.exit_code == 3
    assert "not known" in result.output
    assert "give its labels" in result.output


def test_json_is_printed_as_it_came() -> None:
    with answering(200, {"alerts": [KNOWN]}) as (url, _):
        result = CliRunner().invoke(app, ["why", "Down", "--json", "--url", url])
    assert msgspec.json.decode(result.stdout)["alerts"][0]["history"][0]["id"] == 7


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        pytest.param(403, 1, "token with the scope read", id="not allowed"),
        pytest.param(400, 1, "'x' is no label", id="wrongly asked"),
        pytest.param(500, 2, "does not answer as expected", id="broken"),
    ],
)
def test_what_goes_wrong_is_said(status: int, code: int, words: str) -> None:
    body = {"status": "error", "error": "'x' is no label; write name=value"}
    with answering(status, body) as (url, _):
        result = CliRunner().invoke(app, ["why", "Down", "x", "--url", url])
    assert result.exit_code == code
    assert words in " ".join(result.output.split())


def test_a_plain_rules_condition_comes_first_and_its_promql_when_asked_for() -> None:
    expr = "histogram_quantile(0.95, x) > 2"
    rule = RuleNow(
        name="Slow", group="alerts", file="tocsin.yaml", expr=expr, hold_ms=300_000,
        condition="p95_response_time > 2000ms", unit="ms", health="ok", error="",
        evaluated_ms=1000, value=2.431,
    )  # fmt: skip
    step = Step(stage=Stage.EVALUATION, verdict="passed", words="Slow fires", detail=expr)
    told = msgspec.structs.replace(HELD, steps=(step,))
    slow = msgspec.structs.replace(KNOWN, rule=rule, now=(told,), history=())
    with answering(200, {"alerts": [slow]}) as (url, _):
        short, long = (
            CliRunner().invoke(app, ["why", "Slow", "--url", url, *more]).output
            for more in ((), ("--verbose",))
        )
    assert "(tocsin.yaml): p95_response_time > 2000ms for 5m, now 2,431 ms\n" in short
    assert expr not in short
    assert f"as PromQL: {expr}" in long
    assert f"Slow fires — {expr}" in long
