"""What is an OpenTelemetry metric called in Prometheus?

https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

_NOT_METRIC = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_UNDERSCORES = re.compile(r"_+")

_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tebibytes",
    "kBy": "kilobytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}

_PER = {
    "s": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}


@lru_cache(maxsize=16_384)
def metric_name(name: str, unit: str, kind: str, *, suffixes: bool = True) -> str:
    """The name that PromQL knows it by; empty when nothing of the name is left.

    `kind` is counter, gauge, or anything else for a metric without a suffix of its own.
    """
    words = [word for word in _NOT_METRIC.split(name) if word]
    if suffixes:
        for word in unit_words(unit):
            if word and word not in words:
                words.append(word)
        if kind == "counter":
            words = [word for word in words if word != "total"] + ["total"]
        # Many instruments count things in unit 1; only a gauge of it is a ratio.
        if kind == "gauge" and unit == "1":
            words = [word for word in words if word != "ratio"] + ["ratio"]
    whole = "_".join(words)
    return f"_{whole}" if whole[:1].isdigit() else whole


def unit_words(unit: str) -> tuple[str, str]:
    """The unit and "per" what, as suffixes: `By/s` is ("bytes", "per_second")."""
    main, _, per = unit.partition("/")
    return _word(main, _UNITS), f"per_{word}" if (word := _word(per, _PER)) else ""


def _word(unit: str, known: dict[str, str]) -> str:
    unit = unit.strip()
    if "{" in unit or "}" in unit:
        return ""
    word = known.get(unit, unit)
    return _UNDERSCORES.sub("_", _NOT_METRIC.sub("_", word)).strip("_")


@lru_cache(maxsize=16_384)
def label_name(key: str) -> str:
    """An attribute's key as a label name; empty when nothing of it is left."""
    name = _NOT_LABEL.sub("_", key)
    if not name.strip("_"):
        return ""
    if name[0].isdigit():
        return f"key_{name}"
    if name.startswith("_") and not name.startswith("__"):
        return f"key{name}"
    return name


@lru_cache(maxsize=16_384)
def bound_text(bound: float) -> str:
    """A bucket's bound or a quantile as Prometheus writes it for OTLP: 1, 0.5, 1000000."""
    if bound != bound or bound in (float("inf"), float("-inf")):
        return {"inf": "+Inf", "-inf": "-Inf"}.get(str(bound), "NaN")
    text = f"{Decimal(repr(bound)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
