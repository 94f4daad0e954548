"""What holds an alert back at one moment? The reasons, as pure functions over plain data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from tocsin.alert.attention.silence import Silence
from tocsin.alert.config import AlertingConfig
from tocsin.alert.deciding.dependency import Dependency, root_cause
from tocsin.alert.deciding.flap import FlapRule, FlapState, is_flapping
from tocsin.alert.routing.calendar import TimeInterval
from tocsin.alert.routing.inhibit import InhibitRule, inhibited
from tocsin.alert.routing.matchers import matches_all
from tocsin.alert.routing.route import Route
from tocsin.model.alerts import Alert
from tocsin.model.labels import Matcher, MatchOp, get


class Stage(StrEnum):
    """A station on an alert's way, in this order."""

    EVALUATION = "evaluation"
    ROUTE = "route"
    GROUP = "group"
    INHIBITION = "inhibition"
    SILENCE = "silence"
    MAINTENANCE = "maintenance"
    TIME = "time"
    ACKNOWLEDGED = "acknowledged"
    FLAPPING = "flapping"
    DEPENDENCY = "dependency"
    REPEAT = "repeat"
    DELIVERY = "delivery"


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """All of a configuration that decisions depend on. `root` None: nobody is ever told."""

    root: Route | None = None
    intervals: Mapping[str, tuple[TimeInterval, ...]] = {}
    inhibit_rules: tuple[InhibitRule, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    flapping: FlapRule | None = None
    tells_ends_under_silence: bool = False

    def route(self, number: int) -> Route | None:
        """The node of the tree with that number; None when there is none."""
        node = self.root
        while node is not None and node.number != number:
            # Numbers follow the reading order: it is below the last child that is not after it.
            node = next((one for one in reversed(node.routes) if one.number <= number), None)
        return node


class Acked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who said that they know; `until_ms` 0 means until the alert is over."""

    by: str
    at_ms: int
    until_ms: int = 0
    note: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is true of one alert at one moment: all that holding it back depends on.

    `sources`, `silences` and `causes` are those that were found to matter, not all there are.
    """

    alert: Alert
    at_ms: int
    sources: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    maintenance: tuple[str, ...] = ()
    causes: tuple[Alert, ...] = ()
    flap: FlapState | None = None
    acknowledgement: Acked | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One reason not to tell. `by` are ids: fingerprints, silences, names of windows and times."""

    stage: Stage
    by: tuple[str, ...]
    words: str
    until_ms: int = 0


def basis_of(
    root: Route | None,
    intervals: Mapping[str, tuple[TimeInterval, ...]],
    inhibit_rules: tuple[InhibitRule, ...],
    config: AlertingConfig | None,
) -> Basis:
    """What decisions depend on; `config` None means Alertmanager's behaviour and nothing else."""
    if config is None:
        return Basis(root=root, intervals=intervals, inhibit_rules=inhibit_rules)
    flapping = config.flapping
    return Basis(
        root=root,
        intervals=intervals,
        inhibit_rules=inhibit_rules,
        dependencies=tuple(
            Dependency(
                when=tuple(m for text in one.when for m in text.matchers),
                suppress=tuple(m for text in one.suppress for m in text.matchers),
                equal=one.equal,
                name=one.name,
            )
            for one in config.dependencies
        ),
        flapping=FlapRule(flapping.changes, flapping.within.ms, flapping.quiet.ms)
        if flapping.enabled
        else None,
        tells_ends_under_silence=config.tell_resolved_under_silence,
    )


def flaps(basis: Basis, facts: Facts) -> bool:
    """Whether the alert flaps: it then counts as firing, whatever it is just now."""
    return is_flapping(basis.flapping, facts.flap, facts.at_ms)


def fires(basis: Basis, facts: Facts) -> bool:
    """Whether it is told as firing rather than as over."""
    return not facts.alert.is_resolved(facts.at_ms) or flaps(basis, facts)


def is_acknowledged(facts: Facts) -> bool:
    """Whether somebody knows of it: of this time that it fires, or until a given moment."""
    ack = facts.acknowledgement
    if ack is None:
        return False
    if ack.until_ms:
        return facts.at_ms < ack.until_ms
    return ack.at_ms >= facts.alert.starts_ms


def holds(basis: Basis, facts: Facts, muted: str, *, escalates: bool = False) -> tuple[Hold, ...]:
    """Every reason not to tell of the alert now, in order; empty when there is none.

    `muted` is why the route is silent at that time (`route.why_muted`). A route that `escalates`
    is for alerts that nobody has acknowledged.
    """
    found = (
        _inhibition(basis, facts) if facts.sources else None,
        _silence(facts) if facts.silences else None,
        _maintenance(facts) if facts.maintenance else None,
        Hold(stage=Stage.TIME, by=(), words=muted) if muted else None,
        _answered(basis, facts) if escalates else None,
        _dependency(basis, facts) if facts.causes else None,
    )
    return tuple(one for one in found if one is not None)


_END_IS_TOLD = frozenset((Stage.SILENCE, Stage.MAINTENANCE, Stage.DEPENDENCY))


def may_tell_end(basis: Basis, facts: Facts, reasons: tuple[Hold, ...]) -> bool:
    """Whether its end is told, though it is held back, to who was told that it fires."""
    return (
        basis.tells_ends_under_silence
        and bool(reasons)
        and not fires(basis, facts)
        and all(one.stage in _END_IS_TOLD for one in reasons)
    )


def _inhibition(basis: Basis, facts: Facts) -> Hold | None:
    found = inhibited(basis.inhibit_rules, facts.alert.labels, facts.sources, facts.at_ms)
    if found is None:
        return None
    source, rule = found
    name = get(source.labels, "alertname") or source.fingerprint
    return Hold(
        stage=Stage.INHIBITION,
        by=(source.fingerprint,),
        words=f"held back by {name}, which fires: {rule.words}",
    )


def silences_alert(silence: Silence, alert: Alert, at_ms: int) -> bool:
    """Whether a silence holds that alert back at that moment."""
    matchers = [Matcher(one.name, MatchOp(one.op), one.value) for one in silence.matchers]
    return silence.state(at_ms) == "active" and matches_all(matchers, alert.labels)


def _silence(facts: Facts) -> Hold | None:
    active = [one for one in facts.silences if silences_alert(one, facts.alert, facts.at_ms)]
    if not active:
        return None
    last = max(active, key=lambda one: one.ends_ms)
    said = f": {last.comment}" if last.comment else ""
    others = f", and {len(active) - 1} more" if len(active) > 1 else ""
    return Hold(
        stage=Stage.SILENCE,
        by=tuple(one.id for one in active),
        words=f"silenced by {last.created_by or 'somebody'}{said}{others}",
        until_ms=last.ends_ms,
    )


def _maintenance(facts: Facts) -> Hold:
    names = facts.maintenance
    return Hold(
        stage=Stage.MAINTENANCE, by=names, words=f"maintenance is going on: {', '.join(names)}"
    )


def _answered(basis: Basis, facts: Facts) -> Hold | None:
    """Somebody knows of it, so that there is no need for the next."""
    ack = facts.acknowledgement
    if ack is None or not is_acknowledged(facts) or not fires(basis, facts):
        return None
    words = f"not escalated: acknowledged by {ack.by}"
    return Hold(stage=Stage.ACKNOWLEDGED, by=(ack.by,), words=words, until_ms=ack.until_ms)


def _dependency(basis: Basis, facts: Facts) -> Hold | None:
    found = root_cause(basis.dependencies, facts.alert, facts.causes, facts.at_ms)
    if found is None:
        return None
    names = [get(one.labels, "alertname") or one.fingerprint for one in found.path]
    via = f" by way of {', '.join(names[:-1])}" if len(names) > 1 else ""
    return Hold(
        stage=Stage.DEPENDENCY,
        by=tuple(one.fingerprint for one in reversed(found.path)),
        words=f"follows from {names[-1]}{via}, which fires: {found.rule.words}",
    )
