"""Lines are told as they come, to those who may, and only for as long as they may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from tests.web.connection import Connection, Message
from tests.web.log_site import NOW_NS, LogSite, log_site
from tests.web.site import Site, open_site
from tocsin.ingest.logs import tail
from tocsin.ingest.logs.config import LogsConfig
from tocsin.ingest.logs.intake import LogIntake
from tocsin.kit.clock import FakeClock
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.state.tokens import Scope, Tokens
from tocsin.state.users import Role
from tocsin.store.client import Store
from tocsin.web.api import logs, loki_tail
from tocsin.web.api.log_stream import Tailing
from tocsin.web.guard import Guard
from tocsin.web.lease import ENDED

SECOND = 10**9
PATH = "/api/logs/tail"
BEFORE = [
    LogRecord(ts_ns=NOW_NS - n * SECOND, body=f"old {n}", service="api", level=9, source="s")
    for n in range(1, 6)
]


@dataclass(slots=True)
class Tails:
    """An application with both tails behind the real guard, and what publishes lines."""

    app: Starlette
    people: Site
    lines: LogSite
    count: int = 0

    def come(self, *bodies: str, service: str = "api") -> None:
        """Publish lines as the writer's intake does."""
        self.count += 1
        records = tuple(
            LogRecord(ts_ns=NOW_NS + self.count * SECOND, body=one, service=service, level=17)
            for one in bodies
        )
        self.lines.tail.publish(LogBatch(records=records, key=100 + self.count, taken_ms=0))

    async def keep(self, body: str, key: int) -> None:
        """Keep a line and publish it."""
        one = LogRecord(ts_ns=NOW_NS, body=body, service="api", level=17)
        batch = LogBatch(records=(one,), key=key, taken_ms=NOW_NS // 10**6)
        await self.lines.writer.write(batch)
        self.lines.tail.publish(batch)

    async def key(self, name: str = "grafana", expires_at: int | None = None) -> tuple[str, int]:
        """A new key that may read, and its number."""
        text, token = await self.people.people.tokens.create(
            name, [Scope.READ], created_by="bo", expires_at=expires_at
        )
        return text, token.id

    def events(self, key: str, **params: object) -> Connection:
        """The tail of Server-Sent Events."""
        return Connection(self.app, "http", PATH, params, _bearer(key))

    def socket(self, key: str, query: str = '{service_name="api"}', **params: object) -> Connection:
        """Loki's tail."""
        asked = {"query": query, **params}
        return Connection(self.app, "websocket", loki_tail.PATH, asked, _bearer(key))


def _bearer(key: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {key}"), ("host", "tocsin.test")] if key else []


@pytest.fixture
async def tails(store: Store, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Tails]:
    users = {"bo": Role.ADMIN, "vi": Role.VIEWER}
    async with (
        open_site(tmp_path, clock, users=users) as people,
        log_site(store, tmp_path / "lines", logs.ADDRESSES, BEFORE) as lines,
    ):
        guarded = Guard(people.authenticator).routes(logs.ADDRESSES)
        follow = WebSocketRoute(loki_tail.PATH, loki_tail.tailing(people.authenticator))
        app = Starlette(routes=[*guarded, follow])
        app.state.services = lines.app.state.services
        app.state.people = people.people
        yield Tails(app, people, lines)


async def test_a_line_that_comes_has_the_id_that_it_is_kept_by(tails: Tails) -> None:
    key, _ = await tails.key()
    async with tails.events(key) as stream:
        await stream.until(b"caught_up")
        await tails.keep("brand new", 77)
        body = await stream.until(b"brand new")
    shown = msgspec.json.decode(body.rpartition(b"data: ")[2])
    assert b"id: " + shown["id"].encode() in body
    kept = await tails.lines.search.line(shown["id"])
    assert (kept.body, kept.id) == ("brand new", f"{NOW_NS}-77-0")


async def test_a_tails_link_opens_a_line_before_which_rules_left_others_out(tails: Tails) -> None:
    intake = LogIntake(
        tails.lines.writer,
        FakeClock(NOW_NS // SECOND),
        LogsConfig(),
        steps=[lambda given: [one for one in given if "noise" not in one.body]],
        tail=tails.lines.tail,
    )
    bodies = ("noise", "first", "noise", "second")
    records = [LogRecord(ts_ns=NOW_NS, body=one, service="api") for one in bodies]
    key, _ = await tails.key()
    async with tails.events(key) as stream:
        await stream.until(b"caught_up")
        await intake.take(records, protocol="test", key=78)
        body = await stream.until(b'"second"')
    events = [part.partition(b"\n\n")[0] for part in body.split(b"data: ")]
    told = [msgspec.json.decode(one) for one in events if b'"message"' in one]
    ids = {one["message"]: one["id"] for one in told}
    assert ids == {"first": f"{NOW_NS}-78-1", "second": f"{NOW_NS}-78-3"}
    for text, line_id in ids.items():
        assert (await tails.lines.search.line(line_id)).body == text


async def test_a_stream_that_begins_again_tells_no_line_twice(tails: Tails) -> None:
    key, _ = await tails.key()
    async with tails.events(key, since="now-1h") as stream:
        body = await stream.until(b"caught_up")
    assert body.count(b"event: line") == 5
    last = body.rpartition(b"id: ")[2].partition(b"\n")[0].decode()
    headers = [*_bearer(key), ("last-event-id", last)]
    async with Connection(tails.app, "http", PATH, {}, headers) as again:
        body = await again.until(b"caught_up")
        assert b"event: line" not in body
        tails.come("brand new")
        await again.until(b"brand new")


async def test_a_tail_ends_when_its_key_is_revoked(tails: Tails) -> None:
    key, number = await tails.key()
    async with tails.events(key) as stream, tails.socket(key) as socket:
        await stream.until(b"caught_up")
        assert (await socket.message())["type"] == "websocket.accept"
        tails.come("seen")
        await stream.until(b"seen")
        assert (await socket.told())["streams"][0]["values"][0][1] == "seen"
        await tails.people.people.tokens.revoke(number)
        await tails.people.clock.advance(3)
        tails.come("not seen any more")
        body = await stream.until(b"event: ended")
        assert b"not seen" not in body
        message = await socket.message()
        assert (message["code"], message["reason"]) == (1008, ENDED)
        await stream.over()
        await socket.over()


async def test_a_tail_ends_when_another_process_revokes_its_key(tails: Tails) -> None:
    key, number = await tails.key()
    async with tails.events(key) as stream:
        await stream.until(b"caught_up")
        await Tokens(tails.people.database, tails.people.clock).revoke(number)
        await tails.people.clock.advance(3)
        tails.come("not seen any more")
        assert b"not seen" not in await stream.until(b"event: ended")


async def test_a_tail_ends_when_its_key_expires(tails: Tails) -> None:
    key, _ = await tails.key(expires_at=tails.people.clock.now_ms() + 60_000)
    async with tails.events(key) as stream:
        await stream.until(b"caught_up")
        await tails.people.clock.advance(59)
        tails.come("still seen")
        await stream.until(b"still seen")
        await tails.people.clock.advance(3)
        tails.come("not seen any more")
        assert b"not seen" not in await stream.until(b"event: ended")


async def test_a_tail_ends_when_its_person_logs_out(tails: Tails) -> None:
    browser, _ = await tails.people.logged_in("vi")
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = [("cookie", cookie), ("host", "tocsin.test")]
    async with Connection(tails.app, "http", PATH, {}, headers) as stream:
        await stream.until(b"caught_up")
        (secret,) = browser.cookies.values()
        session = await tails.people.people.sessions.find(secret)
        assert session is not None
        await tails.people.people.sessions.end(session.hash)
        await tails.people.clock.advance(3)
        tails.come("not seen any more")
        assert b"not seen" not in await stream.until(b"event: ended")


async def test_one_caller_cannot_take_the_tails_of_all(tails: Tails) -> None:
    key, _ = await tails.key()
    other, _ = await tails.key("other")
    async with AsyncExitStack() as open_ones:
        for _ in range(tail.MOST_OF_ONE):
            stream = await open_ones.enter_async_context(tails.events(key))
            await stream.until(b"caught_up")
        async with tails.events(key) as refused:
            assert await refused.status() == 429
        async with tails.socket(key) as socket:
            assert (await socket.message())["type"] == "websocket.accept"
            assert (await socket.message())["code"] == 1013
        async with tails.events(other) as stream:
            await stream.until(b"caught_up")


async def test_grafana_follows_lines_and_what_was_said_before(tails: Tails) -> None:
    key, _ = await tails.key()
    start = NOW_NS - 3 * SECOND
    query = '{service_name="api"} |= "o" | label_format shout="yes"'
    async with tails.socket(key, query, start=start, limit=2) as socket:
        assert (await socket.message())["type"] == "websocket.accept"
        before = (await socket.told())["streams"]
        assert [value[1] for stream in before for value in stream["values"]] == ["old 2", "old 1"]
        tails.come("other", service="web")
        tails.come("quiet", "one more")
        (stream,) = (await socket.told())["streams"]
        assert stream["stream"]["shout"] == "yes"
        assert stream["stream"]["service_name"] == "api"
        assert stream["values"] == [[str(NOW_NS + 2 * SECOND), "one more"]]


async def test_a_tail_that_is_too_slow_is_told_so(tails: Tails) -> None:
    key, _ = await tails.key()
    async with tails.socket(key) as socket:
        assert (await socket.message())["type"] == "websocket.accept"
        tails.come("first")
        await socket.told()
        # One batch that fills all the room, and one that finds none.
        tails.come(*["x" * 1_000] * 20_000)
        tails.come("lost", "and lost")
        lost = 0
        while not lost:
            dropped = (await socket.told()).get("dropped_entries", [])
            lost = sum(int(one["labels"]["lines"]) for one in dropped)
        assert lost == 2


async def test_who_reads_nothing_loses_its_place() -> None:
    ended = asyncio.Event()

    async def parts() -> AsyncGenerator[bytes]:
        try:
            yield b"first"
            yield b"second"
        finally:
            ended.set()

    async def stuck(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    class Impatient(Tailing):
        patience_seconds = 0.001

    await Impatient(parts()).stream_response(stuck)
    assert ended.is_set()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param('rate({service_name="api"}[1m])', 1003, id="a metric query"),
        pytest.param("{", 1003, id="no query"),
    ],
)
async def test_what_cannot_be_followed_is_told(tails: Tails, query: str, code: int) -> None:
    key, _ = await tails.key()
    async with tails.socket(key, query) as socket:
        assert (await socket.message())["type"] == "websocket.accept"
        message = await socket.message()
        assert message["code"] == code
        assert message["reason"]


async def test_nobody_follows_without_a_key_or_from_another_site(tails: Tails) -> None:
    async with tails.socket("") as socket:
        message = await socket.message()
        assert (message["type"], message["code"]) == ("websocket.close", 1008)
    ingest, _ = await tails.people.people.tokens.create("in", [Scope.INGEST], created_by="bo")
    async with tails.socket(ingest) as socket:
        assert (await socket.message())["code"] == 1008
    browser, _ = await tails.people.logged_in("vi")
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = [("cookie", cookie), ("host", "tocsin.test"), ("origin", "https://evil.test")]
    asked = {"query": '{service_name="api"}'}
    async with Connection(tails.app, "websocket", loki_tail.PATH, asked, headers) as socket:
        message = await socket.message()
        assert (message["type"], message["code"]) == ("websocket.close", 1008)
        assert "another site" in message["reason"]
