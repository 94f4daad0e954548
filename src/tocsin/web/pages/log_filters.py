"""How do the templates of the logs pages write times and questions?"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from tocsin.query.logs.compare import quoted
from tocsin.web.pages.log_asked import part_of, with_part

_SECOND_NS = 1_000_000_000


def nano_iso(ts_ns: int) -> str:
    """RFC 3339 in UTC, milliseconds: 2026-11-21T14:02:11.123Z."""
    seconds, rest = divmod(ts_ns, _SECOND_NS)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest // 1_000_000:03d}Z"


def nano_clock(ts_ns: int) -> str:
    """As short as a list has room for, in UTC, until script makes it local: 11-21 14:02:11.123."""
    return nano_iso(ts_ns)[5:-1].replace("T", " ")


def nano(seconds: float) -> int:
    """Whole nanoseconds of seconds, exact to the millisecond."""
    return round(seconds * 1000) * 1_000_000


def utc_short(seconds: float) -> str:
    """The ends of an axis until script makes them local."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%b %d %H:%M UTC")


def times(ratio: float) -> str:
    """How many times as often: "60×", "2.5×", "⅓×" as "0.33×"."""
    return f"{ratio:,.0f}×" if ratio >= 10 else f"{ratio:.1f}×" if ratio >= 1 else f"{ratio:.2f}×"


def as_series(question: str) -> str:
    """The PromQL of how many lines answered a question in the five minutes before."""
    escaped = question.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'logs{{q="{escaped}", in="5m"}}'


def alert_path(question: str) -> str:
    """The page that makes an alert of a question, its bound still to be chosen."""
    return f"/rules/new?{urlencode({'expr': as_series(question), 'hold': '0s'})}"


FILTERS = {
    "nano": nano,
    "nano_iso": nano_iso,
    "nano_clock": nano_clock,
    "utc_short": utc_short,
    "times": times,
    "as_series": as_series,
    "alert_path": alert_path,
    "quoted": quoted,
    "with_part": with_part,
    "part_of": part_of,
}
