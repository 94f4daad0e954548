"""Which ports does syslog listen on, and how do they become others without losing messages?"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.ingest.logs.config import SyslogConfig
from tocsin.kit.fault import Permanent

_QUIET_SECONDS = 0.2
_LAST_SECONDS = 1.0
_CHUNK = 64 << 10

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A port as the configuration wants it; another certificate makes it another port."""

    address: str
    files: tuple[tuple[Path, Stamp], ...] = ()


@dataclass(eq=False, slots=True)
class Connection:
    """One sender's connection, which is read until it is silent for too long."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    task: asyncio.Task[None]
    patience_seconds: float
    _wait: asyncio.Timeout | None = None

    @property
    def peer(self) -> str:
        """The sender's address."""
        found = self.writer.get_extra_info("peername")
        return str(found[0]) if found else ""

    async def chunk(self) -> bytes:
        """What comes next, nothing at the end; raises TimeoutError when that takes too long."""
        async with asyncio.timeout(self.patience_seconds) as self._wait:
            try:
                return await self.reader.read(_CHUNK)
            finally:
                self._wait = None

    def say_farewell(self) -> None:
        """Tell the sender that nothing more is taken, and be patient with it no longer."""
        if self.writer.can_write_eof():
            with suppress(OSError):
                self.writer.write_eof()
        self.patience_seconds = _QUIET_SECONDS
        if self._wait is not None:
            self._wait.reschedule(asyncio.get_running_loop().time() + _QUIET_SECONDS)


Serve = Callable[["Port", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(eq=False, slots=True)
class Port:
    """A port that is open, and its connections."""

    wanted: Wanted
    number: int
    close_listening: Callable[[], None]
    connections: set[Connection] = field(default_factory=set)

    async def say_farewell(self) -> None:
        """End the connections once what is on its way is read: nobody acknowledges syslog, so what
        is left unread is lost."""
        if not self.connections:
            return
        for connection in self.connections:
            connection.say_farewell()
        tasks = [connection.task for connection in self.connections]
        _, late = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


def wanted_ports(config: SyslogConfig, folder: Path) -> dict[str, Wanted]:
    """By "udp", "tcp" and "tls"; certificates are found from `folder` on.

    Raises Permanent for one that cannot be read.
    """
    found = {
        name: Wanted(address)
        for name, address in (("udp", config.udp), ("tcp", config.tcp))
        if address
    }
    if config.tls:
        names = filter(None, (config.certificate, config.key, config.client_ca))
        files = tuple((folder / name, _stamp(folder / name)) for name in names)
        found["tls"] = Wanted(config.tls, files)
    return found


def tls_context(config: SyslogConfig, folder: Path) -> ssl.SSLContext | None:
    """What TLS is spoken with; None when it is not wanted. Raises Permanent for bad files."""
    if not config.tls:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / config.certificate, folder / config.key)
        if config.client_ca:
            context.load_verify_locations(folder / config.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise cannot_listen(error) from error
    return context


async def open_datagrams(wanted: Wanted, protocol: asyncio.DatagramProtocol) -> Port:
    """Raises OSError when the address cannot be taken."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: protocol, local_addr=_place(wanted.address)
    )
    return Port(wanted, _number(transport.get_extra_info("socket")), transport.close)


async def open_stream(wanted: Wanted, context: ssl.SSLContext | None, serve: Serve) -> Port:
    """Raises OSError when the address cannot be taken."""
    made: list[Port] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(made[0], reader, writer)

    server = await asyncio.start_server(
        connected, *_place(wanted.address), ssl=context, start_serving=False
    )
    port = Port(wanted, _number(server.sockets[0]), server.close)
    made.append(port)
    await server.start_serving()
    return port


def unchanged(open_: Mapping[str, Port], wanted: Mapping[str, Wanted]) -> set[str]:
    """The ports that stay as they are."""
    return {name for name, port in open_.items() if wanted.get(name) == port.wanted}


def cannot_listen(error: Exception) -> Permanent:
    """What is told of an address or a certificate that is of no use."""
    return Permanent(f"cannot listen for syslog: {error}; see logs.syslog")


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError as error:
        raise cannot_listen(error) from error
    return status.st_mtime_ns, status.st_ino


def _number(one: socket.socket) -> int:
    return int(one.getsockname()[1])


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "0.0.0.0", int(port)
