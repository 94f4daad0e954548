"""What does a line of text say? Its time, level, service and fields, in the form it is written in.

Understood are JSON, logfmt, syslog's lines and the forms of `line_forms`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from tocsin.ingest.logs.fields import flattened, record_of
from tocsin.ingest.logs.line_forms import FORMS, NAMES, REQUEST, Form
from tocsin.ingest.logs.syslog_message import in_file
from tocsin.kit.timestamps import nanoseconds
from tocsin.model.logs import LogRecord, level_of

_HEAD = 2_000
"""The forms are looked for in so many characters of a line."""
_PAIR = re.compile(r'(?:^|\s)([A-Za-z_@][\w.@/-]{0,99})=("(?:[^"\\]|\\.)*"|[^\s"]*)', re.ASCII)
_FIRST_PAIR = re.compile(r'[A-Za-z_@][\w.@/-]{0,99}=(?:"|\S)', re.ASCII)
_TRACE = re.compile(
    r"(?:trace[._]?id|traceid)[\"']?\s{0,2}[=:]\s{0,2}[\"']?([0-9a-fA-F]{32}|[0-9a-fA-F]{16})\b",
    re.IGNORECASE,
)
_SPAN = re.compile(
    r"(?:span[._]?id|spanid)[\"']?\s{0,2}[=:]\s{0,2}[\"']?([0-9a-fA-F]{16})\b", re.IGNORECASE
)
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,20}m")
_DOCKER = {"log", "stream", "time"}
_KLOG = {"I": 9, "W": 13, "E": 17, "F": 21}
_LAYOUTS = (
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S.%f",
    "%a %b %d %H:%M:%S.%f %Y",
    "%a %b %d %H:%M:%S %Y",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y, %I:%M:%S %p",
    "%m/%d/%Y, %I:%M:%S %p",
    "%Y-%m-%d %H:%M:%S.%f %Z",
    "%Y-%m-%d %H:%M:%S %Z",
)
_EXCEPTION = re.compile(
    r"Traceback \(most recent call last\):|Exception in thread |Uncaught "
    r"|Unhandled (?:[Pp]romise|[Rr]ejection|[Ee]xception|[Ee]rror)"
    r"|(?:[\w$]{1,100}[.:]{1,2}){0,20}[A-Z][\w$]{0,100}(?:Exception|Error)(?:: |\n|$)",
    re.ASCII,
)
"""What runtimes write of a program that failed, without a level."""
_TAIL = re.compile(r"(?:^|[ \t])\{")
_TELLING, _TIME_ALONE = FORMS[:-1], FORMS[-1:]
_KNOWN_PARTS = ("service", "environment", "host", "trace_id", "span_id", "user_id")
_ERROR_STATUS, _WARN_STATUS = 500, 400

_decode = msgspec.json.Decoder(dict[str, object]).decode


def record_of_line(text: str, *, now_ns: int) -> LogRecord:
    """A record of one line (or of one that goes on over several). Never fails: a line in no known
    form is its own text, said when it arrived."""
    plain = text.rstrip("\r\n")
    if "\x1b[" in plain:
        plain = _COLOURS.sub("", plain)
    record = _json(plain, now_ns) or _logfmt(plain, now_ns) or _written(plain, now_ns, _TELLING)
    if record is None and (record := in_file(plain, now_ns=now_ns)) is not None:
        _adopt(record, now_ns)
    record = record or _written(plain, now_ns, _TIME_ALONE)
    if record is None:
        record = LogRecord(ts_ns=now_ns, body=plain, attributes={})
    if not record.severity and not record.level and _EXCEPTION.match(record.body):
        record.level = level_of("error")
    _find_ids(record, plain)
    return record


def hint(record: LogRecord) -> None:
    """What a record's text tells of it. A JSON object's message becomes the text, its fields the
    attributes, and the object the original; of other texts only a level and ids are taken."""
    inner = _json(record.body, record.ts_ns)
    if inner is not None:
        _complete(record, inner)
    elif not record.level:
        found = record_of_line(record.body[:_HEAD], now_ns=record.ts_ns)
        record.level, record.severity = found.level, found.severity
        record.trace_id = record.trace_id or found.trace_id
        record.span_id = record.span_id or found.span_id
    else:
        _find_ids(record, record.body)


def _complete(record: LogRecord, inner: LogRecord) -> None:
    """What its sender said of a line goes before what the line itself says."""
    record.body, record.original = inner.body, inner.original
    record.attributes = {**inner.attributes, **record.attributes}
    if not record.level:
        record.level, record.severity = inner.level, inner.severity
    for name in _KNOWN_PARTS:
        setattr(record, name, getattr(record, name) or getattr(inner, name))


def _adopt(record: LogRecord, now_ns: int) -> None:
    """A program wrote to syslog in a form of its own, which says more than syslog does."""
    inner = _json(record.body.removeprefix("@cee:").lstrip(), now_ns) or _logfmt(
        record.body, now_ns
    )
    if inner is None:
        inner = _written(record.body, now_ns, _TELLING)
    if inner is None:
        return
    record.body = inner.body
    record.attributes = {**record.attributes, **inner.attributes}
    if inner.level:
        record.level, record.severity = inner.level, inner.severity
    record.service = inner.service or record.service
    for name in ("environment", "trace_id", "span_id", "user_id"):
        setattr(record, name, getattr(inner, name) or getattr(record, name))


def adopt_form(record: LogRecord, *, now_ns: int) -> LogRecord:
    """The same record, with what its text says in a form of its own."""
    _adopt(record, now_ns)
    _find_ids(record, record.original or record.body)
    return record


def _json(text: str, now_ns: int) -> LogRecord | None:
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None
    try:
        document = _decode(stripped.encode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError):
        return None
    said = document.get("log")
    if isinstance(said, str) and document.keys() <= _DOCKER:
        return _docker(said, document, now_ns)
    return record_of_document(document, now_ns=now_ns, original=stripped)


def record_of_document(document: dict[str, object], *, now_ns: int, original: str) -> LogRecord:
    """A record of a line that is a JSON object, as the usual logging libraries write it."""
    fields = flattened(document)
    record = record_of(fields, now_ns=now_ns, original=original)
    if not record.service and "pid" in record.attributes and "name" in record.attributes:
        record.service = record.attributes.pop("name")  # bunyan's and pino's name of the program
    return record


def _docker(said: str, document: dict[str, object], now_ns: int) -> LogRecord:
    """A line of Docker's json-file driver holds what the program wrote."""
    record = record_of_line(said, now_ns=now_ns)
    at = nanoseconds(str(document.get("time", "")))
    if record.ts_ns == now_ns and at is not None:
        record.ts_ns = at
    if stream := document.get("stream"):
        record.attributes["log.iostream"] = str(stream)
    return record


def _logfmt(text: str, now_ns: int) -> LogRecord | None:
    if not _FIRST_PAIR.match(text):
        return None
    fields: dict[str, str] = {}
    end = 0
    for pair in _PAIR.finditer(text):
        if text[end : pair.start()].strip():
            return None  # words between the pairs: a sentence that has some
        end = pair.end()
        fields[pair[1]] = _unquoted(pair[2])
    if len(fields) < 2 or text[end:].strip():
        return None
    return record_of(fields, now_ns=now_ns, original=text)


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return msgspec.json.decode(text.encode("utf-8", "replace"), type=str)
    except msgspec.DecodeError:
        return text[1:-1]


def _written(text: str, now_ns: int, forms: Sequence[Form]) -> LogRecord | None:
    head, tail = text[:_HEAD], text[_HEAD:]
    for form in forms:
        found = form.pattern.match(head)
        if found is not None:
            return _of_form(form, found, text, tail, now_ns)
    return None


def _of_form(form: Form, found: re.Match[str], text: str, tail: str, now_ns: int) -> LogRecord:
    parts = {
        name: value for name, value in found.groupdict().items() if value not in (None, "-", "")
    }
    record = LogRecord(ts_ns=now_ns, body=text, attributes={})
    at = _time(form, parts.pop("ts", ""), now_ns)
    if at is not None:
        record.ts_ns = at
    word = parts.pop("level", "") or parts.pop("level_2", "")
    record.level = _KLOG[word] if form.name == "klog" else level_of(word)
    record.severity = word
    message = parts.pop("message", "")
    if not form.keeps_whole and message:
        record.body, record.original = message + tail, text
        _take_tail(record, now_ns)
    record.service = parts.pop("service", "") or record.service
    if form.name == "access":
        _request(record, parts)
    record.attributes |= {NAMES[name]: value for name, value in parts.items()}
    return record


def _take_tail(record: LogRecord, now_ns: int) -> None:
    """winston and zap write further fields as JSON behind the message."""
    place = _TAIL.search(record.body)
    if place is None or not record.body.endswith("}"):
        return
    inner = _json(record.body[place.end() - 1 :], now_ns)
    if inner is None:
        return
    message = record.body[: place.start()]
    record.body, record.attributes = message or inner.body, inner.attributes
    for name in ("service", "host", "environment", "trace_id", "span_id", "user_id"):
        setattr(record, name, getattr(inner, name))


def _request(record: LogRecord, parts: dict[str, str]) -> None:
    """An access log's fields: the request's parts, and the level that its status stands for."""
    record.user_id = parts.pop("user", "")
    if request := REQUEST.match(parts.pop("request", "")):
        record.attributes |= {
            "http.request.method": request["method"],
            "url.path": request["path"],
            "network.protocol.version": request["version"],
        }
        if request["query"]:
            record.attributes["url.query"] = request["query"]
    status = int(parts["http_response_status__code"])
    record.level = 17 if status >= _ERROR_STATUS else 13 if status >= _WARN_STATUS else 9


def _time(form: Form, text: str, now_ns: int) -> int | None:
    if not text:
        return None
    if form.name == "klog":  # month and day without a year
        return _without_year(f"{text[:2]}-{text[2:4]}T{text[5:]}", now_ns)
    found = None if text.endswith("M") else nanoseconds(text)  # AM and PM are not understood
    if found is not None:
        return found
    for layout in _LAYOUTS:
        try:
            at = datetime.strptime(text.replace("\u202f", " "), layout).replace(tzinfo=UTC)
        except ValueError:
            continue
        return round(at.timestamp() * 1_000_000) * 1_000
    return None


def _without_year(text: str, now_ns: int) -> int | None:
    """The year in which it lies nearest to now."""
    year = datetime.fromtimestamp(now_ns / 1e9, UTC).year
    found = [nanoseconds(f"{one}-{text}Z") for one in (year - 1, year, year + 1)]
    return min(
        (at for at in found if at is not None), key=lambda at: abs(at - now_ns), default=None
    )


def _find_ids(record: LogRecord, text: str) -> None:
    if (
        not record.trace_id
        and ("race" in text or "RACE" in text)
        and (found := _TRACE.search(text))
    ):
        record.trace_id = found[1].lower()
        if not record.span_id and (span := _SPAN.search(text)):
            record.span_id = span[1].lower()
