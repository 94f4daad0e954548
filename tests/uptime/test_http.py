"""An address is up when it answers as it should; what is wrong is said in words and in one word."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509

from tests.notify.secure_proxy import certificate
from tests.scrape.servers import Page, serve
from tocsin.kit.clock import SystemClock
from tocsin.kit.typed import decode
from tocsin.kit.yaml import loads
from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.finding import Finding
from tocsin.uptime.prober import Prober


def monitor(url: str, more: str = "") -> MonitorConfig:
    return decode(loads(f"{{name: web, url: '{url}', retries: 0{more}}}"), MonitorConfig)


async def ask(url: str, more: str = "", folder: Path = Path()) -> Finding:
    prober = Prober(SystemClock())
    prober.configure((), folder)
    return await prober.ask(monitor(url, more))


@pytest.mark.parametrize(
    ("page", "more", "reason", "words"),
    [
        pytest.param(Page(b"fine"), "", "", "", id="a good answer"),
        pytest.param(Page(status=204), "", "", "", id="an answer without a body"),
        pytest.param(Page(status=503), "", "status", "answered 503 Service", id="a bad status"),
        pytest.param(Page(status=503), ", status: [5xx]", "", "", id="a bad one that is right"),
        pytest.param(Page(status=404), ", status: [200, 404]", "", "", id="one of several"),
        pytest.param(Page(b"ok: 1"), ", contains: 'ok: 1'", "", "", id="a text is there"),
        pytest.param(Page(b"ko"), ", contains: ok", "content", "not contain 'ok'", id="is not"),
        pytest.param(Page(b"v12"), ", matches: 'v[0-9]+'", "", "", id="a pattern matches"),
        pytest.param(Page(b"vX"), ", matches: 'v[0-9]+'", "content", "not match", id="it does not"),
        pytest.param(
            Page(b"Error"), ", lacks: '(?i)error'", "content", "must not", id="it must not"
        ),
        pytest.param(
            Page(gzip.compress(b"fine"), headers={"Content-Encoding": "gzip"}),
            ", contains: fine",
            "",
            "",
            id="a compressed answer",
        ),
        pytest.param(
            Page(gzip.compress(bytes(50 << 20)), headers={"Content-Encoding": "gzip"}),
            ", contains: fine",
            "content",
            "cannot be read",
            id="a bomb",
        ),
    ],
)
async def test_an_answer_is_judged(page: Page, more: str, reason: str, words: str) -> None:
    async with serve(page) as address:
        found = await ask(f"http://{address}/health", more)
    assert (found.is_up, found.reason) == (not reason, reason)
    assert words in found.words
    assert found.numbers.values["probe_http_status_code"] == page.status
    assert {"connect", "processing", "transfer"} <= set(found.numbers.phases)


async def test_it_is_asked_as_the_configuration_says() -> None:
    page = Page(b"")
    async with serve(page) as address:
        more = (
            ", method: POST, body: '{}', basic_auth: {username: me, password: hush},"
            " http_headers: {X-Key: {secrets: [deep]}}"
        )
        found = await ask(f"http://{address}/a?b=c", more)
    (asked,) = page.asked
    assert found.is_up
    assert (asked.method, asked.path_qs) == ("POST", "/a?b=c")
    assert asked.headers["Authorization"] == "Basic bWU6aHVzaA=="
    assert asked.headers["X-Key"] == "deep"


async def test_redirects_are_followed_or_judged() -> None:
    async def there(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/new":
            return web.Response(text="here")
        return web.Response(status=302, headers={"Location": "/new"})

    async with serve(Page(answer=there)) as address:
        followed = await ask(f"http://{address}/", ", contains: here")
        judged = await ask(f"http://{address}/", ", follow_redirects: false")
    assert followed.is_up
    assert followed.numbers.values["probe_http_redirects"] == 1
    assert judged.words == "answered 302 Found; 2xx is right"


async def test_a_server_that_hangs_is_given_up_in_time() -> None:
    async def hangs(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async with serve(Page(answer=hangs)) as address:
        found = await ask(f"http://{address}/", ", timeout: 200ms")
    assert (found.reason, found.words) == ("timeout", "no complete answer within 200ms")


async def test_nobody_there_is_told() -> None:
    async with serve(Page()) as address:
        pass
    nobody = await ask(f"http://{address}/")
    assert (nobody.reason, "connection refused" in nobody.words) == ("connect", True)


@pytest.mark.parametrize(
    ("tls", "reason"),
    [
        pytest.param("{ca_file: cert.pem, server_name: localhost}", "", id="trusted"),
        pytest.param("{insecure_skip_verify: true}", "", id="not verified"),
        pytest.param("{}", "tls", id="nobody vouches for it"),
    ],
)
async def test_a_certificate_is_looked_at(tmp_path: Path, tls: str, reason: str) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    async with serve(Page(status=204), tls=context) as address:
        found = await ask(f"https://{address}/", f", tls_config: {tls}", tmp_path)
    assert found.reason == reason
    if not reason:
        ends = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
        told = found.numbers.values["probe_ssl_earliest_cert_expiry"]
        assert timedelta(seconds=told) == timedelta(seconds=ends.timestamp())
