"""Does a port take connections, and say what it should?"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.uptime.certificate import note_certificate
from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.finding import Around, Down, Numbers

_LARGEST_BYTES = 64 << 10
_CLOSING_SECONDS = 1.0


async def probe(monitor: MonitorConfig, around: Around, numbers: Numbers) -> None:
    """Implements `finding.Probe`."""
    server = monitor.tcp
    try:
        context = around.contexts.of(monitor.tls_config) if monitor.tls else None
    except Rejected as error:
        raise Down("configuration", str(error)) from error
    try:
        reader, writer = await asyncio.open_connection(
            server.host,
            server.port,
            ssl=context,
            server_hostname=(monitor.tls_config.server_name or server.host) if context else None,
            limit=_LARGEST_BYTES,
        )
    except socket.gaierror as error:
        raise Down("resolve", f"cannot resolve the host name {server.host}") from error
    except ssl.SSLError as error:
        raise Down("tls", f"no TLS with {server}: {error}"[:300]) from error
    except OSError as error:
        raise Down("connect", f"cannot connect to {server}: {error.strerror or error}") from error
    try:
        note_certificate(writer.get_extra_info("ssl_object"), numbers)
        await _talk(monitor, reader, writer)
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):  # it was asked; how it ends does not matter
            async with asyncio.timeout(_CLOSING_SECONDS):
                await writer.wait_closed()


async def _talk(
    monitor: MonitorConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        if monitor.send:
            writer.write(monitor.send.encode())
            await writer.drain()
        if monitor.matches:
            await _expect(monitor, reader)
    except OSError as error:
        raise Down("answer", f"the connection broke: {error.strerror or error}") from error


async def _expect(monitor: MonitorConfig, reader: asyncio.StreamReader) -> None:
    pattern = compile_pattern(monitor.matches)
    said = b""
    while pattern.search(said.decode("utf-8", "replace")) is None:
        more = await reader.read(_LARGEST_BYTES)
        said += more
        if not more or len(said) > _LARGEST_BYTES:
            shown = said[:100].decode("utf-8", "replace")
            raise Down("content", f"answered {shown!r}, which does not match {monitor.matches!r}")
