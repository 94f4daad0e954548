"""`tocsin logs` follows a real Tocsin: what was said, and what is said then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid

import pytest

from tests.e2e.product import Product

pytestmark = pytest.mark.slow


def said(tocsin: Product, service: str, *messages: str) -> None:
    at = time.time_ns() // 1_000_000
    documents = [{"timestamp": at + n, "message": one} for n, one in enumerate(messages)]
    body = "\n".join(map(json.dumps, documents)).encode()
    answer = tocsin.client.send("POST", f"/api/logs/lines?service={service}", body)
    assert answer.status == 200, answer.text


def test_lines_are_followed_as_they_come(tocsin: Product) -> None:
    service = f"told-{uuid.uuid4().hex[:8]}"
    said(tocsin, service, "before")
    command = [sys.executable, "-m", "tocsin", "logs", f"service:{service}", "--follow"]
    process = subprocess.Popen(
        [*command, "-o", "json", "--url", tocsin.http],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        said(tocsin, service, "then", "and then")
        rest = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert [one["message"] for one in (first, *rest)] == ["before", "then", "and then"]
    assert (process.returncode, out, err) == (0, b"", b"")
    for one in rest:  # a line that has just come is found by its id like any other
        found = tocsin.client.get(f"/api/logs/lines/{one['id']}")
        assert found.json["message"] == one["message"]
