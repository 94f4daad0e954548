"""What do front ends post to `/api/metrics` and `/api/analytics/…`? Events, as JSON.

The bodies are those that the usual `trackMetric`, web-vitals and Profiler snippets send; several
may come in one body, as a list or as `{"metrics": […]}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.model.events import Event

INVALID = "Invalid metric data"

_MAX_EVENTS = 10_000
_MAX_NAME = 200
_MAX_TAGS = 64
_MAX_TAG_VALUE = 4096
_SECONDS_BELOW = 100_000_000_000
"""A number below this is a time in seconds: in milliseconds it would lie before 1973."""

_DEPLOYS = frozenset(("deploy", "deploys", "deployment", "deployments", "release"))
"""Names of events that say that another release runs now."""

_FIELDS = {
    "user_id": ("userId", "user_id"),
    "session_id": ("sessionId", "session_id"),
    "page": ("page", "path"),
    "release": ("release", "version"),
    "service": ("service",),
    "environment": ("environment", "env"),
    "trace_id": ("traceId", "trace_id"),
    "span_id": ("spanId", "span_id"),
}
"""Event fields by the tags that they are taken from."""

Item = Mapping[str, Any]  # one object of JSON from a browser


@dataclass(frozen=True, slots=True)
class Pushed:
    """The events of a body, and how many entries were none."""

    events: list[Event]
    invalid: int


def metrics(body: bytes, now_ms: int) -> Pushed:
    """`{name, value, tags?, timestamp?}`; raises Rejected when nothing of the body is valid."""
    return _decode(body, now_ms, _metric)


def web_vitals(body: bytes, now_ms: int) -> Pushed:
    """`{metric, value, rating?, page?, timestamp?}` as events named web_vitals."""
    return _decode(body, now_ms, _web_vital)


def page_performance(body: bytes, now_ms: int) -> Pushed:
    """`{page, domContentLoaded, loadComplete, firstByte, …}`: one event a measure."""
    return _decode(body, now_ms, _page_performance)


def slow_render(body: bytes, now_ms: int) -> Pushed:
    """`{componentId, phase, actualDuration, baseDuration}`: one event a duration."""
    return _decode(body, now_ms, _slow_render)


def page_view(body: bytes, now_ms: int) -> Pushed:
    """`{page, …}` as events named page_view of the value 1."""
    return _decode(body, now_ms, _page_view)


def _decode(body: bytes, now_ms: int, read: Callable[[Item, int], list[Event]]) -> Pushed:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(INVALID) from error
    if isinstance(data, dict) and isinstance(data.get("metrics"), list):
        data = data["metrics"]
    entries = data if isinstance(data, list) else [data]
    if len(entries) > _MAX_EVENTS:
        raise Rejected(f"more than {_MAX_EVENTS} entries in one body; send smaller batches")
    events: list[Event] = []
    invalid = 0
    for entry in entries:
        made = read(entry, now_ms) if isinstance(entry, dict) else []
        events.extend(made)
        invalid += not made
        if len(events) > _MAX_EVENTS:
            raise Rejected(f"more than {_MAX_EVENTS} events in one body; send smaller batches")
    if invalid and not events:
        raise Rejected(INVALID)
    return Pushed(events, invalid)


def _metric(item: Item, now_ms: int) -> list[Event]:
    name, value = item.get("name"), _number(item.get("value"))
    if not isinstance(name, str) or not name.strip() or len(name) > _MAX_NAME or value is None:
        return []
    tags = item.get("tags")
    event = _event(name, value, _tags(tags if isinstance(tags, dict) else {}), item, now_ms)
    return [msgspec.structs.replace(event, kind=_kind(name))]


def _kind(name: str) -> str:
    if name.startswith("web_vitals"):
        return "web_vital"
    if name in _DEPLOYS:
        return "deploy"
    return "action" if name == "user_action" else "metric"


def _web_vital(item: Item, now_ms: int) -> list[Event]:
    metric, value = item.get("metric", item.get("name")), _number(item.get("value"))
    if not isinstance(metric, str) or not metric or value is None:
        return []
    tags = {**_tags(item, without=("metric", "name", "value")), "metric": metric}
    event = _event("web_vitals", value, tags, item, now_ms)
    return [msgspec.structs.replace(event, kind="web_vital")]


def _page_performance(item: Item, now_ms: int) -> list[Event]:
    return _measures(item, now_ms, "page_performance")


def _slow_render(item: Item, now_ms: int) -> list[Event]:
    return _measures(item, now_ms, "slow_render")


def _measures(item: Item, now_ms: int, name: str) -> list[Event]:
    """One event for each number of the object; its texts are the tags of all of them."""
    numbers = {
        key: number
        for key, value in item.items()
        if key != "timestamp" and (number := _number(value)) is not None
    }
    texts = _tags({key: value for key, value in item.items() if isinstance(value, str)})
    return [
        msgspec.structs.replace(
            _event(name, value, {**texts, "metric": key}, item, now_ms), kind=name
        )
        for key, value in list(numbers.items())[:_MAX_TAGS]
    ]


def _page_view(item: Item, now_ms: int) -> list[Event]:
    tags = _tags(item)
    page = tags.pop("path", "") or tags.get("page", "")
    if not page:
        return []
    event = _event("page_view", 1.0, {**tags, "page": page}, item, now_ms)
    return [msgspec.structs.replace(event, kind="page_view")]


def _event(name: str, value: float, tags: dict[str, str], item: Item, now_ms: int) -> Event:
    known = {
        field: next((tags[tag] for tag in names if tag in tags), "")
        for field, names in _FIELDS.items()
    }
    at = timestamp_ms(item.get("timestamp"), now_ms)
    return Event(ts_ms=at, name=name, value=value, attributes=tags, **known)


def _tags(item: Item, without: tuple[str, ...] = ()) -> dict[str, str]:
    tags: dict[str, str] = {}
    for key, value in item.items():
        if key in ("timestamp", *without) or value is None or len(tags) >= _MAX_TAGS:
            continue
        tags[key] = _text(value)[:_MAX_TAG_VALUE]
    return tags


def _text(value: Any) -> str:  # any value of JSON
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return msgspec.json.encode(value).decode()


def _number(value: object) -> float | None:
    """A finite number; JSON's true is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def timestamp_ms(value: object, now_ms: int) -> int:
    """Milliseconds from a number of milliseconds or seconds or an ISO text; else `now_ms`."""
    number = _number(value)
    if number is not None and 0 < number < 1e15:
        return round(number * 1000) if number < _SECONDS_BELOW else round(number)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return now_ms
        return round(moment.timestamp() * 1000) if moment.tzinfo else now_ms
    return now_ms
