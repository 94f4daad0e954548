"""Lines as real programs write them: what is found in each, and that no text breaks anything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.ingest.logs.line import record_of_line
from tocsin.model.logs import LogRecord, level_name

NOW = datetime(2026, 5, 4, 13, 30, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def read(line: str) -> LogRecord:
    return record_of_line(line, now_ns=NOW_NS)


def when(record: LogRecord) -> str:
    """The line's time, to the millisecond, in UTC."""
    at = datetime.fromtimestamp(record.ts_ns / 1e9, UTC)
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00")


LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "winston, JSON": (
        '{"level":"warn","message":"HTTP Request","method":"GET","statusCode":404,'
        '"service":"gocarbon-tracker","environment":"production",'
        '"timestamp":"2026-05-04T13:00:00.250Z"}',
        {
            "body": "HTTP Request",
            "level": "warn",
            "service": "gocarbon-tracker",
            "environment": "production",
            "at": "2026-05-04T13:00:00.250",
            "statusCode": "404",
        },
    ),
    "a level in front": (
        "ERROR 2 of 3 workers are gone",
        {"body": "ERROR 2 of 3 workers are gone", "level": "error"},
    ),
    "a word that begins as a level": (
        "INFOrmation is no level",
        {"body": "INFOrmation is no level", "level": "unknown"},
    ),
    "winston, simple with fields": (
        'error: payment failed {"service":"shop","orderId":7}',
        {"body": "payment failed", "level": "error", "service": "shop", "orderId": "7"},
    ),
    "winston, coloured": (
        "\x1b[32minfo\x1b[39m: Server listens on 3001",
        {"body": "Server listens on 3001", "level": "info"},
    ),
    "pino": (
        '{"level":50,"time":1777899600250,"pid":42,"hostname":"web-1","name":"shop",'
        '"reqId":"a1","msg":"card declined"}',
        {
            "body": "card declined",
            "level": "error",
            "service": "shop",
            "host": "web-1",
            "at": "2026-05-04T13:00:00.250",
            "pid": "42",
        },
    ),
    "bunyan": (
        '{"name":"myapp","hostname":"banana.local","pid":40161,"level":30,"msg":"hi",'
        '"time":"2026-05-04T13:00:00.250Z","v":0}',
        {"body": "hi", "level": "info", "service": "myapp", "host": "banana.local"},
    ),
    "zap, JSON": (
        '{"level":"error","ts":1777899600.25,"caller":"pay/card.go:42","msg":"declined"}',
        {"body": "declined", "level": "error", "at": "2026-05-04T13:00:00.250"},
    ),
    "zap, console": (
        '2026-05-04T13:00:00.250Z\tWARN\tpay\tpay/card.go:42\tslow bank\t{"took": 3}',
        {
            "body": "slow bank",
            "level": "warn",
            "logger": "pay",
            "code.file.path": "pay/card.go",
            "took": "3",
        },
    ),
    "structlog, JSON": (
        '{"event": "user_logged_in", "user_id": 42, "level": "info", '
        '"timestamp": "2026-05-04T13:00:00.250000Z"}',
        {"body": "user_logged_in", "level": "info", "user_id": "42"},
    ),
    "GELF's syslog number": (
        '{"version":"1.1","host":"web","short_message":"down","level":3,"timestamp":1777899600.25}',
        {"body": "down", "level": "error", "host": "web", "at": "2026-05-04T13:00:00.250"},
    ),
    "an HTTP status is no level": (
        '{"msg":"request","status":200}',
        {"body": "request", "level": "unknown", "status": "200"},
    ),
    "ECS": (
        '{"@timestamp":"2026-05-04T13:00:00.250Z","log.level":"ERROR","message":"boom",'
        f'"service.name":"api","trace.id":"{TRACE}","host":{{"name":"n1"}}}}',
        {"body": "boom", "level": "error", "service": "api", "trace_id": TRACE, "host": "n1"},
    ),
    "Docker's json-file": (
        '{"log":"2026-05-04 13:00:00,250 - shop.pay - ERROR - declined\\n","stream":"stderr",'
        '"time":"2026-05-04T13:00:01.5Z"}',
        {"body": "declined", "level": "error", "logger": "shop.pay", "log.iostream": "stderr"},
    ),
    "logfmt": (
        'time="2026-05-04T13:00:00.250Z" level=warning msg="slow query" took=2s user_id=9',
        {"body": "slow query", "level": "warn", "took": "2s", "user_id": "9"},
    ),
    "a sentence with one pair is no logfmt": (
        "retry=3 and then it worked",
        {"body": "retry=3 and then it worked", "level": "unknown"},
    ),
    "nginx, combined": (
        '203.0.113.9 - alice [04/May/2026:13:00:00 +0000] "GET /cart?id=7 HTTP/1.1" 502 157 '
        '"https://shop.example.com/" "Mozilla/5.0 (X11)"',
        {
            "level": "error",
            "at": "2026-05-04T13:00:00.000",
            "http.request.method": "GET",
            "url.path": "/cart",
            "url.query": "id=7",
            "http.response.status_code": "502",
            "user_agent.original": "Mozilla/5.0 (X11)",
            "client.address": "203.0.113.9",
            "user_id": "alice",
        },
    ),
    "apache, common": (
        '127.0.0.1 - - [04/May/2026:15:00:00 +0200] "POST / HTTP/1.0" 404 -',
        {"level": "warn", "at": "2026-05-04T13:00:00.000", "http.response.status_code": "404"},
    ),
    "nginx, error": (
        "2026/05/04 13:00:00 [error] 31#31: *5 connect() failed (111: Connection refused), "
        'client: 10.0.0.1, server: _, request: "GET / HTTP/1.1"',
        {"level": "error", "at": "2026-05-04T13:00:00.000", "process.pid": "31"},
    ),
    "apache, error": (
        "[Mon May 04 13:00:00.250000 2026] [core:error] [pid 35:tid 43] [client 10.0.0.1:80] "
        "AH00128: File does not exist",
        {"level": "error", "at": "2026-05-04T13:00:00.250", "logger": "core"},
    ),
    "python, basicConfig": (
        "WARNING:shop.pay:card declined",
        {"body": "card declined", "level": "warn", "logger": "shop.pay"},
    ),
    "python, dashes": (
        "2026-05-04 13:00:00,250 - shop.pay - ERROR - card declined",
        {"body": "card declined", "level": "error", "at": "2026-05-04T13:00:00.250"},
    ),
    "python, with its traceback": (
        "2026-05-04 13:00:00,250 ERROR shop: boom\nTraceback (most recent call last):\n"
        '  File "a.py", line 1, in <module>\nValueError: no',
        {
            "body": "shop: boom\nTraceback (most recent call last):\n"
            '  File "a.py", line 1, in <module>\nValueError: no',
            "level": "error",
        },
    ),
    "uvicorn": (
        'INFO:     127.0.0.1:5000 - "GET / HTTP/1.1" 200 OK',
        {"body": '127.0.0.1:5000 - "GET / HTTP/1.1" 200 OK', "level": "info"},
    ),
    "gunicorn": (
        "[2026-05-04 13:00:00 +0000] [17] [INFO] Booting worker",
        {"body": "Booting worker", "level": "info", "process.pid": "17"},
    ),
    "celery": (
        "[2026-05-04 13:00:00,250: ERROR/ForkPoolWorker-1] Task failed",
        {"body": "Task failed", "level": "error", "thread.name": "ForkPoolWorker-1"},
    ),
    "loguru": (
        "2026-05-04 13:00:00.250 | ERROR    | shop.pay:charge:42 - declined",
        {"body": "declined", "level": "error", "logger": "shop.pay", "code.line.number": "42"},
    ),
    "logback": (
        "2026-05-04 13:00:00.250 [http-nio-1] ERROR com.shop.Pay - declined",
        {"body": "declined", "level": "error", "logger": "com.shop.Pay"},
    ),
    "logback without a date": (
        "13:00:00.250 [main] INFO  c.s.Pay - started",
        {"body": "started", "level": "info", "at": "2026-05-04T13:30:00.000"},
    ),
    "Spring Boot 3": (
        "2026-05-04T15:00:00.250+02:00  WARN 1 --- [shop] [nio-8080-exec-1] c.s.Pay    : slow",
        {
            "body": "slow",
            "level": "warn",
            "service": "shop",
            "logger": "c.s.Pay",
            "at": "2026-05-04T13:00:00.250",
        },
    ),
    "java.util.logging": (
        "May 04, 2026 1:00:00 PM com.shop.Pay charge\nSEVERE: declined",
        {"body": "declined", "level": "error", "at": "2026-05-04T13:00:00.000"},
    ),
    "klog": (
        "E0504 13:00:00.250000    1234 pay.go:42] declined",
        {
            "body": "declined",
            "level": "error",
            "at": "2026-05-04T13:00:00.250",
            "code.file.path": "pay.go",
        },
    ),
    "klog of the year before": (
        "I1231 23:59:59.000000       1 a.go:1] bye",
        {"level": "info", "at": "2025-12-31T23:59:59.000"},
    ),
    "Go's log": (
        "2026/05/04 13:00:00 main.go:42: listening",
        {"body": "listening", "at": "2026-05-04T13:00:00.000", "code.line.number": "42"},
    ),
    "PostgreSQL": (
        "2026-05-04 13:00:00.250 UTC [77] shop@db ERROR:  deadlock detected",
        {"body": "deadlock detected", "level": "error", "at": "2026-05-04T13:00:00.250"},
    ),
    "time, then a level in brackets": (
        "2026-05-04T13:00:00.250Z [warn]: slow",
        {"body": "slow", "level": "warn", "at": "2026-05-04T13:00:00.250"},
    ),
    "a level, then the time": (
        "[ERROR] 2026-05-04T13:00:00.250Z: slow",
        {"body": "slow", "level": "error", "at": "2026-05-04T13:00:00.250"},
    ),
    "NestJS": (
        "[Nest] 42  - 05/04/2026, 1:00:00 PM     LOG [Router] Mapped {/cart, GET} route",
        {"at": "2026-05-04T13:00:00.000", "logger": "Router", "body": "Mapped {/cart, GET} route"},
    ),
    "/var/log/syslog": (
        "May  4 13:00:00 web-1 sshd[77]: Failed password for root",
        {
            "body": "Failed password for root",
            "service": "sshd",
            "host": "web-1",
            "at": "2026-05-04T13:00:00.000",
            "process.pid": "77",
        },
    ),
    "rsyslog's newer files": (
        "2026-05-04T13:00:00.250000+00:00 web-1 kernel: Out of memory",
        {"body": "Out of memory", "service": "kernel", "host": "web-1"},
    ),
    "ids within a sentence": (
        f"checkout failed trace_id={TRACE} span_id=00f067aa0ba902b7",
        {"trace_id": TRACE, "span_id": "00f067aa0ba902b7"},
    ),
    "nothing known": ("hello world", {"body": "hello world", "level": "unknown"}),
}


@pytest.mark.parametrize(("line", "expected"), LINES.values(), ids=LINES)
def test_a_line_is_understood(line: str, expected: dict[str, Any]) -> None:
    record = read(line)
    parts = {
        "body": record.body,
        "level": level_name(record.level),
        "at": when(record),
        **{name: getattr(record, name) for name in ("service", "host", "environment")},
        **{name: getattr(record, name) for name in ("trace_id", "span_id", "user_id")},
    }
    found = {name: parts.get(name, record.attributes.get(name)) for name in expected}
    assert found == expected


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("Traceback (most recent call last):\n  File 'a.py', line 1\nValueError: no", "error"),
        (
            'Exception in thread "main" java.lang.NullPointerException\n\tat a.B.c(B.java:1)',
            "error",
        ),
        ("java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)", "error"),
        ("TypeError: x is not a function\n    at pay (/app/pay.js:1:2)", "error"),
        ("2026-05-04 13:00:00.250 shop::Errors::CardError: declined", "error"),
        ("Unhandled promise rejection: no", "error"),
        ("panic: runtime error: index out of range\ngoroutine 1 [running]:", "fatal"),
        ('{"msg":"TypeError: no"}', "error"),
        ('{"level":"info","msg":"TypeError: tolerated"}', "info"),
        ("INFO: ValueError: tolerated", "info"),
        ("ErrorHandler was set up", "unknown"),
        ("no Error: at the beginning", "unknown"),
        ("Unhandled event of the kind 7", "unknown"),
    ],
)
def test_an_exception_without_a_level_is_an_error(line: str, level: str) -> None:
    assert level_name(read(line).level) == level


@pytest.mark.parametrize(("line", "expected"), LINES.values(), ids=LINES)
def test_the_whole_line_is_kept(line: str, expected: dict[str, Any]) -> None:
    if "\x1b" in line or line.startswith('{"log"'):
        return  # colours are for terminals, and Docker's wrapper is no part of what was said
    record = read(line)
    assert (record.original or record.body) == line


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    record = read(text)
    assert isinstance(record.body, str)
    assert 0 <= record.level <= 24


@given(
    st.sampled_from([line for line, _ in LINES.values()]),
    st.integers(0, 400),
    st.integers(0, 400),
    st.text(max_size=5),
)
def test_no_damaged_line_breaks_it(line: str, start: int, length: int, put: str) -> None:
    record = read(line[:start] + put + line[start + length :])
    assert 0 <= record.ts_ns < 1 << 63


@pytest.mark.parametrize(
    "line",
    [
        "a=" * 300_000,
        'a="' * 300_000,
        ' a="\\' * 200_000,
        "{" * 500_000 + "}",
        "[" * 500_000,
        "2026-05-04 13:00:00 " * 50_000,
        "trace_id" * 100_000,
        "\x1b[" * 400_000,
    ],
    ids=lambda line: line[:12],
)
def test_a_long_line_made_to_be_slow_is_read_at_once(line: str) -> None:
    assert read(line).body
