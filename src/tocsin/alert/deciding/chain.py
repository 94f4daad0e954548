"""How is a decision read, link by link? One step for each station of an alert's way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote_plus

import msgspec

from tocsin.alert.deciding.due import Due, Telling
from tocsin.alert.deciding.flap import steady_ms
from tocsin.alert.deciding.holding import Basis, Facts, Hold, Stage, flaps, is_acknowledged
from tocsin.alert.deciding.measured import measured
from tocsin.alert.routing.matchers import matcher_text
from tocsin.alert.routing.route import Route, path_to
from tocsin.kit.quantity import Duration
from tocsin.model.labels import Labels, get

SUPPOSED = "supposed"
"""The source of an alert that is not there: what would become of it if it were?"""

Verdict = Literal["passed", "held", "told", "quiet", "failed", "waits"]


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One link: what was asked, what came of it, in words. `ids` are what it is about; times in
    milliseconds, 0 when there is none: `at_ms` since when, `until_ms` until when it is so."""

    stage: Stage
    verdict: Verdict
    words: str
    detail: str = ""
    ids: tuple[str, ...] = ()
    at_ms: int = 0
    until_ms: int = 0


BEFORE = (Stage.INHIBITION, Stage.SILENCE, Stage.MAINTENANCE, Stage.TIME)
"""What may hold an alert back before anything of Tocsin's own is asked."""

_NOT_HELD = {
    Stage.INHIBITION: "no firing alert holds it back",
    Stage.SILENCE: "no silence matches",
    Stage.MAINTENANCE: "no maintenance is going on",
    Stage.TIME: "the route speaks at this time",
    Stage.DEPENDENCY: "it follows from no other alert that fires",
}


@lru_cache(maxsize=1000)
def _spoken(ms: int) -> str:
    return str(Duration(ms / 1000))


def expression_of(generator_url: str) -> str:
    """The expression that an alert's link leads to (Tocsin's and Prometheus's), else empty."""
    query = generator_url.partition("#")[0].partition("?")[2]
    found = dict(part.partition("=")[::2] for part in reversed(query.split("&")))
    return unquote_plus(found.get("a") or found.get("g0.expr") or "")


def evaluation(basis: Basis, facts: Facts) -> Step:
    """Since when does what fire?"""
    alert = facts.alert
    name = get(alert.labels, "alertname") or alert.fingerprint
    is_over = alert.is_resolved(facts.at_ms)
    told_by = "a rule of Tocsin" if alert.source == "rules" else "another program"
    expression = expression_of(alert.generator_url)
    found = measured(alert.value, expression, alert.unit) if not is_over else ""
    words = f"{name} {'is over' if is_over else 'fires'}, as {told_by} says"
    words += f": {found}" if found else ""
    if alert.source == SUPPOSED:
        words = f"{name} is supposed to fire"
    return Step(
        stage=Stage.EVALUATION,
        verdict="passed",
        words=words,
        detail=expression,
        ids=(alert.fingerprint,),
        at_ms=alert.ends_ms if is_over else alert.starts_ms,
    )


def nobody() -> Step:
    """There is no tree to go through."""
    return Step(
        stage=Stage.ROUTE,
        verdict="held",
        words="no routes are in force",
        detail="name an alertmanager.yml in tocsin.yaml",
    )


def route_words(root: Route, route: Route) -> str:
    """The way to a node: the conditions from the top, as Alertmanager writes them."""
    parts = [
        "{" + ",".join(matcher_text(one) for one in node.matchers) + "}"
        for node in path_to(root, route)[1:]
    ]
    return " / ".join(parts) or "the first route"


def routed(root: Route, route: Route, everywhere: Sequence[Route]) -> Step:
    """By which way through the tree, and which others?"""
    others = [one for one in everywhere if one.number != route.number]
    detail = "goes on to the next sibling (continue)" if route.goes_on else ""
    if others:
        also = ", ".join(f"{one.receiver} by {route_words(root, one)}" for one in others)
        detail = f"{detail}; also {also}" if detail else f"also {also}"
    return Step(
        stage=Stage.ROUTE,
        verdict="passed",
        words=f"{route.words or route_words(root, route)} leads to {route.receiver}",
        detail=detail,
        ids=(route.key,),
    )


def grouped(route: Route, key: str, labels: Labels, size: int, due_ms: int) -> Step:
    """Told together with what, when?"""
    by = ", ".join(f"{name}={value}" for name, value in labels) or "one group for all"
    others = f"with {size - 1} other{'s' if size > 2 else ''}" if size > 1 else "alone"
    wait, every = _spoken(route.group_wait_ms), _spoken(route.group_interval_ms)
    return Step(
        stage=Stage.GROUP,
        verdict="waits" if due_ms else "passed",
        words=f"{others} in its group: {by}",
        detail=f"first told after {wait}, looked at every {every}",
        ids=(key,),
        until_ms=due_ms,
    )


def passed_or_held(stage: Stage, hold: Hold | None) -> Step:
    """A station that either lets the alert pass or holds it back."""
    if hold is None:
        return Step(stage=stage, verdict="passed", words=_NOT_HELD[stage])
    return Step(stage=stage, verdict="held", words=hold.words, ids=hold.by, until_ms=hold.until_ms)


def acknowledged(facts: Facts, tellings: Sequence[Telling], hold: Hold | None) -> Step:
    """Who knows of it? That stops repeats once all of the group is acknowledged."""
    if hold is not None:
        return passed_or_held(Stage.ACKNOWLEDGED, hold)
    ack = facts.acknowledgement
    if ack is None or not is_acknowledged(facts):
        return Step(stage=Stage.ACKNOWLEDGED, verdict="passed", words="nobody has acknowledged it")
    open_ones = max((one.restless for one in tellings), default=0)
    effect = (
        f"repeats go on: {open_ones} of the group not acknowledged"
        if open_ones
        else "nothing is repeated; news and its end are told"
    )
    return Step(
        stage=Stage.ACKNOWLEDGED,
        verdict="passed" if open_ones else "quiet",
        words=f"acknowledged by {ack.by}" + (f": {ack.note}" if ack.note else ""),
        detail=effect,
        at_ms=ack.at_ms,
        until_ms=ack.until_ms,
    )


def flapping(basis: Basis, facts: Facts) -> Step:
    """Does it begin and end too often?"""
    rule, state = basis.flapping, facts.flap
    if rule is None:
        return Step(stage=Stage.FLAPPING, verdict="passed", words="flapping is not damped")
    if state is None or not flaps(basis, facts):
        return Step(stage=Stage.FLAPPING, verdict="passed", words="it is steady")
    return Step(
        stage=Stage.FLAPPING,
        verdict="quiet",
        words=flap_words(basis, facts),
        detail="told once as flapping; its real state is told when it is steady",
        at_ms=state.since_ms,
        until_ms=steady_ms(rule, state, facts.at_ms),
    )


def flap_words(basis: Basis, facts: Facts) -> str:
    """What people are told of an alert that flaps; empty when it does not."""
    rule, state = basis.flapping, facts.flap
    if rule is None or state is None or not flaps(basis, facts):
        return ""
    within, quiet = _spoken(rule.within_ms), _spoken(rule.quiet_ms)
    return f"changed {rule.changes} times within {within}; told again once steady for {quiet}"


_DUE = {
    Due.FIRST: "the first message about this group",
    Due.NEWS: "an alert of the group is new",
    Due.UNSURE: "an earlier message may not have arrived",
    Due.ENDED: "an alert of the group is over",
    Due.OVER: "all of the group is over",
    Due.REPEAT: "the repeat interval is over",
    Due.NOTHING: "of this group there is nothing to tell it",
    Due.SAME: "nothing is new since the last message",
    Due.ACKNOWLEDGED: "a repeat is due, but all that fires is acknowledged",
    Due.FLAPPING: "a repeat is due, but what fires flaps",
}


def repeat(telling: Telling, why: Due, *, is_in: bool) -> Step:
    """Is there something to tell this integration?"""
    every = _spoken(telling.repeat_ms)
    detail = f"repeated every {every}"
    if why.is_told and not is_in:
        detail = "a message goes out without this alert"
        if not telling.sends_resolved:
            detail += "; this integration is not told of ends"
    next_ms = telling.sent_ms + telling.repeat_ms if why is Due.SAME else 0
    return Step(
        stage=Stage.REPEAT,
        verdict="told" if is_in else "quiet",
        words=f"{telling.integration}: {_DUE[why]}",
        detail=detail,
        ids=(telling.integration,),
        at_ms=telling.sent_ms,
        until_ms=next_ms,
    )


def delivery(
    integration: str, is_taken: bool, at_ms: int, took_ms: int, error: str, notification: int
) -> Step:
    """Did it arrive?"""
    if is_taken:
        words = f"{integration} took the message"
        detail = f"after {_spoken(took_ms)}"
    else:
        words, detail = f"{integration} did not take the message", error
    return Step(
        stage=Stage.DELIVERY,
        verdict="told" if is_taken else "failed",
        words=words,
        detail=detail,
        ids=(str(notification),) if notification else (),
        at_ms=at_ms,
    )
