"""Syslog over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425). Off unless configured.

Datagrams beyond what waits are dropped and counted; connections are read no faster than lines are
kept.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tocsin.ingest.logs.config import SyslogConfig
from tocsin.ingest.logs.intake import LogIntake
from tocsin.ingest.logs.line import adopt_form
from tocsin.ingest.logs.syslog_framing import Framer
from tocsin.ingest.logs.syslog_message import parse
from tocsin.ingest.logs.syslog_ports import (
    Connection,
    Port,
    Wanted,
    cannot_listen,
    open_datagrams,
    open_stream,
    tls_context,
    unchanged,
    wanted_ports,
)
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary, TooMuch
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
_RETRY_SECONDS = 1.0

_Message = tuple[bytes, str]
"""As it came, and the sender's address."""


class Syslog(asyncio.DatagramProtocol):
    """The ports, and what hands their messages over as lines."""

    def __init__(self, intake: LogIntake, config: SyslogConfig, clock: Clock) -> None:
        self._intake = intake
        self._config = config
        self._clock = clock
        self._queue: asyncio.Queue[_Message] = asyncio.Queue(_WAITING)
        self._open: dict[str, Port] = {}
        self._context: ssl.SSLContext | None = None

    @property
    def ports(self) -> dict[str, int]:
        """The numbers of the ports that are open: "udp", "tcp", "tls"."""
        return {name: port.number for name, port in self._open.items()}

    async def start(self, tasks: Tasks, folder: Path) -> None:
        """Listen where the configuration says; certificates are found from `folder` on.

        Raises Permanent when that cannot be.
        """
        tasks.start("ingest_syslog", self.run)
        await self.apply(self._config, folder)

    async def apply(self, config: SyslogConfig, folder: Path) -> None:
        """Open and close ports as another configuration, or a renewed certificate, says. What stays
        the same is not touched; what is closed is read to its end.

        Raises Permanent when an address cannot be listened on or a certificate cannot be read:
        then everything is as it was.
        """
        wanted, context = wanted_ports(config, folder), tls_context(config, folder)
        staying = unchanged(self._open, wanted)
        before = {name: port for name, port in self._open.items() if name not in staying}
        fresh = {name: one for name, one in wanted.items() if name not in staying}
        for port in before.values():
            port.close_listening()
        self._open = {name: self._open[name] for name in staying}
        try:
            await self._listen(fresh, context)
        except OSError as error:
            await self._listen_again(before)
            raise cannot_listen(error) from error
        self._config, self._context = config, context
        for connection in self._connections():
            connection.patience_seconds = float(config.idle)
        await asyncio.gather(*(port.say_farewell() for port in before.values()))
        if before or fresh:
            _log.info("syslog_listens", **self.ports)

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
        for port in self._open.values():
            port.close_listening()
        await asyncio.gather(*(port.say_farewell() for port in self._open.values()))
        await self._queue.join()

    async def _listen(self, wanted: Mapping[str, Wanted], context: ssl.SSLContext | None) -> None:
        """Open all of them, or none."""
        opened: dict[str, Port] = {}
        try:
            for name, one in wanted.items():
                if name == "udp":
                    opened[name] = await open_datagrams(one, self)
                else:
                    opened[name] = await open_stream(
                        one, context if name == "tls" else None, self._connect
                    )
        except OSError:
            for port in opened.values():
                port.close_listening()
            raise
        self._open |= opened

    async def _listen_again(self, before: Mapping[str, Port]) -> None:
        """Open what was closed for others that could not be opened."""
        for name, port in before.items():
            try:
                await self._listen({name: port.wanted}, self._context)
            except OSError as error:
                _log.error("syslog_port_lost", port=name, error=str(error))
            else:
                again = self._open[name]
                port.connections |= again.connections
                again.connections = port.connections

    def _connections(self) -> list[Connection]:
        return [one for port in self._open.values() for one in port.connections]

    async def _connect(
        self, port: Port, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task, config = asyncio.current_task(), self._config
        if task is None or len(self._connections()) >= config.max_connections:
            _turned_away.inc()
            writer.close()
            return
        connection = Connection(reader, writer, task, float(config.idle))
        port.connections.add(connection)
        _connected.inc()
        try:
            await self._read(connection)
        finally:
            port.connections.discard(connection)
            _connected.dec()
            writer.close()

    async def _read(self, connection: Connection) -> None:
        framer, peer = Framer(int(self._config.max_message)), connection.peer
        with suppress(ConnectionError, TimeoutError, ssl.SSLError):
            while data := await connection.chunk():
                for message in framer.feed(data):
                    await self._put(message, peer)
        _cut.inc(framer.cut)
        if rest := framer.rest().strip():
            await self._put(rest, peer)

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
