"""What does a syslog message say? RFC 5424, RFC 3164 as it is really sent, and lines of files."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tocsin.kit.timestamps import nanoseconds
from tocsin.model.logs import LogRecord, level_of_syslog

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2"),
    *("local3", "local4", "local5", "local6", "local7"),
)
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_PRIORITY = re.compile(r"<(\d{1,3})>", re.ASCII)
_NEW = re.compile(
    r"1 (?P<ts>\S{1,64}) (?P<host>\S{1,255}) (?P<app>\S{1,255}) (?P<pid>\S{1,128}) "
    r"(?P<id>\S{1,128}) ?",
    re.ASCII,
)
_ELEMENT = re.compile(r'\[([^\s="\]]{1,128})((?: [^\s="\]]{1,128}="(?:[^"\\\]]|\\.)*")*)\]')
_PARAMETER = re.compile(r' ([^\s="\]]{1,128})="((?:[^"\\\]]|\\.)*)"')
_OLD = re.compile(
    r"(?:(?P<day>[A-Z][a-z]{2} [ \d]\d) (?:(?P<year>\d{4}) )?(?P<time>\d\d:\d\d:\d\d(?:\.\d{1,6})?)"
    r"|(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)))"
    r"(?: (?P<zone>[A-Z]{3,4}):?)? ",
    re.ASCII,
)
_TAG = re.compile(r"(?P<app>[\w./()@-]{1,128})(?:\[(?P<pid>[\w.-]{1,64})\])?: ?", re.ASCII)
_HOST = re.compile(
    r"(?P<host>[\w.:-]{1,255}) (?=[\w./()@-]{1,128}(?:\[[\w.-]{1,64}\])?:)", re.ASCII
)
_BARE_HOST = re.compile(r"(?P<host>[\w.-]{1,255}) ", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_PRIORITY = 191
_MOST_ELEMENTS = 64


def parse(data: bytes, *, now_ns: int) -> LogRecord:
    """A record of one message as it came off the wire. Never fails: what is in neither form is
    the text of a user's notice, as RFC 3164 (section 4.3.3) has it."""
    text = data.decode("utf-8", "replace").strip("\r\n\x00").removeprefix("\ufeff")
    priority = _PRIORITY.match(text)
    number = int(priority[1]) if priority else 13
    rest = text[priority.end() :] if priority else text
    if number > _MOST_PRIORITY:
        number, rest = 13, text
    record = _new(rest, now_ns) or _old(rest, now_ns)
    if record is None:
        record = LogRecord(ts_ns=now_ns, body=rest, attributes={})
    severity = number & 7
    record.level, record.severity = level_of_syslog(severity), SEVERITIES[severity]
    record.attributes["syslog.facility"] = FACILITIES[number >> 3]
    record.original = text if record.body != text else ""
    return record


def in_file(text: str, *, now_ns: int) -> LogRecord | None:
    """A record of a line of `/var/log/syslog` or its like; None for other lines."""
    if _PRIORITY.match(text):
        return parse(text.encode("utf-8", "replace"), now_ns=now_ns)
    record = _old(text, now_ns)
    if record is None or not (record.service and record.host):
        return None
    record.original = text
    return record


def _new(text: str, now_ns: int) -> LogRecord | None:
    """RFC 5424, section 6."""
    head = _NEW.match(text)
    if head is None:
        return None
    at = nanoseconds(head["ts"]) if head["ts"] != "-" else None
    attributes = {
        name: head[group]
        for name, group in (("process.pid", "pid"), ("syslog.msgid", "id"))
        if head[group] != "-"
    }
    rest = _elements(text[head.end() :], attributes)
    return LogRecord(
        ts_ns=now_ns if at is None else at,
        body=rest.removeprefix("\ufeff"),
        service="" if head["app"] == "-" else head["app"],
        host="" if head["host"] == "-" else head["host"],
        attributes=attributes,
    )


def _elements(text: str, attributes: dict[str, str]) -> str:
    """Read the structured data; what follows it is the message."""
    if text == "-" or text.startswith("- "):
        return text[2:]
    at = 0
    for _ in range(_MOST_ELEMENTS):
        element = _ELEMENT.match(text, at)
        if element is None:
            break
        name = element[1].partition("@")[0]
        for key, value in _PARAMETER.findall(element[2]):
            attributes[f"{name}.{key}"] = re.sub(r'\\(["\\\]])', r"\1", value)
        at = element.end()
    return text[at:].removeprefix(" ")


def _old(text: str, now_ns: int) -> LogRecord | None:
    """RFC 3164, section 4.1, and what relays and files make of it."""
    head = _OLD.match(text)
    if head is None:
        return None
    at = nanoseconds(head["iso"]) if head["iso"] else _dated(head, now_ns)
    rest = text[head.end() :]
    record = LogRecord(ts_ns=now_ns if at is None else at, body=rest, attributes={})
    host = _HOST.match(rest)
    if host is None and (bare := _BARE_HOST.match(rest)) and not _TAG.match(rest):
        record.host, rest = bare["host"], rest[bare.end() :]
    elif host is not None:
        record.host, rest = host["host"], rest[host.end() :]
    if tag := _TAG.match(rest):
        record.service, rest = tag["app"], rest[tag.end() :]
        if tag["pid"]:
            record.attributes["process.pid"] = tag["pid"]
    record.body = rest
    return record


def _dated(head: re.Match[str], now_ns: int) -> int | None:
    """`Oct 11 22:14:15` lies in the year in which it is nearest to now; UTC is taken."""
    month, day = head["day"][:3], int(head["day"][4:])
    if month not in _MONTHS:
        return None
    now = datetime.fromtimestamp(now_ns / 1e9, UTC).year
    years = [int(head["year"])] if head["year"] else [now - 1, now, now + 1]
    found = [
        nanoseconds(f"{year:04d}-{_MONTHS.index(month) + 1:02d}-{day:02d}T{head['time']}Z")
        for year in years
    ]
    return min(
        (at for at in found if at is not None), key=lambda at: abs(at - now_ns), default=None
    )
