"""Syslog over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425). Off unless configured.

Datagrams beyond what waits are dropped and counted; connections are read no faster than lines are
kept.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from contextlib import suppress
from pathlib import Path

from tocsin.ingest.logs.config import SyslogConfig
from tocsin.ingest.logs.intake import LogIntake
from tocsin.ingest.logs.line import adopt_form
from tocsin.ingest.logs.syslog_framing import Framer
from tocsin.ingest.logs.syslog_message import parse
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent, Temporary, TooMuch
from tocsin.kit.tasks import Tasks
from tocsin.model.logs import LogRecord

_log = log.get("ingest.syslog")
_dropped = gauge.counter("syslog_dropped", "Syslog datagrams dropped: too many waited.")
_over_limit = gauge.counter(
    "syslog_over_limit", "Syslog datagrams dropped: their sender sent more than it may."
)
_cut = gauge.counter("syslog_cut", "Syslog messages that were too long and were cut.")
_connected = gauge.gauge("syslog_connections", "Syslog connections that are open.")
_turned_away = gauge.counter("syslog_turned_away", "Syslog connections over the limit.")

_WAITING = 20_000
_AT_ONCE = 2_000
_ON_LOOP = 50
_CHUNK = 64 << 10
_RETRY_SECONDS = 1.0
_QUIET_SECONDS = 0.2
_LAST_SECONDS = 1.0

_Message = tuple[bytes, str]
"""As it came, and the sender's address."""


class Syslog(asyncio.DatagramProtocol):
    """The ports, and what hands their messages over as lines."""

    def __init__(self, intake: LogIntake, config: SyslogConfig, clock: Clock) -> None:
        self._intake = intake
        self._config = config
        self._clock = clock
        self._queue: asyncio.Queue[_Message] = asyncio.Queue(_WAITING)
        self._transport: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._waits: set[asyncio.Timeout] = set()
        self._patience_seconds = float(config.idle)
        self.ports: dict[str, int] = {}
        """What was taken: "udp", "tcp", "tls"."""

    async def start(self, tasks: Tasks, folder: Path) -> None:
        """Listen where the configuration says; certificates are found from `folder` on.

        Raises Permanent when that cannot be.
        """
        config = self._config
        try:
            if config.udp:
                await self._listen_udp(*_place(config.udp))
            if config.tcp:
                await self._listen("tcp", *_place(config.tcp), None)
            if config.tls:
                await self._listen("tls", *_place(config.tls), _context(config, folder))
        except (OSError, ssl.SSLError) as error:
            raise Permanent(f"cannot listen for syslog: {error}; see logs.syslog") from error
        if self.ports:
            _log.info("syslog_listens", **self.ports)
            tasks.start("ingest_syslog", self.run)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Queue a datagram; beyond the queue's size, or its sender's limit, it is dropped and
        counted."""
        try:
            self._intake.quota.admit(_sender(addr[0]), 1, len(data))
            self._queue.put_nowait((data[: int(self._config.max_message)], addr[0]))
        except TooMuch:
            _over_limit.inc()
        except asyncio.QueueFull:
            _dropped.inc()

    async def run(self) -> None:
        """Keep what comes, for ever; what cannot be kept now is tried again."""
        while True:
            messages = [await self._queue.get(), *self._waiting(_AT_ONCE - 1)]
            await self._keep(messages)
            for _ in messages:
                self._queue.task_done()

    async def stop(self) -> None:
        """Close the ports; returns when what waits is kept, which `run` does."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        for server in self._servers:
            server.close()
        if self._connections:
            await self._say_farewell()
        await self._queue.join()

    async def _say_farewell(self) -> None:
        """Tell every sender that nothing more is taken, and read what is on its way: nobody
        acknowledges syslog, so what is left unread is lost."""
        for writer in self._connections.values():
            if writer.can_write_eof():
                with suppress(OSError):
                    writer.write_eof()
        self._patience_seconds = _QUIET_SECONDS
        until = asyncio.get_running_loop().time() + _QUIET_SECONDS
        for wait in self._waits:
            wait.reschedule(until)
        _, late = await asyncio.wait(self._connections, timeout=_LAST_SECONDS)
        for connection in late:
            connection.cancel()
        if late:
            await asyncio.wait(late)

    async def _listen_udp(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(host, port)
        )
        self.ports["udp"] = int(self._transport.get_extra_info("sockname")[1])

    async def _listen(
        self, name: str, host: str, port: int, context: ssl.SSLContext | None
    ) -> None:
        server = await asyncio.start_server(self._connect, host, port, ssl=context)
        self._servers.append(server)
        self.ports[name] = int(server.sockets[0].getsockname()[1])

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= self._config.max_connections:
            _turned_away.inc()
            writer.close()
            return
        self._connections[task] = writer
        _connected.set(len(self._connections))
        try:
            peer = writer.get_extra_info("peername")
            await self._read(reader, str(peer[0]) if peer else "")
        finally:
            del self._connections[task]
            _connected.set(len(self._connections))
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, peer: str) -> None:
        framer = Framer(int(self._config.max_message))
        with suppress(ConnectionError, TimeoutError, ssl.SSLError):
            while data := await self._chunk(reader):
                for message in framer.feed(data):
                    await self._put(message, peer)
        _cut.inc(framer.cut)
        if rest := framer.rest().strip():
            await self._put(rest, peer)

    async def _chunk(self, reader: asyncio.StreamReader) -> bytes:
        """What comes next, nothing at the end; raises TimeoutError when that takes too long."""
        async with asyncio.timeout(self._patience_seconds) as wait:
            self._waits.add(wait)
            try:
                return await reader.read(_CHUNK)
            finally:
                self._waits.discard(wait)

    async def _put(self, message: bytes, peer: str) -> None:
        """Queue a message, once its sender may send it: a connection over its limit is read no
        faster, so that its other end keeps what it has."""
        while True:
            try:
                self._intake.quota.admit(_sender(peer), 1, len(message))
            except TooMuch as error:
                await self._clock.sleep(error.retry_after or _RETRY_SECONDS)
            else:
                await self._queue.put((message, peer))
                return

    def _waiting(self, most: int) -> list[_Message]:
        found: list[_Message] = []
        while len(found) < most and not self._queue.empty():
            found.append(self._queue.get_nowait())
        return found

    async def _keep(self, messages: list[_Message]) -> None:
        while True:
            try:
                await self._take(messages)
            except Temporary as error:
                _log.warning("syslog_waits", lines=len(messages), error=str(error))
                await self._clock.sleep(error.retry_after or _RETRY_SECONDS)
            else:
                return

    async def _take(self, messages: list[_Message]) -> None:
        now_ns = self._intake.now_ns()
        if len(messages) <= _ON_LOOP:
            records = _records(messages, now_ns)
        else:
            records = await asyncio.to_thread(_records, messages, now_ns)
        # Nobody repeats a syslog message, so each batch is one of its own.
        key = secrets.randbits(64)
        await self._intake.take(records, protocol="syslog", key=key, sender=None)


def _sender(address: str) -> str:
    """How a machine is called in limits and costs: a syslog message carries no key."""
    return f"syslog {address}"


def _records(messages: list[_Message], now_ns: int) -> list[LogRecord]:
    found: list[LogRecord] = []
    for data, peer in messages:
        record = adopt_form(parse(data, now_ns=now_ns), now_ns=now_ns)
        record.host = record.host or peer
        record.source = "syslog"
        found.append(record)
    return found


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "0.0.0.0", int(port)


def _context(config: SyslogConfig, folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / config.certificate, folder / config.key)
    if config.client_ca:
        context.load_verify_locations(folder / config.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
