"""What does an event of a Sentry SDK say? Each SDK writes some of it in its own way.

https://develop.sentry.dev/sdk/data-model/event-payloads/
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from tocsin.errortracking.answers import Breadcrumb, Content, RequestSeen, Thrown
from tocsin.errortracking.fingerprint import Subject
from tocsin.errortracking.frames import exceptions
from tocsin.errortracking.texts import dictionary, text, texts, values
from tocsin.kit import timestamps
from tocsin.model.errors import ErrorEvent
from tocsin.model.logs import level_of

_BREADCRUMBS = 100
_TAGS, _LONGEST_TAG = 100, 500
_ERROR = 17
_FINGERPRINT = 50
_HEX = frozenset("0123456789abcdef")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An error on its way in: its row without content, its exceptions, what it is grouped by, and
    the rest as it came, which is read only when the error is kept."""

    event: ErrorEvent
    exceptions: tuple[Thrown, ...]
    subject: Subject
    message: str = ""
    title: str = ""
    raw: dict[str, Any] = {}  # Any: JSON of senders
    line_id: str = ""
    attachments: tuple[str, ...] = ()
    fields: dict[str, str] = {}
    """Attributes of the line or span that it was found in."""


def title_of(kind: str, value: str, message: str) -> str:
    """`Type: value`, or the message, of which the first line."""
    words = f"{kind}: {value}" if kind and value else kind or message or value
    return (words.strip().splitlines() or ["(no message)"])[0][:300]


def report(raw: dict[str, Any], project: str, now_ns: int) -> Report:  # Any: JSON of senders
    """What an event says, for grouping and listing."""
    platform = text(raw.get("platform"), 40)
    chain = exceptions(raw, platform)
    message, template = _message(raw)
    tags = texts(raw.get("tags"), most=_TAGS, longest=_LONGEST_TAG)
    last = chain[-1] if chain else Thrown()
    value = last.value or message
    is_message = bool(message) and not last.kind
    trace = dictionary(dictionary(raw.get("contexts")).get("trace"))
    transaction = text(raw.get("transaction"), 300) or tags.get("transaction", "")
    culprit = text(raw.get("culprit"), 300) or culprit_of(chain) or transaction
    release = text(raw.get("release"), 200)
    event = ErrorEvent(
        ts_ns=moment(raw.get("timestamp")) or now_ns,
        event_id=event_id(raw.get("event_id")),
        project=project,
        issue=0,
        kind=last.kind,
        value=message if is_message else value,
        culprit=culprit,
        level=level(raw.get("level")),
        platform=platform,
        service=tags.get("service", "") or tags.get("service.name", ""),
        environment=text(raw.get("environment"), 100) or tags.get("environment", ""),
        release=release,
        host=text(raw.get("server_name"), 200),
        user_id=user_id(raw.get("user")),
        trace_id=hexadecimal(trace.get("trace_id"), 32),
        span_id=hexadecimal(trace.get("span_id"), 16),
        transaction=transaction,
        handled=all(one.handled for one in chain),
        tags=_tags(raw, tags),
    )
    subject = Subject(
        project=project,
        platform=platform,
        exceptions=chain,
        message=template,
        given=_given(raw.get("fingerprint")),
        names=_names(event, raw, template),
    )
    title = title_of("", "", message) if is_message else title_of(last.kind, last.value, message)
    return Report(
        event=event, exceptions=chain, subject=subject, message=message, title=title, raw=raw
    )


def content(report: Report) -> Content:
    """The rest of an event."""
    raw = report.raw
    contexts = dictionary(raw.get("contexts"))
    sdk = dictionary(raw.get("sdk"))
    return Content(
        message=report.message,
        exceptions=report.exceptions,
        breadcrumbs=_breadcrumbs(raw.get("breadcrumbs")),
        request=_request(dictionary(raw.get("request"))),
        user=texts(raw.get("user"), most=30, longest=500),
        contexts={
            text(name, 100): texts(each, most=60, longest=2_048)
            for name, each in list(contexts.items())[:40]
            if isinstance(each, dict)
        },
        extra={**texts(raw.get("extra"), most=100), **report.fields},
        modules=texts(raw.get("modules"), most=500, longest=100),
        sdk=f"{text(sdk.get('name'), 100)} {text(sdk.get('version'), 40)}".strip(),
        logger=text(raw.get("logger"), 200),
        fingerprint=tuple(report.subject.given),
        line_id=report.line_id,
        attachments=report.attachments,
    )


def culprit_of(chain: tuple[Thrown, ...]) -> str:
    """Where it was raised: the innermost call of the application itself."""
    for one in reversed(chain):
        own = [frame for frame in one.frames if frame.in_app] or list(one.frames)
        if own:
            last = own[-1]
            place = last.module or last.filename
            if place and last.function:
                return f"{place} in {last.function}"[:300]
            return (place or last.function)[:300]
    return ""


def event_id(given: Any) -> str:  # Any: JSON of senders
    """32 lower-case hexadecimal digits, made up when none are given."""
    return hexadecimal(given, 32) or uuid.uuid4().hex


def hexadecimal(given: Any, digits: int) -> str:  # Any: JSON of senders
    """So many lower-case digits, not all zero; empty for anything else."""
    if not isinstance(given, str):
        return ""
    found = given.replace("-", "").lower()
    is_one = len(found) == digits and _HEX.issuperset(found) and found.strip("0")
    return found if is_one else ""


def moment(given: Any) -> int:  # Any: JSON of senders
    """Nanoseconds since the epoch of a number of seconds or a time as text; 0 for neither."""
    if isinstance(given, bool) or given is None:
        return 0
    if isinstance(given, (int, float)):
        return int(given * 1e9) if 0 < given < 9e9 else 0
    return timestamps.nanoseconds(given) or 0 if isinstance(given, str) else 0


def level(given: Any) -> int:  # Any: JSON of senders
    """The severity number; an error when nothing is said."""
    return (level_of(given) if isinstance(given, str) else 0) or _ERROR


def user_id(given: Any) -> str:  # Any: JSON of senders
    """What tells one user from another, the first that is there."""
    user = dictionary(given)
    for name in ("id", "username", "email", "ip_address"):
        found = text(user.get(name), 200)
        if found and found != "{{auto}}":
            return found
    return ""


def _message(raw: dict[str, Any]) -> tuple[str, str]:  # Any: JSON of senders
    """As people read it, and without its parameters where those are apart."""
    entry = raw.get("logentry") or raw.get("sentry.interfaces.Message") or raw.get("message")
    if isinstance(entry, dict):
        pattern = text(entry.get("message"))
        return text(entry.get("formatted")) or _filled(pattern, entry.get("params")), pattern
    said = text(entry)
    return said, said


def _filled(pattern: str, parameters: Any) -> str:  # Any: JSON of senders
    """`%s` and `{}` with their parameters, in this order; what is left over stays."""
    if isinstance(parameters, list):
        for one in parameters[:50]:
            for place in ("%s", "%d", "%r", "{}"):
                if place in pattern:
                    pattern = pattern.replace(place, text(one, 500), 1)
                    break
    return text(pattern)


def _given(fingerprint: Any) -> tuple[str, ...]:  # Any: JSON of senders
    given = fingerprint[:_FINGERPRINT] if isinstance(fingerprint, list) else ()
    return tuple(text(one, 500) for one in given)


def _names(event: ErrorEvent, raw: dict[str, Any], message: str) -> dict[str, str]:  # Any: as above
    place, _, function = event.culprit.rpartition(" in ")
    return {
        "type": event.kind,
        "value": event.value,
        "message": message,
        "transaction": event.transaction,
        "function": function,
        "module": place,
        "level": text(raw.get("level"), 20),
        "logger": text(raw.get("logger"), 200),
        "environment": event.environment,
        "release": event.release,
    }


def _tags(raw: dict[str, Any], tags: dict[str, str]) -> dict[str, str]:  # Any: JSON of senders
    contexts = dictionary(raw.get("contexts"))
    for name in ("browser", "os", "runtime", "device"):
        one = dictionary(contexts.get(name))
        said = " ".join(text(one[key], 100) for key in ("name", "version", "model") if one.get(key))
        if said and name not in tags:
            tags[name] = said[:_LONGEST_TAG]
    for name in ("dist", "logger"):
        if raw.get(name) and name not in tags:
            tags[name] = text(raw[name], 200)
    url = text(dictionary(raw.get("request")).get("url"), _LONGEST_TAG)
    if url and "url" not in tags:
        tags["url"] = url.partition("?")[0]
    return tags


def _breadcrumbs(given: Any) -> tuple[Breadcrumb, ...]:  # Any: JSON of senders
    return tuple(
        Breadcrumb(
            at_ms=moment(one.get("timestamp")) // 1_000_000,
            category=text(one.get("category"), 100),
            kind=text(one.get("type"), 100),
            level=text(one.get("level"), 20),
            message=text(one.get("message"), 1_024),
            data=texts(one.get("data"), most=30, longest=1_024),
        )
        for one in values(given)[-_BREADCRUMBS:]
    )


def _request(raw: dict[str, Any]) -> RequestSeen | None:  # Any: JSON of senders
    if not raw:
        return None
    query = raw.get("query_string")
    if isinstance(query, (dict, list)):
        query = "&".join(f"{name}={value}" for name, value in texts(query, most=100).items())
    return RequestSeen(
        method=text(raw.get("method"), 20),
        url=text(raw.get("url"), 2_048),
        query=text(query, 2_048),
        headers=texts(raw.get("headers"), most=100, longest=1_024),
        data=text(raw.get("data"), 4_096),
    )
