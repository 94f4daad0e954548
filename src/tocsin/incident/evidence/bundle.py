"""What is frozen of an incident? Plain values, written into a file's JSON as they were stored."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tocsin.model.samples import STALE_BITS

FORMAT = 1
OPENED, RESOLVED = "opened", "resolved"

Number = float | str
"""A float64: a JSON number that reads back as the same bits; what JSON has no number for is a
text: "+Inf", "-Inf", "stale" (the end of a series), "NaN", or "nan:" and its 16 hex digits."""

_USUAL_NAN = 0x7FF8000000000000


def number(value: float) -> Number:
    """The value as the file writes it."""
    if math.isfinite(value):
        return value
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    if bits == STALE_BITS:
        return "stale"
    return "NaN" if bits == _USUAL_NAN else f"nan:{bits:016x}"


def value_of(written: Number) -> float:
    """The float64 that was written so, bit for bit. Raises ValueError for another text."""
    if not isinstance(written, str):
        return float(written)
    if written in ("+Inf", "-Inf"):
        return float(written)
    named = {"stale": STALE_BITS, "NaN": _USUAL_NAN}
    bits = named[written] if written in named else int(written.removeprefix("nan:"), 16)
    found: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return found


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """One series: `ts` in ms since the epoch, rising; `values` beside them."""

    labels: Mapping[str, str]
    ts: tuple[int, ...]
    values: tuple[Number, ...]


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The stored samples that a selector finds from `start_ms` to `end_ms`, both included."""

    selector: str
    start_ms: int
    end_ms: int
    series: tuple[Points, ...]
    origin: str = ""
    """Where they were read: "recent", "store" or "rollup"."""


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert's rule looks at: its query over the time, and the stored samples behind it."""

    id: str
    title: str
    alerts: tuple[str, ...] = ()
    """Fingerprints of the alerts that it belongs to."""
    query: str
    unit: str = ""
    thresholds: tuple[float, ...] = ()
    start_ms: int = 0
    end_ms: int = 0
    step_ms: int = 0
    series: tuple[Points, ...] = ()
    stored: tuple[Selection, ...] = ()


class FrozenReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about an alert: who was told or not, and why."""

    id: int
    at_ms: int
    last_ms: int
    count: int
    outcome: str
    summary: str
    receiver: str
    told: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


class FrozenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as it was; `state` is "firing" or "resolved"."""

    fingerprint: str
    state: str
    is_of_incident: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = {}
    starts_ms: int = 0
    ends_ms: int = 0
    value: Number | None = None
    unit: str = ""
    source: str = ""
    generator_url: str = ""
    receivers: tuple[str, ...] = ()
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    receipts: tuple[FrozenReceipt, ...] = ()


class FrozenRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: as it was `written` in plain words (empty when in PromQL), and what it became."""

    name: str
    is_alert: bool
    is_of_incident: bool
    file: str
    group: str
    interval_ms: int
    written: str
    expr: str
    recover: str = ""
    unit: str = ""
    hold_ms: int = 0
    keep_firing_ms: int = 0
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class FrozenLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a log; `ts_ns` in digits, as many programs read numbers as float64."""

    id: str
    ts_ns: str
    service: str
    level: str
    body: str
    host: str = ""
    environment: str = ""
    trace_id: str = ""
    attributes: Mapping[str, str] = {}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that changed: a deploy, a new configuration, a rule. `ref` names it in its kind."""

    at_ms: int
    kind: str
    """"deploy", "configuration", "rule", "silence" …"""
    title: str
    service: str = ""
    author: str = ""
    text: str = ""
    url: str = ""
    ref: str = ""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of the timeline, in base64."""

    id: int
    name: str
    media_type: str
    content: str


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """What the file does not have, and why."""

    what: str
    why: str


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `moment` is "opened" or "resolved"; times in ms since the epoch, UTC."""

    format: int = FORMAT
    tocsin: str
    moment: str
    frozen_ms: int
    start_ms: int
    end_ms: int
    incident: Mapping[str, Any]  # Any: the incident as plain data
    timeline: tuple[Mapping[str, Any], ...] = ()  # Any: an entry as plain data
    graphs: tuple[Graph, ...] = ()
    alerts: tuple[FrozenAlert, ...] = ()
    rules: tuple[FrozenRule, ...] = ()
    lines: tuple[FrozenLine, ...] = ()
    changes: tuple[Change, ...] = ()
    images: tuple[Image, ...] = ()
    routing: str = ""
    """The `alertmanager.yml` in force, secrets hidden."""
    configuration: str = ""
    """The whole configuration in force as YAML, secrets hidden."""
    left_out: tuple[LeftOut, ...] = ()


def embedded(bundle: Bundle) -> str:
    """The bundle as JSON that is inert within HTML: no `<`, `>` or `&` (HTML, 4.12.1.3:
    restrictions for contents of script elements), and no line ends that JSON alone knows."""
    try:
        text = msgspec.json.encode(bundle).decode()
    except UnicodeEncodeError:  # halves of letters, as labels may have them: slower, but whole
        text = json.dumps(msgspec.to_builtins(bundle), allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def plain(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Labels as a mapping."""
    return dict(pairs)
