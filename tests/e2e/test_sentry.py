"""What Sentry's SDKs send becomes issues, traces and lines, and its tools find them again."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cramjam
import pytest

from tests.e2e import programs
from tests.e2e.client import Answer, Client
from tests.e2e.conftest import Guarded
from tests.e2e.product import Product
from tests.waiting import eventually

pytestmark = pytest.mark.slow

_LIMIT_SECONDS = 180
_CLIENTS = Path(__file__).parent / "clients" / "node_modules"


def issues(tocsin: Product, project: int | str, query: str) -> list[dict[str, Any]]:
    """The issues that Sentry's own address lists."""
    path = f"/api/0/projects/tocsin/{project}/issues/"
    answer = tocsin.client.get(path, query=query)
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json
    return found


def spans(tocsin: Product, path: str) -> set[str]:
    """The names of a trace's spans, none while it is not there."""
    answer = tocsin.client.get(path)
    if answer.status != 200:
        return set()
    return {one["operationName"] for one in answer.json["data"][0]["spans"]}


def envelope(*items: tuple[dict[str, Any], object], **header: Any) -> bytes:
    """As JavaScript's SDKs write one: without lengths."""
    lines = [json.dumps(header)]
    for head, payload in items:
        lines += [json.dumps(head), json.dumps(payload)]
    return "\n".join(lines).encode()


def send(client: Client, project: int, body: bytes, *, query: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.send("POST", f"/api/{project}/envelope/{query}", body, named)


_PYTHON = """
import logging, os, sys
import sentry_sdk
base, run = os.environ["BASE"], os.environ["RUN"]
sentry_sdk.init(dsn=base.replace("://", "://%s@" % ("a" * 32)) + "/21", environment="production",
                release="shop@1.2.3", traces_sample_rate=1.0, enable_logs=True)
sentry_sdk.set_user({"id": "u42"})
sentry_sdk.set_tag("run", run)
def charge_card(card):
    secret_token = "do-not-keep"
    return 1 // len(card)
with sentry_sdk.start_transaction(op="task", name="charge job") as tx:
    with sentry_sdk.start_span(op="db", name="SELECT emissions"):
        pass
    sentry_sdk.add_breadcrumb(category="cart", message="checkout pressed", data={"items": 3})
    try:
        charge_card("")
    except ZeroDivisionError as error:
        error.args = ("card declined " + run,)
        sentry_sdk.capture_exception(error)
    logging.getLogger("billing").error("disk nearly full %s", run)
sentry_sdk.flush(timeout=60)
print(tx.trace_id)
"""


def test_the_python_sdk_works_unchanged(tocsin: Product, tmp_path: Path) -> None:
    pytest.importorskip("sentry_sdk", reason="sentry-sdk is not installed")
    run = uuid.uuid4().hex[:12]
    script = tmp_path / "shop.py"
    script.write_text(_PYTHON)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "BASE": tocsin.http, "RUN": run},
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    both = eventually(lambda: found if len(found := issues(tocsin, 21, run)) == 2 else [])
    found = {one["title"]: one for one in both}
    issue = found[f"ZeroDivisionError: card declined {run}"]
    assert (issue["count"], issue["level"], issue["culprit"]) == (
        "1",
        "error",
        "__main__ in charge_card",
    )
    assert f"disk nearly full {run}" in found
    latest = tocsin.client.get(f"/api/0/issues/{issue['id']}/events/latest/").json
    assert latest["user"]["id"] == "u42"
    assert {"key": "release", "value": "shop@1.2.3"} in latest["tags"]
    assert {"key": "run", "value": run} in latest["tags"]
    kinds = {one["type"]: one["data"]["values"] for one in latest["entries"]}
    frame = kinds["exception"][0]["stacktrace"]["frames"][-1]
    assert (frame["function"], frame["inApp"]) == ("charge_card", True)
    assert frame["vars"]["secret_token"] == "[field]"
    assert kinds["breadcrumbs"][-1]["message"] == "checkout pressed"
    path = f"/jaeger/api/traces/{done.stdout.strip()}"
    eventually(lambda: spans(tocsin, path) == {"charge job", "SELECT emissions"})
    asked = f'"disk nearly full {run}"'
    said = eventually(lambda: tocsin.client.get("/api/logs/search", q=asked).json["lines"])
    assert [one["source"] for one in said] == ["sentry"]


_NODE = """
const Sentry = require('@sentry/node');
Sentry.init({
  dsn: process.env.BASE.replace('://', '://' + 'b'.repeat(32) + '@') + '/22',
  release: 'web@2.0.0', environment: 'production', tracesSampleRate: 1.0,
});
Sentry.setTag('run', process.env.RUN);
function chargeCard(card) { return card.number.length; }
Sentry.startSpan({ name: 'checkout', op: 'task' }, () => {
  try { chargeCard({}); } catch (error) { Sentry.captureException(error); }
  Sentry.captureMessage('cart abandoned ' + process.env.RUN);
});
Sentry.flush(60000).then((done) => process.exit(done ? 0 : 1));
"""


def test_the_node_sdk_works_unchanged(tocsin: Product, tmp_path: Path) -> None:
    if not (_CLIENTS / "@sentry" / "node").is_dir():
        pytest.skip("@sentry/node is not installed: run scripts/peers.sh")
    run = uuid.uuid4().hex[:12]
    script = tmp_path / "web.cjs"
    script.write_text(_NODE)
    done = subprocess.run(
        [programs.path_of("node"), str(script)],
        env={**os.environ, "NODE_PATH": str(_CLIENTS), "BASE": tocsin.http, "RUN": run},
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = eventually(lambda: issues(tocsin, 22, f"abandoned {run}"))
    assert said["title"] == f"cart abandoned {run}"
    [thrown, *_] = eventually(
        lambda: [one for one in issues(tocsin, 22, "TypeError") if "length" in one["title"]]
    )
    latest = tocsin.client.get(f"/api/0/issues/{thrown['id']}/events/latest/").json
    frames = latest["entries"][0]["data"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "chargeCard"
    trace = next(
        one["contexts"]["trace"]["trace_id"] for one in [latest] if "trace" in one["contexts"]
    )
    eventually(lambda: "checkout" in spans(tocsin, f"/jaeger/api/traces/{trace}"))


def event(run: str, **more: Any) -> dict[str, Any]:
    frames = [{"function": "main", "filename": "app.js", "in_app": True}]
    thrown = {"type": "TypeError", "value": f"no {run}", "stacktrace": {"frames": frames}}
    return {"platform": "javascript", "exception": {"values": [thrown]}, **more}


@pytest.mark.parametrize("encoding", ["", "gzip", "br", "zstd", "deflate"])
def test_bodies_may_be_compressed(tocsin: Product, encoding: str) -> None:
    run = uuid.uuid4().hex[:12]
    body = envelope(({"type": "event"}, event(run, event_id=uuid.uuid4().hex)))
    pack: dict[str, Callable[[bytes], Any]] = {  # Any: bytes, or cramjam's own buffers
        "": bytes,
        "gzip": gzip.compress,
        "br": cramjam.brotli.compress,
        "zstd": cramjam.zstd.compress,
        "deflate": cramjam.zlib.compress,
    }
    answer = send(tocsin.client, 23, bytes(pack[encoding](body)), Content_Encoding=encoding)
    assert answer.status == 200, answer.text
    assert len(answer.json["id"]) == 32
    assert issues(tocsin, 23, run)


def test_old_sdks_store_one_event(tocsin: Product) -> None:
    run = uuid.uuid4().hex[:12]
    answer = tocsin.client.post_json("/api/24/store/", event(run, event_id="C" * 32))
    assert (answer.status, answer.json) == (200, {"id": "c" * 32})
    assert issues(tocsin, 24, run)[0]["count"] == "1"


def test_browsers_report_what_a_policy_blocked(tocsin: Product) -> None:
    report = {"csp-report": {"effective-directive": "img-src", "blocked-uri": "https://e.x/a.png"}}
    answer = tocsin.client.send("POST", "/api/24/security/", json.dumps(report).encode())
    assert answer.status == 201, answer.text
    assert issues(tocsin, 24, "img-src")[0]["title"] == "Blocked img-src from https://e.x"


HOSTILE = {
    "no envelope": (b"hello", 400),
    "nothing at all": (b"", 400),
    "a header nested without end": (b'{"a":' * 50_000, 400),
    "an event nested without end": (b'{}\n{"type":"event"}\n{"a":' + b"[" * 200_000 + b"\n", 200),
    "an event that is no object": (b'{}\n{"type":"event"}\n[1,2]\n', 200),
    "an event of numbers where texts belong": (
        envelope(({"type": "event"}, {"message": 5, "tags": 7, "user": [], "exception": "x",
                 "contexts": {"trace": 3}, "breadcrumbs": 4, "timestamp": "never", "level": {}})),
        200,
    ),
    "a million frames": (
        envelope(({"type": "event"}, {"exception": {"values": [{"type": "E", "stacktrace": {
            "frames": [{"function": "f"}] * 40_000}}]}})),
        200,
    ),
    "an event that is larger than may be": (
        envelope(({"type": "event"}, {"message": "x" * 2_000_000})),
        200,
    ),
    "a lone surrogate": (b'{}\n{"type":"event"}\n{"message":"\\ud800 broken"}\n', 200),
    "a transaction without ids": (envelope(({"type": "transaction"}, {"spans": [1]})), 200),
    "a session of nonsense": (envelope(({"type": "session"}, {"sid": [], "errors": "x"})), 200),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_harm_nobody(tocsin: Product, body: bytes, status: int) -> None:
    run = uuid.uuid4().hex[:12]
    answer = send(tocsin.client, 25, body)
    assert answer.status == status, answer.text
    if status == 200:
        good = b"\n" + envelope(({"type": "event"}, event(run)))[2:].lstrip()
        assert send(tocsin.client, 25, body.rstrip() + good).status == 200
        assert issues(tocsin, 25, run), "the good part is kept"


def test_a_bomb_is_refused(tocsin: Product) -> None:
    bomb = gzip.compress(b"{}\n" + b"0" * 140_000_000, 1)
    assert send(tocsin.client, 25, bomb, Content_Encoding="gzip").status == 413


def test_crash_free_sessions_are_counted(tocsin: Product) -> None:
    release = f"web@{uuid.uuid4().hex[:8]}"
    named = {"release": release, "environment": "prod"}
    for number in range(4):
        one = {"sid": uuid.uuid4().hex, "attrs": named, "status": "ok"}
        items = [({"type": "session"}, {**one, "init": True})]
        if number == 0:
            items.append(({"type": "session"}, {**one, "status": "crashed", "errors": 1}))
        assert send(tocsin.client, 26, envelope(*items)).status == 200

    def health() -> list[dict[str, Any]]:
        found = tocsin.client.get("/api/errors/health").json
        return [one for one in found if one["release"] == release and one["sessions"] == 4]

    (shown,) = eventually(health)
    assert (shown["sessions"], shown["crashed"]) == (4, 1)
    assert shown["crash_free"] == 0.75


def test_a_span_that_records_an_exception_is_an_error_of_its_service(tocsin: Product) -> None:
    run, trace = uuid.uuid4().hex[:12], uuid.uuid4().hex
    now = time.time_ns()
    told = {"exception.type": "ValueError", "exception.message": f"no {run}"}
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in told.items()]
    span = {
        "traceId": trace,
        "spanId": "ab" * 8,
        "name": "pay",
        "kind": 2,
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 1_000_000),
        "events": [{"name": "exception", "timeUnixNano": str(now), "attributes": attributes}],
    }
    resource = [{"key": "service.name", "value": {"stringValue": "pay-api"}}]
    body = {
        "resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": [span]}]}]
    }
    assert tocsin.client.post_json("/v1/traces", body).status == 200
    (issue,) = eventually(lambda: issues(tocsin, "default", run))
    assert issue["title"] == f"ValueError: no {run}"
    of_trace = tocsin.client.get(f"/api/errors/traces/{trace}").json
    assert [(one["source"], one["service"]) for one in of_trace] == [("spans", "pay-api")]


def test_keys_are_asked_for_wherever_an_sdk_puts_them(guarded: Guarded) -> None:
    client, run = guarded.product.client, uuid.uuid4().hex[:12]
    body = envelope(({"type": "event"}, event(run)))
    key = guarded.ingest_key
    assert send(client, 1, body).status == 401
    assert send(client, 1, body, query=f"?sentry_key={key}&sentry_version=7").status == 200
    header = f"Sentry sentry_key={key}, sentry_version=7, sentry_client=x/1"
    assert send(client, 1, body, X_Sentry_Auth=header).status == 200
    tunnelled = envelope(({"type": "event"}, event(run)), dsn=f"http://{key}@tocsin.example/1")
    assert send(client, 1, tunnelled).status == 200
    assert send(client, 1, envelope(dsn="http://wrong@tocsin.example/1")).status == 401


def test_a_browsers_key_works_from_its_origin(guarded: Guarded) -> None:
    query = f"?sentry_key={guarded.browser_key}&sentry_version=7"
    body = envelope(({"type": "event"}, event(uuid.uuid4().hex)))
    answer = send(guarded.product.client, 1, body, query=query, Origin="https://shop.example.com")
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://shop.example.com"
    assert "X-Sentry-Rate-Limits" in answer.headers["access-control-expose-headers"]
    assert send(guarded.product.client, 1, body, query=query, Origin="https://e.x").status == 401
    origin = "https://shop.example.com"
    refused = send(guarded.product.client, 777, body, query=query, Origin=origin)
    assert refused.status == 404, "a public key makes no project"
