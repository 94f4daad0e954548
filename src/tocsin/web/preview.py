"""What would a silence or a maintenance window of these conditions hide?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from tocsin.alert.routing.matchers import matches_all, parse_matchers
from tocsin.kit.fault import Rejected, TooLarge
from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.web.services import services

if TYPE_CHECKING:
    from tocsin.alert.deciding.dispatch import AlertState

_WEEK_MS = 7 * 86_400_000
_LIMIT_SECONDS = 2.0
_MOST_SERIES = 100_000
_MOST_MATCHERS = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """The alerts that match now, and how many alerts of rules fired in the last week that would
    have; None when that cannot be said quickly."""

    matchers: Sequence[Matcher]
    now: Sequence[AlertState]
    week: int | None


def matchers_of(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """The conditions of a form or an address, each text one or more in Alertmanager's notation;
    raises Rejected when there are none, or none that excludes anything."""
    found = tuple(m for text in texts if text.strip() for m in parse_matchers(text.strip()))
    if not found:
        raise Rejected('name the alerts by a condition, such as service="api"')
    if len(found) > _MOST_MATCHERS:
        raise Rejected(f"at most {_MOST_MATCHERS} conditions can be combined")
    if all(matcher.matches("") for matcher in found):
        raise Rejected(
            "at least one condition must not match the empty string; for every alert write "
            'alertname=~".+"'
        )
    return found


async def preview(request: Request, matchers: Sequence[Matcher]) -> Preview:
    """What such conditions hold for."""
    used = services(request)
    now = [one for one in used.alerts.states() if matches_all(matchers, one.alert.labels)]
    now.sort(key=lambda one: (one.alert.starts_ms, one.alert.labels))
    return Preview(matchers, now, await _week(request, matchers))


async def _week(request: Request, matchers: Sequence[Matcher]) -> int | None:
    used = services(request)
    own = [
        Matcher(NAME, MatchOp.EQUAL, "ALERTS"),
        Matcher("alertstate", MatchOp.EQUAL, "firing"),
        *matchers,
    ]
    now = used.clock.now_ms()
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            return len(await used.source.series([own], now - _WEEK_MS, now, _MOST_SERIES))
    except (TimeoutError, TooLarge):
        return None
