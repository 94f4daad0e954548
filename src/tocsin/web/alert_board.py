"""Which alerts are there now, from rules and from outside, and what holds each back?

One picture for everybody who looks within a second: it is put together in slices, so that ten
thousand alerts keep nobody waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tocsin.alert.deciding.measured import spoken
from tocsin.alert.routing.group import group_labels
from tocsin.alert.routing.route import matching, why_muted
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping, get

if TYPE_CHECKING:
    from tocsin.alert.attention.acknowledge import Acknowledgement
    from tocsin.alert.routing.route import Route
    from tocsin.alert.rules.rule_run import RuleRun
    from tocsin.alert.rules.state import Active
    from tocsin.web.services import Services

_SLICE = 100
_KEPT_SECONDS = 1.0
_REST = 4.0
"""So many times as long as it took to put together a picture is kept, so that in a storm looking
at it leaves the machine to those who send messages."""
SEVERE = frozenset(("critical", "page", "high", "error", "emergency", "sev1", "p1"))
MILD = frozenset(("info", "low", "none", "debug"))
_SERVICES = ("service", "app", "application", "job")
_LINKS = ("runbook_url", "runbook")
_SUMMARIES = ("summary", "title", "message")
_WORDS = {
    "": "Firing",
    "not recovered": "Firing, not recovered yet",
    "no data": "Firing, no data now",
    "error": "Firing, cannot be evaluated now",
}


@dataclass(frozen=True, slots=True)
class Held:
    """Why nobody is told: `kind` is "silenced", "inhibited", "following", "maintenance" or
    "muted"."""

    kind: str
    words: str
    href: str


@dataclass(frozen=True, slots=True)
class RuleName:
    """The rule that an alert is of."""

    name: str
    group: str
    file: str
    expr: str
    hold_ms: int
    unit: str = ""


@dataclass(frozen=True, slots=True)
class BoardAlert:
    """One alert as pages show it; `labels` are those that routing sees. `value` None is not known,
    `rule` None means that it was told from outside. `routes` are the groups that it is told in."""

    fingerprint: str
    labels: Labels
    annotations: Labels
    phase: str
    """"firing" or "pending"."""
    word: str
    since_ms: int
    value: float | None
    rule: RuleName | None
    receivers: tuple[str, ...]
    routes: tuple[str, ...]
    held: tuple[Held, ...]
    ack: Acknowledgement | None

    @property
    def name(self) -> str:
        """Its `alertname`."""
        return get(self.labels, "alertname") or self.fingerprint

    @property
    def severity(self) -> str:
        """In lower case, empty when it has none."""
        return get(self.labels, "severity").lower()

    @property
    def service(self) -> str:
        """Whom it is about: the label service, app or job; empty when it has none of them."""
        return next((found for one in _SERVICES if (found := get(self.labels, one))), "")

    @property
    def tone(self) -> str:
        """How bad it is: "critical", "warning", "info", or "unknown" while it is pending."""
        if self.phase != "firing":
            return "unknown"
        if self.severity in SEVERE:
            return "critical"
        return "info" if self.severity in MILD else "warning"

    @property
    def spoken(self) -> str:
        """Its value in the unit of its rule's author; empty where no unit is known."""
        unit = self.rule.unit if self.rule else ""
        return spoken(self.value, unit) if unit and self.value is not None else ""

    @property
    def summary(self) -> str:
        """What its author says of it first."""
        said = dict(self.annotations)
        return next((text for one in _SUMMARIES if (text := said.get(one, ""))), "")

    @property
    def runbook(self) -> str:
        """The address of what to do; empty when there is none."""
        said = dict(self.annotations)
        texts = (said.get(one, "") for one in _LINKS)
        return next((text for text in texts if is_address(text)), "")

    @property
    def plain_labels(self) -> Labels:
        """All but its name."""
        return tuple(pair for pair in self.labels if pair[0] != "alertname")


def is_address(text: str) -> bool:
    """Whether a link may lead there."""
    return text.startswith(("https://", "http://"))


class AlertBoard:
    """Everything that is pending or firing, shared by those who look within a second."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._until = float("-inf")
        self._last: Sequence[BoardAlert] = ()
        self._turn = asyncio.Lock()

    async def read(self, given: Services, *, with_: str = "") -> Sequence[BoardAlert]:
        """All of them; an acknowledgement or a silence that was just made counts, and so does the
        alert with the fingerprint `with_`, though it may have begun this moment."""
        async with self._turn:
            key = _changes(given)
            is_old = key != self._key or given.clock.monotonic() >= self._until
            if is_old or (with_ and self._lacks(given, with_)):
                began = given.clock.monotonic()
                self._last = await _picture(given)
                now = given.clock.monotonic()
                self._key, self._until = key, now + max(_KEPT_SECONDS, (now - began) * _REST)
            return self._last

    def _lacks(self, given: Services, fingerprint: str) -> bool:
        alert = given.alerts.known(fingerprint)
        if alert is None or alert.is_resolved(given.clock.now_ms()):
            return False
        return all(one.fingerprint != fingerprint for one in self._last)


def _changes(given: Services) -> tuple[object, ...]:
    """Differs after whatever a person did."""
    acks = given.acknowledgements.all(given.clock.now_ms())
    silences = given.alerts.silences.all()
    return (
        len(acks),
        acks[0] if acks else None,
        len(silences),
        max((one.updated_ms for one in silences), default=0),
        id(given.alerts.plan),
    )


async def _picture(given: Services) -> list[BoardAlert]:
    outside = {alert.labels: alert for alert in given.alerts.alerts()}
    reader = _Reader(given)
    found: list[BoardAlert] = []
    for number, (rule, one, labels) in enumerate(list(_of_rules(given))):
        alert = outside.pop(labels, None)
        found.append(reader.of_rule(rule, one, labels, alert))
        if number % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
    for number, alert in enumerate(outside.values()):
        found.append(reader.of_outside(alert))
        if number % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
    return found


def _of_rules(given: Services) -> Iterator[tuple[RuleName, Active, Labels]]:
    for group in given.rules.groups:
        external = dict(group.around.world.external_labels)
        for run in group.rules:
            if not run.rule.is_alert or not run.active:
                continue
            name = rule_name(group.group.name, group.group.file, run)
            for one in run.alerts():
                yield name, one, from_mapping({**external, **dict(one.labels)})


def rule_name(group: str, file: str, run: RuleRun) -> RuleName:
    """What names a rule on pages."""
    return RuleName(run.rule.name, group, file, run.rule.expr, run.rule.hold_ms, run.rule.unit)


class _Reader:
    """Looks up what becomes of alerts at one moment."""

    def __init__(self, given: Services) -> None:
        self._given = given
        self._now_ms = given.clock.now_ms()
        self._muted: dict[int, str] = {}
        self._words: dict[str, Held] = {}

    def of_rule(
        self, rule: RuleName, one: Active, labels: Labels, alert: Alert | None
    ) -> BoardAlert:
        """An alert of a rule; `alert` is what routing knows of it, if it does."""
        fires = one.phase.word == "firing"
        since = (one.fired_ms or one.active_ms) if fires else one.active_ms
        told = alert or Alert(labels=labels, starts_ms=since)
        told = msgspec.structs.replace(told, annotations=one.annotations)
        return self._made(
            told,
            phase=one.phase.word,
            word=_WORDS[one.held] if fires else "Pending",
            since_ms=since,
            value=one.value,
            rule=rule,
        )

    def of_outside(self, alert: Alert) -> BoardAlert:
        """An alert that no rule of ours says."""
        return self._made(
            alert,
            phase="firing",
            word="Firing",
            since_ms=alert.starts_ms,
            value=None,
            rule=None,
        )

    def _made(
        self,
        alert: Alert,
        *,
        phase: str,
        word: str,
        since_ms: int,
        value: float | None,
        rule: RuleName | None,
    ) -> BoardAlert:
        given, name = self._given, alert.fingerprint
        plan = given.alerts.plan
        routes = matching(plan.root, alert.labels) if plan else []
        return BoardAlert(
            fingerprint=name,
            labels=alert.labels,
            annotations=alert.annotations,
            phase=phase,
            word=word,
            since_ms=since_ms,
            value=value,
            rule=rule,
            receivers=tuple(dict.fromkeys(route.receiver for route in routes)),
            routes=tuple(_group_words(route, alert.labels) for route in routes),
            held=tuple(self._held(alert, routes)),
            ack=given.acknowledgements.of(name, self._now_ms),
        )

    def _held(self, alert: Alert, routes: Sequence[Route]) -> Iterator[Held]:
        state = self._given.alerts.state_of(alert)
        for one in state.silenced_by:
            yield self._silence(one)
        for source in state.inhibited_by:
            yield self._source(source, follows=source in state.follows_from)
        for window in self._given.maintenance.covering(alert.labels, self._now_ms):
            yield Held("maintenance", f"maintenance: {window}", "/silences")
        muted = [self._why_muted(route) for route in routes]
        if muted and all(muted):
            yield Held("muted", muted[0], "/routing")

    def _silence(self, name: str) -> Held:
        if name not in self._words:
            silence = self._given.alerts.silences.get(name)
            said = f": {silence.comment}" if silence.comment else ""
            words = f"silenced by {silence.created_by or 'somebody'}{said}"
            self._words[name] = Held("silenced", words, f"/silences/{name}")
        return self._words[name]

    def _source(self, name: str, *, follows: bool) -> Held:
        key = f"{name} {follows}"
        if key not in self._words:
            alert = self._given.alerts.known(name)
            words = get(alert.labels, "alertname") if alert else "another alert"
            kind, said = ("following", "follows from") if follows else ("inhibited", "inhibited by")
            self._words[key] = Held(kind, f"{said} {words}", f"/alerts/{name}")
        return self._words[key]

    def _why_muted(self, route: Route) -> str:
        plan = self._given.alerts.plan
        if plan is None:
            return ""
        if route.number not in self._muted:
            self._muted[route.number] = why_muted(route, plan.intervals, self._now_ms)
        return self._muted[route.number]


def _group_words(route: Route, labels: Labels) -> str:
    """How a person names the group that an alert is told in."""
    pairs = group_labels(route, labels)
    words = ", ".join(f"{name}={value}" for name, value in pairs)
    return f"{route.receiver}: {words}" if words else route.receiver
