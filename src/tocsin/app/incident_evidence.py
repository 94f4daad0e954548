"""What is frozen of incidents, and by whom is it known? Evidence, wired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import yaml

from tocsin.alert.deciding.decision import Decision
from tocsin.alert.deciding.dispatch import AlertState, Dispatcher
from tocsin.alert.deciding.receipt import Receipt
from tocsin.alert.rules.manager import RuleManager
from tocsin.app.config import Loaded
from tocsin.app.effective import effective
from tocsin.app.incidents import Incidents
from tocsin.app.receipts import KeptReceipts
from tocsin.app.routing_text import routing_text
from tocsin.app.settings_tree import Config
from tocsin.incident.evidence.bundle import (
    Change,
    FrozenAlert,
    FrozenReceipt,
    FrozenRule,
    number,
)
from tocsin.incident.evidence.collect import Collector
from tocsin.incident.evidence.keep import KIND, EvidenceKeeper, plan_of
from tocsin.incident.evidence.ports import Asking, Changes, Lines, Samples, Sources
from tocsin.kit.clock import Clock
from tocsin.kit.secret import HIDDEN
from tocsin.kit.tasks import Tasks
from tocsin.model.labels import Labels
from tocsin.query.logs.patterns import LogPatterns
from tocsin.query.logs.search import Span
from tocsin.state.audit import ANSWERS, Audit

_RECEIPTS = 20
"""Of one alert: the newest."""
_ALERTS = 500
_ACTS = 200
_NS = 1_000_000
_PUBLIC = ("full_name", "timezone", "teams")
"""What is frozen of a person."""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The parts of Tocsin that evidence is taken from."""

    engine: Asking
    samples: Samples
    lines: Lines
    dispatcher: Dispatcher
    receipts: KeptReceipts
    rules: RuleManager
    patterns: LogPatterns
    audit: Audit
    more: Sequence[Changes] = ()
    """Others who know what changed."""


class IncidentEvidence:
    """Freezes what is known as incidents open and as they are resolved."""

    def __init__(self, incidents: Incidents, seen: Witnesses, loaded: Loaded, clock: Clock) -> None:
        self._loaded = loaded
        sources = Sources(
            engine=seen.engine,
            samples=seen.samples,
            lines=seen.lines,
            alerts=_Alerts(seen.dispatcher, seen.receipts, clock),
            rules=_Rules(seen.rules),
            texts=_Texts(lambda: self._loaded),
            changes=(_Deploys(seen.patterns), _Acts(seen.audit), *seen.more),
        )
        self.keeper = EvidenceKeeper(incidents.book, Collector(sources), clock)
        incidents.runner.register(KIND, self.keeper)
        incidents.book.follow(plan_of)

    async def load(self) -> None:
        """Nothing is kept but the files."""

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """What is in force is what is frozen."""
        self._loaded = loaded

    def start(self, tasks: Tasks) -> None:
        """Errands begin it."""

    async def close(self) -> None:
        """Nothing is open."""


class _Alerts:
    """As `evidence.ports.Alerts`."""

    def __init__(self, dispatcher: Dispatcher, receipts: KeptReceipts, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._receipts = receipts
        self._clock = clock

    async def alerts(self, of_incident: Sequence[tuple[str, Labels]]) -> list[FrozenAlert]:
        """Its own first, in their order; then what else fires."""
        own = dict(of_incident)
        states = {one.alert.fingerprint: one for one in self._dispatcher.states()}
        found: list[FrozenAlert] = []
        for name, labels in own.items():
            known = states.pop(name, None)
            if known is None and (alert := self._dispatcher.known(name)) is not None:
                known = self._dispatcher.state_of(alert)
            receipts = await self._told(name) or self._expected(known)
            found.append(self._frozen(name, labels, known, receipts, is_own=True))
        for name, state in list(states.items())[:_ALERTS]:
            labels = state.alert.labels
            receipts = tuple(_receipt(one) for one in self._dispatcher.receipts.newest(name))
            found.append(self._frozen(name, labels, state, receipts, is_own=False))
        return found

    async def _told(self, name: str) -> tuple[FrozenReceipt, ...]:
        newest = {one.id: one for one in self._dispatcher.receipts.newest(name)}
        for one in await self._receipts.find((name,), _RECEIPTS):
            newest.setdefault(one.id, one)
        return tuple(_receipt(newest[key]) for key in sorted(newest, reverse=True)[:_RECEIPTS])

    def _expected(self, known: AlertState | None) -> tuple[FrozenReceipt, ...]:
        """Nothing is decided yet, as its group still waits: what would be by now."""
        if known is None:
            return ()
        now = self._clock.now_ms()
        decisions = self._dispatcher.explain(known.alert)
        return tuple(_decided(one, 0, (now, now, 0)) for one in decisions)

    def _frozen(
        self,
        name: str,
        labels: Labels,
        state: AlertState | None,
        receipts: tuple[FrozenReceipt, ...],
        *,
        is_own: bool,
    ) -> FrozenAlert:
        if state is None:  # over, and forgotten
            return FrozenAlert(
                fingerprint=name,
                state="resolved",
                is_of_incident=is_own,
                labels=dict(labels),
                receipts=receipts,
            )
        alert = state.alert
        is_over = alert.is_resolved(self._clock.now_ms())
        return FrozenAlert(
            fingerprint=name,
            state="resolved" if is_over else "firing",
            is_of_incident=is_own,
            labels=dict(alert.labels),
            annotations=dict(alert.annotations),
            starts_ms=alert.starts_ms,
            ends_ms=alert.ends_ms,
            value=None if alert.value is None else number(alert.value),
            unit=alert.unit,
            source=alert.source,
            generator_url=alert.generator_url,
            receivers=state.receivers,
            silenced_by=state.silenced_by,
            inhibited_by=state.inhibited_by,
            receipts=receipts,
        )


def _receipt(one: Receipt) -> FrozenReceipt:
    return _decided(one.decision, one.id, (one.at_ms, one.last_ms, one.count))


def _decided(decision: Decision, its_id: int, when: tuple[int, int, int]) -> FrozenReceipt:
    """Of a decision that was made first and last then, and so often; 0 times: not yet."""
    at_ms, last_ms, count = when
    return FrozenReceipt(
        id=its_id,
        at_ms=at_ms,
        last_ms=last_ms,
        count=count,
        outcome=decision.outcome.value,
        summary=decision.summary,
        receiver=decision.receiver,
        told=decision.told,
        steps=tuple(f"{step.stage.value}: {step.words}" for step in decision.steps),
    )


class _Rules:
    """As `evidence.ports.Rules`."""

    def __init__(self, rules: RuleManager) -> None:
        self._rules = rules

    def rules(self) -> list[FrozenRule]:
        """Every rule of every group."""
        return [
            FrozenRule(
                name=rule.name,
                is_alert=rule.is_alert,
                is_of_incident=False,
                file=run.group.file,
                group=run.group.name,
                interval_ms=run.group.interval_ms,
                written=rule.written,
                expr=rule.expr,
                recover=rule.recover,
                unit=rule.unit,
                hold_ms=rule.hold_ms,
                keep_firing_ms=rule.keep_firing_ms,
                labels=dict(rule.labels),
                annotations=dict(rule.annotations),
            )
            for run in self._rules.groups
            for rule in run.group.rules
        ]


class _Texts:
    """As `evidence.ports.Texts`."""

    def __init__(self, loaded: Callable[[], Loaded]) -> None:
        self._loaded = loaded

    def routing(self) -> str:
        """The `alertmanager.yml` in force."""
        return routing_text(self._loaded())

    def configuration(self) -> str:
        """All of `tocsin.yaml`, defaults included."""
        return frozen_configuration(self._loaded().config)


def frozen_configuration(config: Config) -> str:
    """The configuration as every reader of a file may see it: without secrets, and without how
    people can be reached, which only administrators and they themselves see."""
    shown = effective(config)
    oncall = shown.get("oncall")
    people = oncall.get("people") if isinstance(oncall, dict) else None
    if isinstance(people, dict):
        for person in people.values():
            if isinstance(person, dict):
                person.update({key: HIDDEN for key in person if key not in _PUBLIC})
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)


class _Deploys:
    """As `evidence.ports.Changes`: the releases that somebody told of."""

    def __init__(self, patterns: LogPatterns) -> None:
        self._patterns = patterns

    async def changes(
        self, services: Sequence[str], start_ms: int, end_ms: int
    ) -> Sequence[Change]:
        """Of these services first asked; of all, since a deploy elsewhere may be the cause."""
        found = await self._patterns.deploys(Span(start_ms * _NS, end_ms * _NS + 1), limit=200)
        return [
            Change(
                at_ms=round(one.at_s * 1000),
                kind="deploy",
                title=f"{one.service or 'a service'} {one.release}".strip(),
                service=one.service,
                ref=one.release,
            )
            for one in reversed(found)
        ]


class _Acts:
    """As `evidence.ports.Changes`: what people changed in Tocsin."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def changes(
        self, services: Sequence[str], start_ms: int, end_ms: int
    ) -> Sequence[Change]:
        """Rules, silences, configuration and the like."""
        found = await self._audit.between(start_ms, end_ms, limit=_ACTS, without=ANSWERS)
        return [
            Change(
                at_ms=one.at,
                kind="settings",
                title=f"{one.what.replace('_', ' ')} {one.target}".strip(),
                author=one.who,
            )
            for one in reversed(found)
        ]
