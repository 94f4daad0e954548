"""The child speaks ClickHouse's HTTP protocol, and refuses what is not."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator

import aiohttp
import cramjam
import pytest

from tocsin.store.child import EngineChild
from tocsin.store.client import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http(engine: EngineChild, empty_store: Store) -> AsyncIterator[aiohttp.ClientSession]:
    """A plain HTTP client with the password; its queries find `t`."""
    await empty_store.command("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    headers = {
        "X-ClickHouse-User": "default",
        "X-ClickHouse-Key": engine.endpoint.password,
        "X-Database": empty_store.database,
    }
    async with aiohttp.ClientSession(engine.endpoint.url, headers=headers) as session:
        yield session


@pytest.fixture
def database(empty_store: Store) -> dict[str, str]:
    return {"database": empty_store.database}


async def test_ping_needs_no_password(engine: EngineChild) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{engine.endpoint.url}/ping") as answer,
    ):
        assert (answer.status, await answer.text()) == (200, "Ok.\n")


async def test_a_query_comes_by_get_by_post_or_by_both(http: aiohttp.ClientSession) -> None:
    async with http.get("/", params={"query": "SELECT 1 + 1"}) as answer:
        assert await answer.text() == "2\n"
        assert "read_rows" in answer.headers["X-ClickHouse-Summary"]
    async with http.post("/", data="SELECT 3 FORMAT JSONCompactEachRow") as answer:
        assert await answer.text() == "[3]\n"
    params = {"query": "SELECT {x:String},", "param_x": "a'b", "default_format": "CSV"}
    async with http.post("/", params=params, data="4") as answer:
        assert await answer.text() == '"a\'b",4\n'


BODIES = [
    pytest.param(b"1\ta\n2\tb\n", "", id="as it is"),
    pytest.param(gzip.compress(b"1\ta\n2\tb\n"), "gzip", id="gzip"),
    pytest.param(bytes(cramjam.zstd.compress(b"1\ta\n2\tb\n")), "zstd", id="zstd"),
    pytest.param(bytes(cramjam.lz4.compress(b"1\ta\n2\tb\n")), "lz4", id="lz4"),
]


@pytest.mark.parametrize(("body", "encoding"), BODIES)
async def test_an_insert_takes_its_rows_from_the_body(
    http: aiohttp.ClientSession, database: dict[str, str], body: bytes, encoding: str
) -> None:
    params = database | {"query": "INSERT INTO t (a, b) FORMAT TabSeparated"}
    async with http.post("/", params=params, data=body, headers=_encoded(encoding)) as answer:
        assert answer.status == 200, await answer.text()
    async with http.get("/", params=database | {"query": "SELECT * FROM t ORDER BY a"}) as answer:
        assert await answer.text() == "1\ta\n2\tb\n"


async def test_a_chunked_body_and_inline_values_are_inserts_too(
    http: aiohttp.ClientSession, database: dict[str, str]
) -> None:
    async def rows() -> AsyncIterator[bytes]:
        yield b"INSERT INTO t FORMAT JSONEachRow\n"
        yield b'{"a": 1, "b": "x"}\n'

    for data in (rows(), b"INSERT INTO t VALUES (2, 'y')"):
        async with http.post("/", params=database, data=data) as answer:
            assert answer.status == 200, await answer.text()
    async with http.get("/", params=database | {"query": "SELECT b FROM t ORDER BY a"}) as answer:
        assert await answer.text() == "x\ny\n"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        pytest.param("SELECT 1 FROM nope", 404, "60", id="an unknown table is not found"),
        pytest.param("SELEC 1", 400, "62", id="a syntax error is a bad request"),
        pytest.param("", 400, "62", id="no query at all"),
    ],
)
async def test_an_error_has_a_status_and_a_code(
    http: aiohttp.ClientSession, query: str, status: int, code: str
) -> None:
    async with http.get("/", params={"query": query}) as answer:
        assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (status, code)
        assert f"Code: {code}." in await answer.text()


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param({}, id="none"),
        pytest.param({"X-ClickHouse-Key": "guess"}, id="a guess"),
        pytest.param({"Authorization": "Basic !"}, id="nonsense"),
        pytest.param({"Authorization": "Basic ZGVmYXVsdDp4"}, id="a basic guess"),
    ],
)
async def test_nobody_gets_in_without_the_password(
    engine: EngineChild, auth: dict[str, str]
) -> None:
    async with (
        aiohttp.ClientSession(headers=auth) as session,
        session.get(engine.endpoint.url, params={"query": "SELECT 1"}) as answer,
    ):
        assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (401, "516")


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "lz4"])
async def test_a_bomb_is_refused_without_inflating_it_whole(
    http: aiohttp.ClientSession, database: dict[str, str], encoding: str
) -> None:
    zeros = bytes(300 << 20)
    packed = {
        "gzip": lambda: gzip.compress(zeros, 1),
        "zstd": lambda: bytes(cramjam.zstd.compress(zeros)),
        "lz4": lambda: bytes(cramjam.lz4.compress(zeros)),
    }[encoding]()
    params = database | {"query": "INSERT INTO t FORMAT RowBinary"}
    data = io.BytesIO(packed)
    async with http.post("/", params=params, data=data, headers=_encoded(encoding)) as answer:
        assert answer.status in (400, 413)


async def test_a_body_that_says_it_is_huge_is_refused_before_it_is_read(
    engine: EngineChild,
) -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n"
    key = f"X-ClickHouse-Key: {engine.endpoint.password}\r\n\r\n".encode()
    assert (await _raw(engine, head + key)).startswith(b"HTTP/1.1 413")
    assert (await _raw(engine, head + b"\r\n")).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"GET / HTTP/9\r\n\r\n", id="a version of its own"),
        pytest.param(b"GET /" + b"x" * (2 << 20), id="an endless address"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="a negative length"),
    ],
)
async def test_what_is_not_http_is_answered_and_closed(
    engine: EngineChild, request_: bytes
) -> None:
    answer = await _raw(engine, request_)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


async def _raw(engine: EngineChild, request: bytes) -> bytes:
    port = int(engine.endpoint.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def _encoded(encoding: str) -> dict[str, str]:
    return {"Content-Encoding": encoding} if encoding else {}
