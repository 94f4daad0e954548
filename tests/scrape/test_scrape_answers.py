"""What targets answer: bombs, broken texts, silence, redirects."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from aiohttp import web

from tests.scrape.managing import plan, scrape
from tests.scrape.servers import Kept, Page, serve
from tocsin.kit.clock import SystemClock
from tocsin.scrape.manager import ScrapeManager


async def test_a_gzip_bomb_is_refused(manager: ScrapeManager) -> None:
    bomb = gzip.compress(b"#" * 50_000_000)
    page = Page(bomb, headers={"Content-Encoding": "gzip"})
    async with serve(page) as address:
        await manager.apply(plan(address, "    body_size_limit: 1MB"))
        assert "larger than" in (await scrape(manager)).error
        page.body = gzip.compress(b"a 1\n")
        assert (await scrape(manager)).samples_scraped == 1


BROKEN = [
    pytest.param(Page(b"<html>", "text/html"), "fallback_scrape_protocol", id="HTML"),
    pytest.param(Page(b"a 1\n", ""), "Content-Type", id="no content type"),
    pytest.param(Page(b"a 1\nb x\n"), "line 2", id="a bad line"),
    pytest.param(Page(b'a{b="\xff"} 1\n'), "UTF-8", id="no UTF-8"),
    pytest.param(Page(b"a 1\n", "application/openmetrics-text"), "# EOF", id="no EOF"),
    pytest.param(Page(b"a 1\n", headers={"Content-Encoding": "gzip"}), "gzip", id="no gzip"),
]


@pytest.mark.parametrize(("page", "words"), BROKEN)
async def test_a_broken_answer_is_explained(
    manager: ScrapeManager, kept: Kept, page: Page, words: str
) -> None:
    async with serve(page) as address:
        await manager.apply(plan(address))
        assert words in (await scrape(manager)).error
    assert kept.values("up") == [0.0]


async def test_a_fallback_reads_what_has_no_type(manager: ScrapeManager) -> None:
    async with serve(Page(b"a 1\n", "")) as address:
        await manager.apply(plan(address, "    fallback_scrape_protocol: PrometheusText0.0.4"))
        assert (await scrape(manager)).error == ""


async def test_nobody_there_is_said(manager: ScrapeManager) -> None:
    async with serve(Page()) as address:
        pass
    await manager.apply(plan(address))
    words = f"cannot connect to {address}: connection refused"
    assert (await scrape(manager)).error == words


async def test_a_hung_target_times_out(kept: Kept) -> None:
    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    manager = ScrapeManager(kept, kept, SystemClock())
    async with serve(Page(answer=hang)) as address:
        await manager.apply(plan(address, "    scrape_timeout: 50ms"))
        assert "no complete answer within 0.05 s" in (await scrape(manager)).error
        await manager.stop()


async def test_redirects_are_followed_unless_forbidden_and_never_for_ever(
    manager: ScrapeManager,
) -> None:
    async def redirect(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/there":
            return web.Response(text="a 1\n", content_type="text/plain")
        target = "/for-ever" if request.path == "/for-ever" else "/there"
        return web.Response(status=302, headers={"Location": target})

    async with serve(Page(answer=redirect)) as address:
        await manager.apply(plan(address))
        assert (await scrape(manager)).error == ""
        await manager.apply(plan(address, "    follow_redirects: false"))
        assert (await scrape(manager)).error == "server returned HTTP status 302"
        await manager.apply(plan(address, "    metrics_path: /for-ever"))
        assert (await scrape(manager)).error == "more than 10 redirects"


async def test_a_raw_http_1_0_answer_is_read(manager: ScrapeManager) -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\na 1\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await manager.apply(plan(f"127.0.0.1:{port}"))
        assert (await scrape(manager)).error == ""
