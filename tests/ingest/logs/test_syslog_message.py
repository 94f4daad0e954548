"""Syslog messages as daemons, relays and appliances send them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.ingest.logs.syslog_message import parse

NOW_NS = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp()) * 1_000_000_000

MESSAGES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "RFC 5424 with structured data": (
        b"<165>1 2026-01-01T22:14:15.003Z mymachine.example.com evntslog 77 ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="App\\"lication"] \xef\xbb\xbfAn event',
        {
            "body": "An event",
            "level": 10,
            "service": "evntslog",
            "host": "mymachine.example.com",
            "at": "2026-01-01T22:14:15.003000+00:00",
            "process.pid": "77",
            "syslog.msgid": "ID47",
            "exampleSDID.eventSource": 'App"lication',
            "syslog.facility": "local4",
        },
    ),
    "RFC 5424 with nothing but a text": (
        b"<11>1 - - - - - - it happened",
        {"body": "it happened", "level": 17, "service": "", "host": ""},
    ),
    "RFC 5424 without a text": (b"<34>1 2026-01-01T00:00:00Z h a - - -", {"body": ""}),
    "RFC 3164": (
        b"<34>Jan  1 22:14:15 mymachine su: 'su root' failed for lonvick",
        {
            "body": "'su root' failed for lonvick",
            "level": 18,
            "service": "su",
            "host": "mymachine",
            "at": "2026-01-01T22:14:15+00:00",
            "syslog.facility": "auth",
        },
    ),
    "of last year": (b"<13>Dec 31 23:59:59 h a[1]: x", {"at": "2025-12-31T23:59:59+00:00"}),
    "without a host": (
        b"<14>Jan  1 00:00:00 sshd[77]: hello",
        {"service": "sshd", "host": "", "process.pid": "77", "body": "hello"},
    ),
    "rsyslog's precise times": (
        b"<14>2026-01-01T22:14:15.003+01:00 web-1 app[9]: hello",
        {"service": "app", "host": "web-1", "at": "2026-01-01T21:14:15.003000+00:00"},
    ),
    "a Cisco's": (
        b"<189>Jan  1 2026 00:00:00 UTC: %SYS-5-CONFIG_I: Configured from console",
        {"body": "%SYS-5-CONFIG_I: Configured from console", "level": 10},
    ),
    "nothing but a priority": (b"<3>kernel panic", {"body": "kernel panic", "level": 17}),
    "nothing but text": (b"hello", {"body": "hello", "level": 10, "syslog.facility": "user"}),
    "a priority that is none": (b"<999>hello", {"body": "<999>hello", "level": 10}),
}


@pytest.mark.parametrize(("message", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_is_understood(message: bytes, expected: dict[str, Any]) -> None:
    record = parse(message, now_ns=NOW_NS)
    at = datetime.fromtimestamp(record.ts_ns / 1e9, UTC).isoformat()
    parts = {"body": record.body, "level": record.level, "at": at}
    parts |= {"service": record.service, "host": record.host}
    assert {name: parts.get(name, record.attributes.get(name)) for name in expected} == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message(data: bytes) -> None:
    record = parse(data, now_ns=NOW_NS)
    assert 0 <= record.ts_ns < 1 << 63


@given(
    st.sampled_from([message for message, _ in MESSAGES.values()]),
    st.integers(0, 120),
    st.binary(max_size=4),
)
def test_any_damage_leaves_a_message(message: bytes, place: int, put: bytes) -> None:
    assert parse(message[:place] + put + message[place + 1 :], now_ns=NOW_NS).level > 0


def test_structured_data_without_an_end_is_read_at_once() -> None:
    assert parse(b"<13>1 - - - - - [a " + b'b="c" ' * 100_000, now_ns=NOW_NS).body
