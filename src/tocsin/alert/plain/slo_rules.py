"""Which rules does an objective come to? Recorded windows, the budget, and burn-rate alerts.

The alerts are those of the SRE workbook's chapter "Alerting on SLOs": a long window says that it
matters, a short one that it is still going on. For a budget of 30 days they fire at 14.4 and 6
times the rate that would use it up exactly (to wake somebody), at 3 times and at once (a ticket).
Long windows are made of the recorded rates of five minutes, so that they cost little. They tell the
share of what was counted: time without data is neither good nor bad. Only what comes before the
objective was known at all counts as good, so that its first bad minutes do not look like days.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tocsin.alert.plain.slo import Slo
from tocsin.alert.rules.rule_file import Rule, RuleGroup
from tocsin.model.labels import Labels
from tocsin.query.promql.durations import format_duration
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text
from tocsin.query.promql.quoting import quote

ALERT = "SloBudgetBurn"
BAD, TOTAL = "slo:bad:rate5m", "slo:total:rate5m"
BUDGET_LEFT = "slo:budget_left:ratio"
BURN_RATE = "slo:burn_rate:1h"
WHOLE = "slo:bad_ratio:window"
OBJECTIVE = "slo:objective:ratio"
SINCE = "slo:since:timestamp_seconds"
"""Since when something is known of an objective, within its window."""

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_FAST_EVERY_MS = _MINUTE_MS
_SURE_MS = 2 * _HOUR_MS
"""Longer windows are diminished while the objective is younger than they are."""
_SLOW_EVERY_MS = 2 * _MINUTE_MS


@dataclass(frozen=True, slots=True)
class Burn:
    """One alert: `share` of the whole budget used within the long window is too much."""

    share: float
    long_ms: int
    short_ms: int
    is_page: bool

    def factor(self, window_ms: int) -> float:
        """How many times faster than allowed the budget burns then; once at the least."""
        return max(1.0, round(self.share * window_ms / self.long_ms, 6))


BURNS = (
    Burn(0.02, _HOUR_MS, 5 * _MINUTE_MS, is_page=True),
    Burn(0.05, 6 * _HOUR_MS, 30 * _MINUTE_MS, is_page=True),
    Burn(0.10, _DAY_MS, 2 * _HOUR_MS, is_page=False),
    Burn(0.10, 3 * _DAY_MS, 6 * _HOUR_MS, is_page=False),
)
_FAST = (5 * _MINUTE_MS, 30 * _MINUTE_MS, _HOUR_MS, 2 * _HOUR_MS, 6 * _HOUR_MS)
_SLOW = (_DAY_MS, 3 * _DAY_MS)


def ratio(window_ms: int) -> str:
    """The recorded share of what failed within a window."""
    return f"slo:bad_ratio:{format_duration(window_ms)}"


def slo_groups(slos: Sequence[Slo]) -> list[RuleGroup]:
    """Two groups for each: what must be known within a minute, and what changes slowly."""
    groups = []
    for slo in slos:
        file = slo.place.file
        fast, slow = tuple(_fast(slo)), tuple(_slow(slo))
        groups += [
            RuleGroup(f"slo {slo.name}", file, _FAST_EVERY_MS, 0, 0, fast),
            RuleGroup(f"slo {slo.name}, long windows", file, _SLOW_EVERY_MS, 0, 0, slow),
        ]
    return groups


def slo_warnings(slos: Sequence[Slo]) -> Iterator[str]:
    """Alerts that are left out, because even if everything failed they could not fire."""
    for slo in slos:
        for burn in BURNS:
            if not _can_fire(slo, burn):
                share = f"{slo.objective * 100:g}%"
                yield (
                    f"{slo.place}: slos: {slo.name}: with an objective of {share} the alert over "
                    f"{format_duration(burn.long_ms)} could never fire; left out"
                )


def _can_fire(slo: Slo, burn: Burn) -> bool:
    return burn.factor(slo.window_ms) * slo.budget < 1


def _fast(slo: Slo) -> Iterator[Rule]:
    yield _recorded(slo, TOTAL, slo.total)
    yield _recorded(slo, BAD, slo.bad)
    yield _recorded(slo, OBJECTIVE, f"vector({slo.objective!r})")
    for window_ms in _FAST:
        yield _recorded(slo, ratio(window_ms), _over(slo, window_ms))
    yield _recorded(slo, BURN_RATE, f"{_of(slo, ratio(_HOUR_MS))} / {slo.budget!r}")
    yield from (_alert(slo, burn) for burn in BURNS if burn.is_page and _can_fire(slo, burn))


def _slow(slo: Slo) -> Iterator[Rule]:
    yield _recorded(slo, SINCE, _since(slo))
    for window_ms in _SLOW:
        yield _recorded(slo, ratio(window_ms), _over(slo, window_ms))
    yield _recorded(slo, WHOLE, _over(slo, slo.window_ms))
    yield _recorded(slo, BUDGET_LEFT, f"1 - {_of(slo, WHOLE)} / {slo.budget!r}")
    yield from (_alert(slo, burn) for burn in BURNS if not burn.is_page and _can_fire(slo, burn))


def _of(slo: Slo, metric: str) -> str:
    return f"{metric}{{slo={quote(slo.name)}}}"


def _over(slo: Slo, window_ms: int) -> str:
    """The share of all that failed; nothing when nothing happened."""
    if window_ms == _FAST[0]:
        return f"{_of(slo, BAD)} / ({_of(slo, TOTAL)} > 0)"
    span = format_duration(window_ms)
    bad, total = (f"sum_over_time({_of(slo, one)}[{span}])" for one in (BAD, TOTAL))
    share = f"{bad} / ({total} > 0)"
    if window_ms <= _SURE_MS:
        return share
    since = f"last_over_time({_of(slo, SINCE)}[1h])"
    age = f"clamp_max((time() - {since}) / {window_ms // 1000}, 1)"
    return f"{share} * on() group_left() {age}"


def _since(slo: Slo) -> str:
    """Its own last value; at first as long ago as there are rates."""
    span = format_duration(slo.window_ms)
    rates = f"max(count_over_time({_of(slo, TOTAL)}[{span}]))"
    first = f"vector(time()) - {_FAST_EVERY_MS // 1000} * ({rates} or vector(0))"
    return f"min(last_over_time({_of(slo, SINCE)}[{span}])) or {first}"


def _labels(slo: Slo, **more: str) -> Labels:
    return tuple(sorted({**dict(slo.labels), "slo": slo.name, **more}.items()))


def _recorded(slo: Slo, name: str, expr: str) -> Rule:
    return Rule(name, to_text(parse(expr)), _labels(slo), is_alert=False, place=slo.place)


def _alert(slo: Slo, burn: Burn) -> Rule:
    factor = burn.factor(slo.window_ms)
    bound = f"{round(factor * slo.budget, 12)!r}"
    long, short = (_of(slo, ratio(ms)) for ms in (burn.long_ms, burn.short_ms))
    span = format_duration(burn.long_ms)
    lasts = format_duration(int(slo.window_ms / factor) // _HOUR_MS * _HOUR_MS)
    said = {
        "summary": f"{slo.name} burns its error budget more than {factor:g} times too fast",
        "description": (
            f"{{{{ $value | humanizePercentage }}}} failed in the last {span}, "
            f"{slo.budget * 100:g}% may. At this rate the budget of "
            f"{format_duration(slo.window_ms)} lasts {lasts}."
            + (f" {slo.about}" if slo.about else "")
        ),
        **({"runbook_url": slo.runbook} if slo.runbook else {}),
    }
    severity = slo.severity if burn.is_page else slo.ticket_severity
    return Rule(
        name=ALERT,
        expr=to_text(parse(f"{long} > {bound} and {short} > {bound}")),
        labels=_labels(slo, severity=severity, window=span),
        is_alert=True,
        annotations=tuple(sorted(said.items())),
        place=slo.place,
    )
