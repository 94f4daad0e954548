"""What does a StatsD or DogStatsD datagram say?

github.com/statsd/statsd (docs/metric_types.md) and docs.datadoghq.com, "DogStatsD datagram format".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from tocsin.kit.fault import Rejected

MAX_LINE = 8_192

# Within these no sum becomes infinite: it would stay so for ever.
_LARGEST = 1e100
_LEAST_RATE = 1e-9


class Kind(Enum):
    """The types of StatsD; timers, histograms and distributions are one thing here."""

    COUNTER = "c"
    GAUGE = "g"
    TIMER = "ms"
    HISTOGRAM = "h"
    DISTRIBUTION = "d"
    SET = "s"


@dataclass(frozen=True, slots=True)
class Reading:
    """One line. `values` are texts of a set's members, numbers otherwise.

    `weight` is how many real events stand behind each value (the sample rate's inverse); a gauge
    with a sign changes by its value (`is_relative`).
    """

    name: str
    kind: Kind
    values: tuple[float, ...]
    members: tuple[str, ...]
    weight: float
    tags: tuple[str, ...]
    is_relative: bool


def parse(line: bytes) -> Reading | None:
    """One line; None for events and service checks, which have no place. Raises Rejected."""
    if len(line) > MAX_LINE:
        raise Rejected(f"a line is longer than {MAX_LINE} bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Rejected("a line is not valid UTF-8") from error
    if text.startswith(("_e{", "_sc|")):
        return None
    head, *rest = text.split("|")
    # The name may hold colons in no dialect; values of DogStatsD 1.1 are separated by them.
    name, colon, raw = head.partition(":")
    if not name or not colon or not raw or not rest:
        raise Rejected("a line is not name:value|type")
    try:
        kind = Kind(rest[0])
    except ValueError as error:
        raise Rejected(f"type {rest[0][:20]!r} is not one of c, g, ms, h, d, s") from error
    weight, tags = _options(rest[1:])
    if kind is Kind.SET:
        return Reading(name, kind, (), (raw,), weight, tags, False)
    values = tuple(_number(part) for part in raw.split(":"))
    is_relative = kind is Kind.GAUGE and raw[0] in "+-"
    return Reading(name, kind, values, (), weight, tags, is_relative)


def _options(parts: list[str]) -> tuple[float, tuple[str, ...]]:
    weight = 1.0
    tags: tuple[str, ...] = ()
    for part in parts:
        if part.startswith("@"):
            rate = _number(part[1:])
            if not _LEAST_RATE <= rate <= 1:
                raise Rejected(f"a sample rate is not between {_LEAST_RATE:g} and 1")
            weight = 1 / rate
        elif part.startswith("#"):
            tags = tuple(tag for tag in part[1:].split(",") if tag)
        # Container ids (c:), timestamps (T) and what else may come are of no use here.
    return weight, tags


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise Rejected(f"{text[:40]!r} is no number") from error
    if not math.isfinite(number) or "_" in text or abs(number) > _LARGEST:
        raise Rejected(f"{text[:40]!r} is no number between -{_LARGEST:g} and {_LARGEST:g}")
    return number
