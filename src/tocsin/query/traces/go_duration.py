"""How long is `1m30s`? Durations as Go writes them, which Jaeger and Tempo take."""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected

_PART = re.compile(r"(\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LONGEST_NS = (1 << 63) - 1


def go_duration_ns(text: str) -> int:
    """Nanoseconds of `1m30s`, `1.5s`, `250us` or `0`. Raises Rejected for anything else.

    https://pkg.go.dev/time#ParseDuration
    """
    plain = text.strip()
    if plain == "0":
        return 0
    at, total = 0, 0.0
    while found := _PART.match(plain, at):
        total += float(found[1]) * _NS[found[2]]
        at = found.end()
    if not at or at != len(plain) or total > _LONGEST_NS:
        raise Rejected(f"{text[:40]!r} is no duration; write 250us, 500ms, 1.5s or 1m30s")
    return round(total)
