"""Why was somebody told of an alert, or not? What the page, the API and the terminal show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from tocsin.alert.deciding.chain import SUPPOSED, Step
from tocsin.alert.deciding.decision import Decision
from tocsin.alert.deciding.holding import Stage
from tocsin.alert.deciding.receipt import Receipt
from tocsin.alert.delivering.history import Record, Wanted
from tocsin.kit.fault import Rejected
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping, get

if TYPE_CHECKING:
    from tocsin.alert.rules.rule_run import RuleRun
    from tocsin.web.services import Services

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_RECEIPTS = 50
_MESSAGES = 50
_MOST_ALERTS = 20
_LABELS = re.compile(r"[^=]+=.*", re.S)


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """One decision; `id` 0 means that it is what would be decided now. Times in ms."""

    id: int = 0
    at_ms: int
    last_ms: int
    count: int = 1
    fingerprint: str
    labels: dict[str, str]
    route: str = ""
    group: str = ""
    receiver: str
    outcome: str
    summary: str
    told: tuple[str, ...]
    steps: tuple[Step, ...]


class RuleNow(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that says so, and what it saw at its last evaluation."""

    name: str
    group: str
    file: str
    expr: str
    condition: str = ""
    """What `expr` was made of; empty when it was written in PromQL."""
    unit: str = ""
    hold_ms: int
    health: str
    error: str
    evaluated_ms: int
    value: float | None = None
    state: str = "inactive"
    active_ms: int = 0


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message in which it was, of the history."""

    id: int
    at_ms: int
    receiver: str
    integration: str
    state: str
    took_ms: int
    error: str
    said: str
    """What it said of the alert: "firing" or "resolved"."""


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one alert; `now` is what would be decided of it just now, on each of
    its routes. `is_known` false: it neither fires nor was told of lately."""

    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    is_known: bool
    is_firing: bool
    starts_ms: int = 0
    ends_ms: int = 0
    rule: RuleNow | None = None
    now: tuple[Decided, ...] = ()
    history: tuple[Decided, ...] = ()
    messages: tuple[Message, ...] = ()


def decided(receipt: Receipt) -> Decided:
    """A receipt as it is shown."""
    place = receipt.inputs.place
    return _shown(
        receipt.decision,
        receipt.inputs.facts.alert,
        group=place.group_key if place else "",
        id=receipt.id,
        at_ms=receipt.at_ms,
        last_ms=receipt.last_ms,
        count=receipt.count,
    )


def _shown(decision: Decision, alert: Alert, *, group: str = "", **more: int) -> Decided:
    route = next((one for one in decision.steps if one.stage is Stage.ROUTE), None)
    return Decided(
        fingerprint=alert.fingerprint,
        labels=dict(alert.labels),
        route=route.ids[0] if route and route.ids else "",
        group=group,
        receiver=decision.receiver,
        outcome=decision.outcome.value,
        summary=decision.summary,
        told=decision.told,
        steps=decision.steps,
        **more,
    )


def is_fingerprint(text: str) -> bool:
    """Whether it names an alert rather than a rule."""
    return _FINGERPRINT.fullmatch(text) is not None


def labels_of(texts: Sequence[str]) -> dict[str, str]:
    """Of `name=value` texts; raises Rejected for others."""
    for text in texts:
        if not _LABELS.fullmatch(text):
            raise Rejected(f"{text[:80]!r} is no label; write name=value")
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


async def receipts_of(used: Services, fingerprints: Sequence[str], limit: int) -> list[Receipt]:
    """The newest receipts about these alerts, counted up to now."""
    found = await used.receipts.find(fingerprints, limit)
    newest = {one.id: one for name in fingerprints for one in used.alerts.receipts.newest(name)}
    return [newest.get(one.id, one) for one in found]


async def why(used: Services, asked: str, more: Mapping[str, str]) -> list[Why]:
    """What is known of the alerts of that fingerprint or name that have these labels too; of one
    that is not known, what would become of it now. The first 20."""
    if is_fingerprint(asked):
        alert = used.alerts.known(asked)
        return [await _why(used, asked, alert, more)]
    wanted = dict(more).items()
    known = [one for one in used.alerts.named(asked) if wanted <= dict(one.labels).items()]
    past = [
        one.inputs.facts.alert
        for one in await used.receipts.named(asked, _RECEIPTS)
        if wanted <= dict(one.inputs.facts.alert.labels).items()
    ]
    alerts = {one.fingerprint: one for one in (*past, *known)}
    if not alerts:
        labels = from_mapping({**more, "alertname": asked})
        return [await _why(used, Alert(labels=labels, starts_ms=1).fingerprint, None, dict(labels))]
    is_known = {one.fingerprint for one in known}
    found = sorted(alerts.values(), key=lambda one: (one.fingerprint not in is_known, one.labels))
    return [
        await _why(
            used, one.fingerprint, one if one.fingerprint in is_known else None, dict(one.labels)
        )
        for one in found[:_MOST_ALERTS]
    ]


async def _why(
    used: Services, fingerprint: str, alert: Alert | None, labels: Mapping[str, str]
) -> Why:
    now = used.clock.now_ms()
    receipts = await receipts_of(used, [fingerprint], _RECEIPTS)
    records = await used.desk.history.find(Wanted(fingerprint=fingerprint, limit=_MESSAGES))
    last = receipts[0].inputs.facts.alert if receipts else None
    shown = alert or last
    supposed = shown or (Alert(labels=from_mapping(labels), starts_ms=now) if labels else None)
    if alert is None and supposed is not None:
        supposed = msgspec.structs.replace(supposed, starts_ms=now, ends_ms=0, source=SUPPOSED)
    return Why(
        fingerprint=fingerprint,
        labels=dict(supposed.labels) if supposed else {},
        annotations=dict(shown.annotations) if shown else {},
        is_known=shown is not None,
        is_firing=alert is not None and not alert.is_resolved(now),
        starts_ms=shown.starts_ms if shown else 0,
        ends_ms=shown.ends_ms if shown and shown.is_resolved(now) else 0,
        rule=_rule(used, supposed) if supposed else None,
        now=_now(used, supposed, now) if supposed else (),
        history=tuple(_linked(decided(one), records) for one in receipts),
        messages=tuple(_message(one, supposed) for one in records),
    )


def _now(used: Services, alert: Alert, now_ms: int) -> tuple[Decided, ...]:
    return tuple(
        _shown(one, alert, at_ms=now_ms, last_ms=now_ms) for one in used.alerts.explain(alert)
    )


def _rule(used: Services, alert: Alert) -> RuleNow | None:
    name, labels = get(alert.labels, "alertname"), dict(alert.labels)
    for group in used.rules.groups:
        for run in group.rules:
            if not run.rule.is_alert or run.rule.name != name:
                continue
            own = {key: text for key, text in run.rule.labels if "{{" not in text}
            if own.items() <= labels.items():
                return _rule_now(run, group.group.name, group.group.file, labels)
    return None


def _rule_now(run: RuleRun, group: str, file: str, labels: Mapping[str, str]) -> RuleNow:
    active = next(
        (one for one in run.active.values() if dict(one.labels).items() <= labels.items()), None
    )
    return RuleNow(
        name=run.rule.name,
        group=group,
        file=file,
        expr=run.rule.expr,
        condition=run.rule.written,
        unit=run.rule.unit,
        hold_ms=run.rule.hold_ms,
        health=run.health,
        error=run.error,
        evaluated_ms=run.evaluated_ms,
        value=active.value if active else None,
        state=active.phase.word if active else "inactive",
        active_ms=active.active_ms if active else 0,
    )


def _linked(one: Decided, records: Sequence[Record]) -> Decided:
    """The deliveries with the number of their message in the history."""
    steps = []
    for step in one.steps:
        if step.stage is Stage.DELIVERY and not step.ids:
            near = [
                record
                for record in records
                if record.notice.group_key == one.group
                and step.words.startswith(f"{record.integration} ")
                and one.at_ms <= record.at_ms <= step.at_ms
            ]
            if near:
                newest = max(near, key=lambda record: record.id)
                step = msgspec.structs.replace(step, ids=(str(newest.id),))
        steps.append(step)
    return msgspec.structs.replace(one, steps=tuple(steps))


def _message(record: Record, alert: Alert | None) -> Message:
    """Of an alert that is not among those that were kept of the message, what it said of all."""
    notice = record.notice
    told = [one for one in notice.alerts if alert is not None and one.labels == alert.labels]
    return Message(
        id=record.id,
        at_ms=record.at_ms,
        receiver=record.receiver,
        integration=record.integration,
        state=record.state,
        took_ms=record.took_ms,
        error=record.error,
        said=told[0].status if told else notice.status,
    )
