"""How do alerts and silences look in Alertmanager's JSON?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.alert.deciding.dispatch import AlertState
from tocsin.kit.fault import Rejected
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LATEST_MS = 253_402_300_799_999


class PostedAlert(msgspec.Struct, kw_only=True):
    """An alert as other programs post it; a time of the year 1 means "not given"."""

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    startsAt: str | None = None  # noqa: N815 - the API's own spelling
    endsAt: str | None = None  # noqa: N815 - the API's own spelling
    generatorURL: str | None = None  # noqa: N815 - the API's own spelling


class PostedMatcher(msgspec.Struct, kw_only=True):
    """One condition of a silence."""

    name: str
    value: str
    isRegex: bool  # noqa: N815 - the API's own spelling
    isEqual: bool = True  # noqa: N815 - the API's own spelling


class PostedSilence(msgspec.Struct, kw_only=True):
    """A silence as amtool posts it."""

    id: str | None = None
    matchers: list[PostedMatcher]
    startsAt: str  # noqa: N815 - the API's own spelling
    endsAt: str  # noqa: N815 - the API's own spelling
    createdBy: str  # noqa: N815 - the API's own spelling
    comment: str


def iso(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, as version 2 writes it."""
    moment = datetime.fromtimestamp(ms // 1000, UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}.{ms % 1000:03d}Z"


def moment_ms(text: str | None, name: str) -> int:
    """Milliseconds since the epoch; 0 when it is not given. Raises Rejected when it is no time."""
    if not text:
        return 0
    if not _TIME.fullmatch(text):
        raise Rejected(f"{name} must be a time such as 2026-05-01T12:00:00Z, got {text[:40]!r}")
    try:
        # Python knows microseconds, Go nanoseconds.
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper()))
    except ValueError as error:
        raise Rejected(f"{name}: {text[:40]!r} is no time") from error
    if found.year <= 1:
        return 0
    ms = round(found.timestamp() * 1000)
    if ms > _LATEST_MS:  # in UTC it is the year 10000, which no answer can show
        raise Rejected(f"{name}: {text[:40]!r} is later than the year 9999")
    return ms


def posted_alert(posted: PostedAlert, now_ms: int) -> Alert:
    """An alert of another program; raises Rejected when it makes no sense."""
    labels = from_mapping(posted.labels)
    if not labels:
        raise Rejected("at least one label pair required")
    if any(not name for name, _ in labels):
        raise Rejected("invalid label set: a label's name is empty")
    starts = moment_ms(posted.startsAt, "startsAt")
    ends = moment_ms(posted.endsAt, "endsAt")
    if not starts:
        starts = ends or now_ms
    if ends and ends < starts:
        raise Rejected("start time must be before end time")
    return Alert(
        labels=labels,
        annotations=from_mapping(posted.annotations or {}),
        starts_ms=starts,
        ends_ms=ends,
        generator_url=posted.generatorURL or "",
        source="api",
    )


def shown_alert(state: AlertState, name: str, muted: Sequence[str] = ()) -> dict[str, object]:
    """A gettable alert; `name` is its fingerprint, `muted` what maintenance holds it back."""
    alert = state.alert
    is_held = state.silenced_by or state.inhibited_by or muted
    shown: dict[str, object] = {
        "annotations": dict(alert.annotations),
        "endsAt": iso(alert.ends_ms),
        "fingerprint": name,
        "receivers": [{"name": receiver} for receiver in state.receivers],
        "startsAt": iso(alert.starts_ms),
        "status": {
            "inhibitedBy": list(state.inhibited_by),
            "mutedBy": list(muted),
            "silencedBy": list(state.silenced_by),
            "state": "suppressed" if is_held else "active",
        },
        "updatedAt": iso(alert.updated_ms),
        "labels": dict(alert.labels),
    }
    if alert.generator_url:
        shown["generatorURL"] = alert.generator_url
    return shown


_OPS: Mapping[tuple[bool, bool], str] = {
    (True, False): "=",
    (False, False): "!=",
    (True, True): "=~",
    (False, True): "!~",
}


def posted_silence(posted: PostedSilence) -> Silence:
    """Raises Rejected when a time is none."""
    return Silence(
        id=posted.id or "",
        matchers=tuple(
            SilenceMatcher(name=m.name, op=_OPS[m.isEqual, m.isRegex], value=m.value)
            for m in posted.matchers
        ),
        starts_ms=moment_ms(posted.startsAt, "startsAt"),
        ends_ms=moment_ms(posted.endsAt, "endsAt"),
        created_by=posted.createdBy,
        comment=posted.comment,
    )


def shown_silence(silence: Silence, now_ms: int) -> dict[str, object]:
    """A gettable silence."""
    return {
        "id": silence.id,
        "status": {"state": silence.state(now_ms)},
        "updatedAt": iso(silence.updated_ms),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": iso(silence.ends_ms),
        "matchers": [
            {
                "isEqual": matcher.op in ("=", "=~"),
                "isRegex": matcher.op in ("=~", "!~"),
                "name": matcher.name,
                "value": matcher.value,
            }
            for matcher in silence.matchers
        ],
        "startsAt": iso(silence.starts_ms),
    }
