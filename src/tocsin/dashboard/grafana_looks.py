"""How does a panel of Grafana look: its unit, style, thresholds?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from tocsin.dashboard import loose
from tocsin.dashboard.loose import Table
from tocsin.model.dashboards import Reduce, Style, Threshold, Tone

Note = Callable[[str, str], None]
BELOW_ALL = -1e300
"""Where a threshold begins that holds below all others."""

_UNITS = {
    "": "",
    "none": "",
    "short": "",
    "locale": "",
    "s": "seconds",
    "ms": "ms",
    "dtdurations": "seconds",
    "bytes": "bytes",
    "decbytes": "bytes",
    "Bps": "bytes/s",
    "binBps": "bytes/s",
    "percent": "percent",
    "percentunit": "ratio",
    "reqps": "req/s",
    "ops": "/s",
    "rps": "/s",
    "wps": "/s",
    "iops": "/s",
    "pps": "packets/s",
    "cps": "/s",
    "celsius": "°C",
    "hertz": "Hz",
    "watt": "W",
    "volt": "V",
}
_TONES: tuple[tuple[str, Tone], ...] = (
    ("green", "ok"),
    ("blue", "info"),
    ("yellow", "warning"),
    ("orange", "warning"),
    ("red", "critical"),
    ("#73bf69", "ok"),
    ("#299c46", "ok"),
    ("#56a64b", "ok"),
    ("#37872d", "ok"),
    ("#fade2a", "warning"),
    ("#ff9830", "warning"),
    ("rgba(237, 129, 40", "warning"),
    ("rgba(245, 54, 54", "critical"),
    ("rgba(50, 172, 45", "ok"),
    ("#d44a3a", "critical"),
    ("#f2495c", "critical"),
    ("#e02f44", "critical"),
    ("#c4162a", "critical"),
)
_REDUCES: dict[str, Reduce] = {
    "last": "last",
    "lastNotNull": "last",
    "current": "last",
    "mean": "mean",
    "avg": "mean",
    "min": "min",
    "max": "max",
    "sum": "sum",
    "total": "sum",
}


def unit_of(plain: Table, name: str, note: Note) -> str:
    """Our word for their unit; theirs as it is, and noted, when there is none."""
    unit = loose.text(loose.table(plain, "fieldConfig", "defaults"), "unit")
    axes = loose.tables(plain, "yaxes")
    unit = unit or loose.text(plain, "format") or (loose.text(axes[0], "format") if axes else "")
    if unit.startswith("suffix:"):
        return unit.removeprefix("suffix:").strip()[:20]
    if unit not in _UNITS:
        note(name, f"the unit {unit} is written behind the number as it is")
    return _UNITS.get(unit, unit[:20])


def style_of(plain: Table) -> Style:
    """Lines, areas, bars, or one on the other."""
    custom = loose.table(plain, "fieldConfig", "defaults", "custom")
    stacking = loose.text(loose.table(custom, "stacking"), "mode", "none")
    if stacking != "none" or plain.get("stack") is True:
        return "stacked"
    if loose.text(custom, "drawStyle") == "bars" or plain.get("bars") is True:
        return "bars"
    fill = loose.number(custom, "fillOpacity") or 0
    return "area" if fill >= 10 else "line"


def legend_of(plain: Table) -> Literal["table", "list", "none"]:
    """A table, names, or nothing."""
    legend = loose.table(plain, "options", "legend") or loose.table(plain, "legend")
    if legend.get("showLegend") is False or legend.get("show") is False:
        return "none"
    mode = loose.text(legend, "displayMode")
    if mode == "table" or legend.get("alignAsTable") is True:
        return "table"
    return "none" if mode == "hidden" else "list"


def reduce_of(plain: Table, name: str, note: Note) -> Reduce:
    """What one number says of a range."""
    calcs = loose.texts(loose.table(plain, "options", "reduceOptions"), "calcs")
    wanted = calcs[0] if calcs else loose.text(plain, "valueName") or "last"
    if wanted not in _REDUCES:
        note(name, f"the calculation {wanted}; the last value is shown")
    return _REDUCES.get(wanted, "last")


def thresholds_of(plain: Table, name: str, note: Note) -> list[Threshold]:
    """Where values begin to look otherwise."""
    config = loose.table(plain, "fieldConfig", "defaults", "thresholds")
    if loose.text(config, "mode") == "percentage":
        note(name, "thresholds in percent of the range")
        return []
    if config:
        return _of_steps(config)
    if loose.text(plain, "type") == "singlestat":
        return _of_single(plain)
    return [
        Threshold(at=at, tone="critical" if mode == "critical" else "warning")
        for one in loose.tables(plain, "thresholds")
        if (at := loose.number(one, "value")) is not None
        for mode in (loose.text(one, "colorMode"),)
    ]


def _of_steps(config: Table) -> list[Threshold]:
    found = []
    for step in loose.tables(config, "steps"):
        at, tone = loose.number(step, "value"), _tone(loose.text(step, "color"))
        if at is None and tone in ("ok", "unknown", "info"):
            continue  # what is usual needs no word
        found.append(Threshold(at=BELOW_ALL if at is None else at, tone=tone))
    return found if any(one.tone in ("warning", "critical") for one in found) else []


def _of_single(plain: Table) -> list[Threshold]:
    colours = loose.texts(plain, "colors")
    bounds = [part for part in loose.text(plain, "thresholds").split(",") if part.strip()]
    if not (plain.get("colorValue") or plain.get("colorBackground")):
        return []
    found = []
    for index, colour in enumerate(colours[: len(bounds) + 1]):
        at = loose.number({"at": bounds[index - 1]}, "at") if index else BELOW_ALL
        tone = _tone(colour)
        if at is not None and (index or tone not in ("ok", "unknown", "info")):
            found.append(Threshold(at=at, tone=tone))
    return found


def _tone(colour: str) -> Tone:
    lowered = colour.lower()
    return next((tone for part, tone in _TONES if part in lowered), "unknown")
