"""How large is a unit in which people speak, of the one that PromQL's numbers are in?"""

from __future__ import annotations

TIMES = {
    **dict.fromkeys(("ns",), 1e-9),
    **dict.fromkeys(("us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("ms", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
}
SIZES = {"B": 1.0, "bytes": 1.0} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("KMGTP", start=1)
    for ending, base in (("B", 1000.0), ("iB", 1024.0))
}
SIZES["kB"] = 1000.0
PERCENT = 0.01
_ALL = {"%": PERCENT, **TIMES, **SIZES}


def in_unit(value: float, unit: str) -> float:
    """A value of PromQL's basic unit as so many of this one; as it is where the unit is unknown."""
    return value / _ALL.get(unit, 1.0)


def dimension_of(unit: str) -> str:
    """What its basic unit is called: "seconds", "bytes", "ratio"; empty where it is unknown."""
    kinds = (("seconds", TIMES), ("bytes", SIZES), ("ratio", {"%": PERCENT}))
    return next((name for name, units in kinds if unit in units), "")
