"""What becomes of an alert on one route, and why? A pure function over plain data.

The dispatcher tells by the very parts of it (`holding.holds`, `due.due`, `share`), and what it was
given is kept, so that every decision can be made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from tocsin.alert.deciding import chain
from tocsin.alert.deciding.chain import Step
from tocsin.alert.deciding.due import Due, Telling, due
from tocsin.alert.deciding.holding import Basis, Facts, Hold, Stage, fires, holds, may_tell_end
from tocsin.alert.routing.route import matching, why_muted
from tocsin.model.labels import Labels


class Place(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The group that the alert is told in; `due_ms` is when the group is looked at next, 0 when it
    is being looked at."""

    route: int
    group_key: str
    group_labels: Labels = ()
    size: int = 1
    due_ms: int = 0


class Delivered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a message to one integration went; `notification` is its number in the history, 0 when
    it has none."""

    integration: str
    is_taken: bool
    at_ms: int
    took_ms: int = 0
    error: str = ""
    notification: int = 0


class Inputs(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All that a decision is made of, besides the configuration. Integrations are named.

    `owed_to` are to be told of its end though it is held back, `untold_to` have not heard of the
    alert as it is now. `place` None: there are no routes.
    """

    facts: Facts
    place: Place | None = None
    tellings: tuple[Telling, ...] = ()
    owed_to: frozenset[str] = frozenset()
    untold_to: frozenset[str] = frozenset()
    deliveries: tuple[Delivered, ...] = ()


class Outcome(StrEnum):
    """What a decision comes to."""

    TOLD = "told"
    """It was news to somebody, who is told."""
    REPEATED = "repeated"
    ALONG = "told along"
    """It is in a message that is sent because of another alert."""
    HELD = "held back"
    KNOWN = "no news"
    """Everybody has heard of it."""
    UNHEARD = "over before it was told"
    NOBODY = "nobody is told"
    """No route, or a receiver without a way of telling."""
    WAITS = "waits"


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of it. `told` are the integrations whose message it is in."""

    outcome: Outcome
    summary: str
    receiver: str
    told: tuple[str, ...]
    holds: tuple[Hold, ...]
    steps: tuple[Step, ...]


def share(
    telling: Telling, why: Due, *, fires: bool, is_held: bool, is_owed: bool, is_news: bool
) -> Outcome | None:
    """What of one alert goes into a message: None when it is not in it, or there is none."""
    if not why.is_told or (is_held and not is_owed):
        return None
    if not fires and not telling.sends_resolved:
        return None
    if why is Due.REPEAT:
        return Outcome.REPEATED
    return Outcome.TOLD if is_news else Outcome.ALONG


def decide(basis: Basis, inputs: Inputs) -> Decision:
    """The whole decision; equal inputs give equal decisions, at any time and in any process."""
    facts, place = inputs.facts, inputs.place
    route = basis.route(place.route) if place is not None else None
    if place is None or route is None or basis.root is None:
        return Decision(
            outcome=Outcome.NOBODY,
            summary="nobody is told: no configuration of routes is in force",
            receiver="",
            told=(),
            holds=(),
            steps=(chain.evaluation(basis, facts), chain.nobody()),
        )
    muted = why_muted(route, basis.intervals, facts.at_ms)
    reasons = holds(basis, facts, muted, escalates=route.escalates)
    shares = dict(_shares(basis, inputs, reasons))
    outcome = _outcome(basis, inputs, reasons, tuple(shares.values()))
    told = tuple(name for name, one in shares.items() if one is not None)
    held = {one.stage: one for one in reasons}
    everywhere = matching(basis.root, facts.alert.labels)
    steps = (
        chain.evaluation(basis, facts),
        chain.routed(basis.root, route, everywhere),
        chain.grouped(route, place.group_key, place.group_labels, place.size, place.due_ms),
        *(chain.passed_or_held(stage, held.get(stage)) for stage in chain.BEFORE),
        chain.acknowledged(facts, inputs.tellings, held.get(Stage.ACKNOWLEDGED)),
        chain.flapping(basis, facts),
        chain.passed_or_held(Stage.DEPENDENCY, held.get(Stage.DEPENDENCY)),
        *(chain.repeat(one, due(one), is_in=one.integration in told) for one in inputs.tellings),
        *(
            chain.delivery(
                one.integration, one.is_taken, one.at_ms, one.took_ms, one.error, one.notification
            )
            for one in inputs.deliveries
        ),
    )
    return Decision(
        outcome=outcome,
        summary=_summary(outcome, route.receiver, reasons, told, inputs),
        receiver=route.receiver,
        told=told,
        holds=reasons,
        steps=steps,
    )


def _shares(
    basis: Basis, inputs: Inputs, reasons: tuple[Hold, ...]
) -> Iterator[tuple[str, Outcome | None]]:
    may_end = may_tell_end(basis, inputs.facts, reasons)
    for one in inputs.tellings:
        yield (
            one.integration,
            share(
                one,
                due(one),
                fires=fires(basis, inputs.facts),
                is_held=bool(reasons),
                is_owed=may_end and one.integration in inputs.owed_to,
                is_news=one.integration in inputs.untold_to,
            ),
        )


_ORDER = (Outcome.TOLD, Outcome.REPEATED, Outcome.ALONG)


def _outcome(
    basis: Basis, inputs: Inputs, reasons: tuple[Hold, ...], shares: tuple[Outcome | None, ...]
) -> Outcome:
    for one in _ORDER:
        if one in shares:
            is_waiting = inputs.place is not None and inputs.place.due_ms >= inputs.facts.at_ms
            return Outcome.WAITS if is_waiting else one
    if reasons:
        return Outcome.HELD
    if not inputs.tellings:
        return Outcome.NOBODY
    is_heard = any(one.told or one.sent_ms for one in inputs.tellings)
    if not fires(basis, inputs.facts) and not is_heard:
        return Outcome.UNHEARD
    return Outcome.KNOWN


def _summary(
    outcome: Outcome,
    receiver: str,
    reasons: tuple[Hold, ...],
    told: tuple[str, ...],
    inputs: Inputs,
) -> str:
    match outcome:
        case Outcome.TOLD | Outcome.REPEATED | Outcome.ALONG:
            return _told(outcome, receiver, told, inputs.deliveries)
        case Outcome.HELD:
            return reasons[0].words
        case Outcome.NOBODY:
            return f"nobody is told: the receiver {receiver} has no way of telling"
        case Outcome.WAITS:
            return f"{receiver} is told by {', '.join(told)} when the group is looked at next"
        case Outcome.UNHEARD:
            return "it was over before anybody was told"
        case Outcome.KNOWN:
            ack = inputs.facts.acknowledgement
            if ack is not None and Due.ACKNOWLEDGED in (due(one) for one in inputs.tellings):
                return f"{receiver} is not told again: acknowledged by {ack.by}"
            return f"{receiver} has heard of it; nothing is repeated yet"


def _told(
    outcome: Outcome, receiver: str, told: tuple[str, ...], deliveries: tuple[Delivered, ...]
) -> str:
    """Whom it has reached, whom not, and what is on its way."""
    answered = {one.integration: one.is_taken for one in deliveries}
    taken = ", ".join(one for one in told if answered.get(one))
    failed = ", ".join(one for one in told if answered.get(one) is False)
    waiting = ", ".join(one for one in told if one not in answered)
    parts = (
        f"{outcome.value}: {receiver} by {taken}" if taken else "",
        f"{receiver} could not be told by {failed}" if failed else "",
        f"on its way to {receiver} by {waiting}" if waiting else "",
    )
    return "; ".join(part for part in parts if part)
