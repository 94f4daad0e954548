"""How is it told in words who hears of an alert, when and why?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

import msgspec

from tocsin.alert.routing.route import Route
from tocsin.alert.trying.route_timeline import Forecast, Message, Quiet
from tocsin.kit.quantity import Duration

_SHOWN_REPEATS = 3


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the timeline. `kind` is "fires", "told", "quiet" or "ends"; `after` is seconds
    since the alert began to fire; `receivers` are those that it is about, none when all."""

    at_ms: int
    after: float
    kind: str
    receivers: tuple[str, ...] = ()
    words: str


def story(forecast: Forecast, routes: Sequence[Route], zone: tzinfo) -> list[Event]:
    """The timeline, oldest first; of many repeats to one receiver the first three and a count."""
    by_number = {route.number: route for route in routes}
    events = [
        _event(forecast, forecast.at_ms, "fires", "the alert fires"),
        *_told(forecast, by_number),
        *(_quiet(forecast, one, by_number, zone) for one in forecast.quiet),
    ]
    if forecast.ends_ms <= forecast.seen_ms:
        events.append(_event(forecast, forecast.ends_ms, "ends", "the alert is over"))
    order = {"fires": 0, "quiet": 1, "ends": 2, "told": 3}
    return sorted(events, key=lambda event: (event.at_ms, order[event.kind]))


def clock_words(at_ms: int, zone: tzinfo) -> str:
    """ "Sunday 2026-05-03 03:00:30"."""
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%A %Y-%m-%d %H:%M:%S}"


def _event(forecast: Forecast, at_ms: int, kind: str, words: str, *receivers: str) -> Event:
    after = (at_ms - forecast.at_ms) / 1000
    return Event(at_ms=at_ms, after=after, kind=kind, receivers=receivers, words=words)


def _told(forecast: Forecast, routes: dict[int, Route]) -> Iterator[Event]:
    """What is told at one moment for one reason is one line."""
    repeats: dict[tuple[str, int], int] = {}
    last: dict[tuple[str, int], Message] = {}
    lines: dict[tuple[int, str], list[Message]] = {}
    for message in forecast.messages:
        place = (message.receiver, message.route)
        reason = _reason(forecast, message, routes.get(message.route))
        if message.why == "repeat":
            repeats[place] = repeats.get(place, 0) + 1
            last[place] = message
            if repeats[place] > _SHOWN_REPEATS:
                continue
        lines.setdefault((message.at_ms, reason), []).append(message)
    for (at_ms, reason), messages in lines.items():
        names = _joined([f"{one.receiver}{_by(one)}" for one in messages])
        verb = "is" if len(messages) == 1 else "are"
        receivers = [one.receiver for one in messages]
        yield _event(forecast, at_ms, "told", f"{names} {verb} told: {reason}", *receivers)
    more: dict[tuple[int, int], list[str]] = {}
    for place, message in last.items():
        if repeats[place] > _SHOWN_REPEATS:
            left = repeats[place] - _SHOWN_REPEATS
            more.setdefault((message.at_ms, left), []).append(message.receiver)
    for (at_ms, left), who in more.items():
        times = "the last time" if left == 1 else f"the last of {left} more times"
        verb = "is" if len(who) == 1 else "are"
        yield _event(forecast, at_ms, "told", f"{_joined(who)} {verb} told {times}", *who)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _by(message: Message) -> str:
    by = ", ".join(message.via)
    if message.alerts > 1:
        others = message.alerts - 1
        by += f", with {others} other alert{'' if others == 1 else 's'}"
    return f" ({by})"


def _reason(forecast: Forecast, message: Message, route: Route | None) -> str:
    if message.why == "resolved":
        return "it is over"
    if message.why == "change":
        return "its group has changed (group_interval)"
    if route is None:
        return "again" if message.why == "repeat" else "first"
    if message.why == "repeat":
        return f"again, after repeat_interval {_span(route.repeat_interval_ms)}"
    wait = forecast.at_ms + route.group_wait_ms
    if route.escalates and message.at_ms == wait:
        return route.words
    if message.at_ms <= wait:
        return f"first, after group_wait {_span(route.group_wait_ms)}"
    return f"first, at the next look (every group_interval {_span(route.group_interval_ms)})"


def _quiet(forecast: Forecast, one: Quiet, routes: dict[int, Route], zone: tzinfo) -> Event:
    route = routes.get(one.route)
    who = "nobody is" if route is None else f"{route.receiver} is not"
    if one.until_ms:
        until = f"before {clock_words(one.until_ms, zone)}"
    else:
        until = "as far as this looks ahead"
    words = f"{who} told {until}: {one.why}"
    about = (route.receiver,) if route else ()
    return _event(forecast, max(one.from_ms, forecast.at_ms), "quiet", words, *about)


def _span(ms: int) -> str:
    return str(Duration(ms / 1000))
