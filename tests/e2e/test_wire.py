"""What clients put on the wire that servers often refuse: raw URLs, chunks, kept connections."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.product import Product
from tests.e2e.programs import output_of, path_of
from tests.waiting import eventually

pytestmark = pytest.mark.slow

RAW = [
    "rate(http_requests_total[24h])",
    'rate(http_requests_total{status_code=~"5.."}[24h])',
    "rate(http_request_duration_seconds_sum[24h])/rate(http_request_duration_seconds_count[24h])",
    "increase(http_requests_total[24h])",
]
"""Queries that a shell script writes into an URL as they are."""


@pytest.mark.parametrize("promql", RAW)
def test_curl_may_leave_a_query_unescaped_in_the_url(tocsin: Product, promql: str) -> None:
    command = [path_of("curl"), "-gsS", f"{tocsin.http}/api/v1/query?query={promql}"]
    answer = json.loads(output_of(command))
    assert (answer["status"], answer["data"]["resultType"]) == ("success", "vector")


def test_letters_beyond_ascii_may_stand_raw_in_the_url(tocsin: Product) -> None:
    query = '/api/v1/query?query=absent({name="größe"})'.encode()
    answer = _exchange(tocsin, b"GET " + query + b" HTTP/1.0\r\n\r\n")
    assert '"name":"größe"'.encode() in answer


def _exchange(tocsin: Product, request: bytes) -> bytes:
    at = urlsplit(tocsin.http)
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=60) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def _event(name: str) -> bytes:
    return json.dumps({"name": name, "value": 4.5}).encode()


def _name() -> str:
    return f"wire_{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_in_chunks_is_read_whole(tocsin: Product, encoding: str) -> None:
    name = _name()
    body = gzip.compress(_event(name)) if encoding else _event(name)

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    connection = http.client.HTTPConnection(urlsplit(tocsin.http).netloc, timeout=60)
    headers = {"Content-Encoding": encoding} if encoding else {}
    connection.request("POST", "/api/metrics", chunks(), headers, encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, json.load(response)) == (200, {"success": True})
    connection.close()
    assert tocsin.client.values(name) == {name: 4.5}


def test_a_program_waits_for_100_continue_and_gets_it(tocsin: Product) -> None:
    name = _name()
    command = [path_of("curl"), "-sS", "--expect100-timeout", "60", "-H", "Expect: 100-continue"]
    command += ["--data-binary", _event(name).decode(), f"{tocsin.http}/api/metrics"]
    assert json.loads(output_of(command)) == {"success": True}
    assert tocsin.client.values(name) == {name: 4.5}


def test_an_offer_of_http_2_costs_no_body(tocsin: Product) -> None:
    """Java's HttpClient offers it with every request, on every connection."""
    name = _name()
    connection = http.client.HTTPConnection(urlsplit(tocsin.http).netloc, timeout=60)
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAEAAE"}
    for _ in range(3):
        connection.request("POST", "/api/metrics", _event(name), offer)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b'{"success":true}')
    connection.close()
    assert tocsin.client.values(f"{name}_events_total") == {f"{name}_events_total": 3.0}


def test_many_requests_go_over_one_connection(tocsin: Product) -> None:
    name = _name()
    connection = http.client.HTTPConnection(urlsplit(tocsin.http).netloc, timeout=60)
    connection.connect()
    first = connection.sock
    for turn in range(20):
        body = json.dumps({"name": name, "value": turn, "timestamp": _at(turn)}).encode()
        connection.request("POST", "/api/metrics", body, {"Content-Type": "application/json"})
        assert connection.getresponse().read() == b'{"success":true}'
        connection.request("GET", "/api/v1/query?query=1")
        assert connection.getresponse().read().startswith(b'{"status":"success"')
    assert connection.sock is first
    connection.close()
    (samples,) = tocsin.client.samples(name).values()
    assert [value for _, value in samples] == [str(turn) for turn in range(20)]


def _at(turn: int) -> int:
    return int(time.time() * 1000) - 30_000 + turn * 1000


def test_requests_sent_ahead_are_answered_in_order(tocsin: Product) -> None:
    one = b"GET /api/v1/query?query=%d HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
    requests = b"".join(one % (n, b"Connection: close\r\n" if n == 3 else b"") for n in (1, 2, 3))
    answer = _exchange(tocsin, requests)
    found = [answer.index(b'"%d"]' % n) for n in (1, 2, 3)]
    assert found == sorted(found)


@pytest.mark.parametrize("host", [b"", b"Host: localhost\r\n"])
def test_http_1_0_is_answered_and_the_connection_closed(tocsin: Product, host: bytes) -> None:
    answer = _exchange(tocsin, b"GET /api/v1/query?query=7 HTTP/1.0\r\n" + host + b"\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"200"
    assert json.loads(body)["data"]["result"][1] == "7"


def test_http_1_0_may_post(tocsin: Product) -> None:
    name = _name()
    body = _event(name)
    head = b"POST /api/metrics HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert _exchange(tocsin, head + body).endswith(b'{"success":true}')
    assert eventually(lambda: tocsin.client.values(name)) == {name: 4.5}


def test_the_daily_reports_queries_are_answered_by_a_shell_script(
    tocsin: Product, tmp_path: Path
) -> None:
    """As scripts do it: curl told by its configuration not to glob, jq behind it."""
    name = _name()
    tocsin.client.post_json("/api/metrics", {"name": name, "value": 3})
    (tmp_path / "curlrc").write_text("globoff\nsilent\n")
    script = f"""curl -K {tmp_path / "curlrc"} "{tocsin.http}/api/v1/query?query=""" + (
        f"""sum_over_time({name}{{job!~\\"5..\\"}}[24h])" | {path_of("jq")} -r """
        """'.data.result[0].value[1]'"""
    )
    path_of("curl")
    assert output_of([path_of("bash"), "-c", script]).strip() == "3"
