"""The syslog ports: every framing, every transport, and no more memory than is allowed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.asgi import KeptLines
from tests.notify.secure_proxy import certificate
from tests.waiting import until
from tocsin.ingest.logs.config import LogsConfig, SyslogConfig
from tocsin.ingest.logs.intake import LogIntake
from tocsin.ingest.logs.quota import KeyLimit, LimitsConfig
from tocsin.ingest.logs.syslog import Syslog
from tocsin.ingest.logs.syslog_framing import Framer
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Permanent, Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.tasks import Tasks

MESSAGES = [b"<13>one", b"<11>two words", b"<34>Jan  1 00:00:00 h su: three"]


@pytest.mark.parametrize(
    "data",
    [
        b"".join(b"%d %s" % (len(one), one) for one in MESSAGES),
        b"".join(one + b"\n" for one in MESSAGES),
        b"".join(one + b"\r\n" for one in MESSAGES),
        b"".join(one + b"\x00" for one in MESSAGES),
        b"7 <13>one<11>two words\n" + b"%d %s" % (len(MESSAGES[2]), MESSAGES[2]),
    ],
    ids=["octet counting", "line feeds", "CR LF", "NUL", "both"],
)
@given(cuts=st.lists(st.integers(0, 100), max_size=5))
def test_messages_are_found_however_the_stream_is_cut(data: bytes, cuts: list[int]) -> None:
    framer, found, at = Framer(1000), [], 0
    for cut in [*sorted(cuts), len(data)]:
        found += framer.feed(data[at:cut])
        at = max(at, cut)
    assert [one.strip(b"\r") for one in found] == MESSAGES
    assert framer.rest() == b""


@pytest.mark.parametrize(
    "long", [b"<13>" + b"x" * 5_000 + b"\n", b"5004 <13>" + b"x" * 5_000], ids=["line", "counted"]
)
@given(cuts=st.lists(st.integers(0, 5_100), max_size=5))
def test_a_message_too_long_is_cut_and_the_next_one_is_whole(long: bytes, cuts: list[int]) -> None:
    framer, found, at, data = Framer(100), [], 0, long + b"<13>next\n"
    for cut in [*sorted(cuts), len(data)]:
        found += framer.feed(data[at:cut])
        at = max(at, cut)
    assert [len(one) for one in found] == [100, 8]
    assert framer.cut == 1


@given(st.lists(st.binary(max_size=50) | st.sampled_from([b"1 ", b"99999999 <", b"<"]), max_size=9))
def test_any_bytes_are_cut_into_bounded_messages(pieces: list[bytes]) -> None:
    framer = Framer(20)
    found = [one for piece in pieces for one in framer.feed(piece)]
    assert all(len(one) <= 20 for one in found)
    assert len(framer.rest()) <= 20


@asynccontextmanager
async def listening(
    folder: Path, limits: LimitsConfig | None = None, **config: str | int
) -> AsyncIterator[tuple[Syslog, KeptLines]]:
    """A listener that has kept everything and ended on return."""
    clock, kept, tasks = SystemClock(), KeptLines(), Tasks(SystemClock())
    intake = LogIntake(kept, clock, LogsConfig(limits=limits or LimitsConfig()))
    syslog = Syslog(intake, SyslogConfig(**config), clock)  # type: ignore[arg-type]  # texts and numbers by name
    await syslog.start(tasks, folder)
    try:
        yield syslog, kept
    finally:
        await syslog.stop()
        await tasks.stop_all()


async def test_datagrams_become_lines(tmp_path: Path) -> None:
    async with listening(tmp_path, udp="127.0.0.1:0") as (syslog, kept):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for message in (*MESSAGES, b'<14>1 - - app - - - {"level":"error","msg":"inner"}'):
                sender.sendto(message, ("127.0.0.1", syslog.ports["udp"]))
        await until(lambda: len(kept.records) >= 4)
    by_body = {record.body: record for record in kept.records}
    one, three, inner = by_body["one"], by_body["three"], by_body["inner"]
    assert (one.body, one.host, one.source, one.level) == ("one", "127.0.0.1", "syslog", 10)
    assert (three.service, three.host) == ("su", "h")
    assert (inner.body, inner.level, inner.service) == ("inner", 17, "app")


async def test_streams_become_lines_even_without_a_last_line_feed(tmp_path: Path) -> None:
    async with listening(tmp_path, tcp="127.0.0.1:0") as (syslog, kept):
        _, writer = await asyncio.open_connection("127.0.0.1", syslog.ports["tcp"])
        writer.write(b"<13>first\n11 <13>counted<13>last")
        await writer.drain()
        writer.close()
        await until(lambda: len(kept.records) >= 3)
    assert [one.body for one in kept.records] == ["first", "counted", "last"]


async def test_what_waits_is_kept_in_the_end(tmp_path: Path) -> None:
    async with listening(tmp_path, udp="127.0.0.1:0") as (syslog, kept):
        for number in range(500):
            syslog.datagram_received(b"<13>%d" % number, ("10.0.0.1", 1))
    assert len(kept.records) == 500


async def test_nothing_is_lost_of_a_stream_whose_sender_heeds_the_end(tmp_path: Path) -> None:
    said = 0
    async with listening(tmp_path, tcp="127.0.0.1:0") as (syslog, kept):
        reader, writer = await asyncio.open_connection("127.0.0.1", syslog.ports["tcp"])

        async def send() -> None:
            nonlocal said
            while not reader.at_eof():
                writer.write(b"".join(b"<13>%d\n" % number for number in range(said, said + 100)))
                said += 100
                await writer.drain()
                await asyncio.sleep(0)

        sending = asyncio.create_task(send())
        await until(lambda: len(kept.records) >= 1_000)
    await sending
    writer.close()
    assert [int(one.body) for one in kept.records] == list(range(said))


async def test_a_sender_that_never_ends_does_not_keep_the_ports_open(tmp_path: Path) -> None:
    async with listening(tmp_path, tcp="127.0.0.1:0") as (syslog, kept):
        _, writer = await asyncio.open_connection("127.0.0.1", syslog.ports["tcp"])

        async def send() -> None:
            with suppress(ConnectionError):
                while True:
                    writer.write(b"<13>more\n")
                    await writer.drain()
                    await asyncio.sleep(0)

        sending = asyncio.create_task(send())
        await until(lambda: len(kept.records) >= 10)
    await sending
    assert writer.is_closing()


async def test_datagrams_over_the_limit_are_dropped_and_use_no_memory(tmp_path: Path) -> None:
    async with listening(tmp_path, udp="127.0.0.1:0") as (syslog, kept):
        for _ in range(30_000):
            syslog.datagram_received(b"<13>x", ("10.0.0.1", 1))
    assert len(kept.records) == 20_000


LIMITS = LimitsConfig(keys={"*": KeyLimit(lines_per_second=10, burst=Duration(10))})


async def test_datagrams_beyond_their_senders_limit_are_dropped(tmp_path: Path) -> None:
    async with listening(tmp_path, LIMITS, udp="127.0.0.1:0") as (syslog, kept):
        for number in range(300):
            syslog.datagram_received(b"<13>x", ("10.0.0.1", 1))
            if number < 50:
                syslog.datagram_received(b"<13>y", ("10.0.0.2", 1))
    found = Counter(one.host for one in kept.records)
    assert found["10.0.0.2"] == 50
    assert 100 <= found["10.0.0.1"] < 200


async def test_a_connection_over_its_limit_waits_and_loses_nothing(tmp_path: Path) -> None:
    limits = LimitsConfig(keys={"*": KeyLimit(lines_per_second=1_000, burst=Duration(0))})
    async with listening(tmp_path, limits, tcp="127.0.0.1:0") as (syslog, kept):
        _, writer = await asyncio.open_connection("127.0.0.1", syslog.ports["tcp"])
        writer.write(b"".join(b"<13>%d\n" % number for number in range(1_100)))
        await writer.drain()
        writer.close()
        await until(lambda: len(kept.records) >= 1_100)
    assert [one.body for one in kept.records] == [str(number) for number in range(1_100)]


async def test_too_many_connections_are_turned_away(tmp_path: Path) -> None:
    async with listening(tmp_path, tcp="127.0.0.1:0", max_connections=1) as (syslog, kept):
        _, first = await asyncio.open_connection("127.0.0.1", syslog.ports["tcp"])
        first.write(b"<13>in\n")
        await until(lambda: len(kept.records) >= 1)
        reader, second = await asyncio.open_connection("127.0.0.1", syslog.ports["tcp"])
        assert await reader.read() == b""
        for writer in (first, second):
            writer.close()


async def test_tls_is_spoken(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    names = {"certificate": cert.name, "key": key.name}
    async with listening(tmp_path, None, tls="127.0.0.1:0", **names) as (syslog, kept):
        context = ssl.create_default_context(cafile=str(cert))
        _, writer = await asyncio.open_connection(
            "127.0.0.1", syslog.ports["tls"], ssl=context, server_hostname="localhost"
        )
        writer.write(b"13 <13>encrypted")
        await writer.drain()
        writer.close()
        await until(lambda: len(kept.records) >= 1)
    assert kept.records[0].body == "encrypted"


async def test_ports_open_and_close_and_what_stays_is_not_touched(tmp_path: Path) -> None:
    async with listening(tmp_path, tcp="127.0.0.1:0", udp="127.0.0.1:0") as (syslog, kept):
        before = syslog.ports
        _, stays = await asyncio.open_connection("127.0.0.1", before["tcp"])
        stays.write(b"<13>before\n")
        await until(lambda: len(kept.records) >= 1)
        cert, key = certificate(tmp_path)
        tls = SyslogConfig(
            tcp="127.0.0.1:0", tls="127.0.0.1:0", certificate=cert.name, key=key.name
        )
        await syslog.apply(tls, tmp_path)
        assert syslog.ports.keys() == {"tcp", "tls"}
        assert syslog.ports["tcp"] == before["tcp"]
        stays.write(b"<13>after\n")
        await until(lambda: len(kept.records) >= 2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", before["udp"]))  # nobody has it any more
        tls_port = syslog.ports["tls"]
        cert.touch()
        await syslog.apply(tls, tmp_path)
        assert syslog.ports["tcp"] == before["tcp"]
        assert syslog.ports["tls"] != tls_port, "a renewed certificate is read"
        stays.write(b"<13>the last")
        await syslog.apply(SyslogConfig(), tmp_path)
        assert syslog.ports == {}
        await until(lambda: len(kept.records) >= 3)
        stays.close()
    assert [one.body for one in kept.records] == ["before", "after", "the last"]


async def test_ports_stay_as_they_were_when_another_one_is_taken(tmp_path: Path) -> None:
    async with listening(tmp_path, tcp="127.0.0.1:0") as (taken, _):
        number = taken.ports["tcp"]
        async with listening(tmp_path, udp="127.0.0.1:0") as (syslog, kept):
            wrong = SyslogConfig(udp="127.0.0.1:0", tcp=f"127.0.0.1:{number}")
            with pytest.raises(Permanent, match=r"logs\.syslog"):
                await syslog.apply(wrong, tmp_path)
            missing = SyslogConfig(tls="127.0.0.1:0", certificate="no.pem", key="no.key")
            with pytest.raises(Permanent, match=r"no\.pem"):
                await syslog.apply(missing, tmp_path)
            assert syslog.ports.keys() == {"udp"}
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(MESSAGES[0], ("127.0.0.1", syslog.ports["udp"]))
            await until(lambda: len(kept.records) >= 1)


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    async with listening(tmp_path, tcp="127.0.0.1:0") as (syslog, _):
        with pytest.raises(Permanent, match=r"logs\.syslog"):
            async with listening(tmp_path, tcp=f"127.0.0.1:{syslog.ports['tcp']}"):
                pass


@pytest.mark.parametrize(
    "config", [{"udp": "514"}, {"tcp": "h:x"}, {"tls": "127.0.0.1:0"}], ids=str
)
def test_a_mistake_in_the_configuration_is_told(config: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        SyslogConfig(**config)  # type: ignore[arg-type]  # texts by name
