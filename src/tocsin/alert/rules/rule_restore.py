"""What was known of a rule's alerts before Tocsin was away? Read from the series it wrote."""

from __future__ import annotations

from tocsin.alert.rules.doubt import is_watched
from tocsin.alert.rules.ports import Surroundings
from tocsin.alert.rules.rule_file import Unknown
from tocsin.alert.rules.rule_run import ALERTS, FOR_STATE, RuleRun
from tocsin.alert.rules.state import Phase, restored
from tocsin.model.labels import NAME, Labels, Matcher, MatchOp
from tocsin.model.samples import is_stale

_STATE_SAMPLES = 5_000_000


async def restore_rule(run: RuleRun, around: Surroundings, now_ms: int) -> None:
    """Give the rule's alerts the time that they had been active for, as Prometheus does for those
    with a `for` of `grace_ms` or more; and go on with those that fired and may not have recovered.

    Raises a Fault when the series cannot be read.
    """
    rule = run.rule
    goes_on = is_watched(rule) or rule.on_error is Unknown.ALERT
    keeps_time = rule.hold_ms >= around.grace_ms and bool(run.active)
    if not goes_on and not keeps_time:
        return
    known = await _last(around, FOR_STATE, rule.name, now_ms)
    if keeps_time:
        after = dict(run.active)
        for labels, (seen_ms, value) in known.items():
            alert = after.get(labels)
            if alert is None or alert.phase is Phase.INACTIVE:
                continue
            after[labels] = restored(
                alert,
                seen_ms=seen_ms,
                active_ms=int(value) * 1000,
                now_ms=now_ms,
                hold_ms=rule.hold_ms,
                grace_ms=around.grace_ms,
            )
        run.active = after
    if not goes_on:
        return
    for stated in await _last(around, ALERTS, rule.name, now_ms):
        labels = tuple(pair for pair in stated if pair[0] != "alertstate")
        if ("alertstate", "firing") in stated and labels in known and labels not in run.active:
            run.revive(labels, int(known[labels][1]) * 1000, now_ms)


async def _last(
    around: Surroundings, metric: str, alert: str, now_ms: int
) -> dict[Labels, tuple[int, float]]:
    """The last sample of each series of an alert that has not ended: its time and value."""
    matchers = [
        Matcher(NAME, MatchOp.EQUAL, metric),
        Matcher("alertname", MatchOp.EQUAL, alert),
    ]
    data = await around.source.select(
        matchers, now_ms - around.outage_ms, now_ms, limit_samples=_STATE_SAMPLES
    )
    stale = is_stale(data.values)
    found: dict[Labels, tuple[int, float]] = {}
    for row, labels in enumerate(data.labels):
        last = int(data.offsets[row + 1]) - 1
        if not stale[last]:
            key = tuple(pair for pair in labels if pair[0] != NAME)
            found[key] = int(data.ts[last]), float(data.values[last])
    return found
