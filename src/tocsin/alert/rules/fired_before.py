"""Which other alerts fired in the past, and could have held one back? From the series ALERTS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tocsin.alert.routing.inhibit import InhibitRule
from tocsin.alert.routing.matchers import matches_all
from tocsin.alert.rules.rule_run import ALERTS
from tocsin.model import labels as model
from tocsin.model.alerts import Alert
from tocsin.model.labels import NAME, Labels, Matcher, MatchOp
from tocsin.model.samples import is_stale
from tocsin.model.series import SeriesData, SeriesSource

_MOST_SAMPLES = 5_000_000
_GAP_MS = 300_000
"""A series without a sample for longer has ended, as an instant query sees it."""


async def sources_of_inhibition(
    source: SeriesSource,
    rules: Sequence[InhibitRule],
    apart_from: str,
    external: Labels,
    span_ms: tuple[int, int],
    *,
    everything: bool = False,
) -> list[Alert]:
    """The alerts of other rules that fired in that time and that an inhibit rule names as a
    source, or every one, by when they began. Raises TooLarge beyond 5 million samples of ALERTS."""
    if not rules and not everything:
        return []
    matchers = [
        Matcher(NAME, MatchOp.EQUAL, ALERTS),
        Matcher("alertstate", MatchOp.EQUAL, "firing"),
        Matcher("alertname", MatchOp.NOT_EQUAL, apart_from),
    ]
    data = await source.select(matchers, *span_ms, limit_samples=_MOST_SAMPLES)
    found: list[Alert] = []
    for row, labels in enumerate(data.labels):
        plain = {name: value for name, value in labels if name not in (NAME, "alertstate")}
        named = model.from_mapping({**dict(external), **plain})
        if everything or any(matches_all(rule.source, named) for rule in rules):
            found += [
                Alert(labels=named, starts_ms=begin, ends_ms=end)
                for begin, end in stretches(data, row)
            ]
    return sorted(found, key=lambda alert: alert.starts_ms)


def stretches(data: SeriesData, row: int) -> Iterator[tuple[int, int]]:
    """When a series was there: from its first sample to its end or to a long gap."""
    low, high = int(data.offsets[row]), int(data.offsets[row + 1])
    begin = last = 0
    times = data.ts[low:high].tolist()
    ended = is_stale(data.values[low:high]).tolist()
    for at_ms, is_end in zip(times, ended, strict=True):
        if begin and (is_end or at_ms - last > _GAP_MS):
            yield begin, at_ms if is_end else last + _GAP_MS
            begin = 0
        if not is_end:
            begin, last = begin or at_ms, at_ms
    if begin:
        yield begin, last + _GAP_MS
