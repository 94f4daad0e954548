"""A fire drill: how long does it take from a breach to each message, and which link breaks?

A series of its own breaches a rule of its own, and everything after that is as in earnest: the
store, the engine, the routes, the receivers. Everything about it says DRILL. At the end, or when
it is broken off, series and rule are gone and the alert is resolved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.alert.delivering.history import FAILED, SENDING, SENT, Record, Wanted
from tocsin.alert.routing.route import Route, matching, path_to, why_muted
from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.manager import RuleManager
from tocsin.alert.rules.rule_file import Defaults, RuleGroup, read_groups
from tocsin.alert.rules.state import Active, Phase
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected
from tocsin.model import labels as model
from tocsin.model.alerts import Alert
from tocsin.model.labels import NAME, Labels, MatchOp, from_mapping
from tocsin.model.notices import fingerprint
from tocsin.model.samples import STALE, batch_of

METRIC = "tocsin_drill"
ALERT = "DRILL"
_FILE = "drill"
_LOOK_SECONDS = 0.1
_CLEAN_SECONDS = 20.0
_REWRITE_SECONDS = 60.0
_OWN_LABELS = frozenset((NAME, "alertname", "drill"))

FindRecords = Callable[[Wanted], Awaitable[list[Record]]]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One link of the chain: when it held, `after` seconds since the breach. `state` is "ok",
    "failed" or "note"."""

    name: str
    at: float
    after: float
    words: str
    state: str = "ok"


class DrillRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`labels` decide the routes; with `receiver` those that lead to it are found. The rule is
    evaluated every `interval` seconds; messages are waited for at most `patience` seconds beyond
    what the routes wait."""

    labels: dict[str, str] = {}
    receiver: str = ""
    interval: float = 5.0
    patience: float = 60.0


@dataclass(frozen=True, slots=True)
class DrillGround:
    """What a drill is held on: everything is the live one."""

    clock: Clock
    rules: RuleManager
    dispatcher: Dispatcher
    find: FindRecords


def labels_for(asked: DrillRequest, root: Route | None) -> dict[str, str]:
    """The labels of the drill's alert; raises Rejected when these lead elsewhere than they ought.

    Of the receiver's route and those above it, conditions on one value are satisfied.
    """
    for name in asked.labels:
        if not name or name in _OWN_LABELS:
            raise Rejected(f"a drill cannot have the label {name!r}: it has one of its own")
    if not asked.receiver:
        return dict(asked.labels)
    if root is None:
        raise Rejected("no routes are configured: no receiver is told of anything")
    known = list(dict.fromkeys(route.receiver for route in root.walk()))
    if asked.receiver not in known:
        hint = f"; routes lead to {', '.join(known)}"
        raise Rejected(f"no route leads to a receiver {asked.receiver!r}{hint}")
    for route in root.walk():
        if route.receiver != asked.receiver:
            continue
        needed = {
            matcher.name: matcher.value
            for step in path_to(root, route)
            for matcher in step.matchers
            if matcher.op is MatchOp.EQUAL and matcher.name not in _OWN_LABELS
        }
        labels = {**needed, **asked.labels}
        named = from_mapping({**labels, "alertname": ALERT})
        if any(one.receiver == asked.receiver for one in matching(root, named)):
            return labels
    raise Rejected(
        f"no labels were found that lead to the receiver {asked.receiver!r}; "
        "give those of an alert that reaches it"
    )


@dataclass(slots=True)
class Drill:
    """One drill. `run` holds it and cleans up, also when it is cancelled."""

    ground: DrillGround
    asked: DrillRequest
    id: str
    _begun: float = 0.0
    _seen: set[int] = field(default_factory=set)

    async def run(self) -> AsyncGenerator[Link, None]:
        """The links as they hold or break. Raises Rejected for what cannot be drilled."""
        ground = self.ground
        if any(run.group.file == _FILE for run in ground.rules.groups):
            raise Rejected("a drill is being held already; wait for its end")
        if not 1 <= self.asked.interval <= 300 or not 1 <= self.asked.patience <= 3600:
            raise Rejected("interval is 1 to 300 seconds, patience 1 to 3600")
        plan = ground.dispatcher.plan
        labels = labels_for(self.asked, plan.root if plan else None)
        group = self._group(labels)
        run = await ground.rules.add(group)
        try:
            async for link in self._links(run):
                yield link
        finally:
            cleaning = asyncio.create_task(self._clean(run), name="drill clean-up")
            async with asyncio.timeout(_CLEAN_SECONDS):
                await asyncio.shield(cleaning)
        yield self._link("cleaned up", "series and rule are gone; the alert is resolved")

    async def _links(self, run: GroupRun) -> AsyncIterator[Link]:
        clock = self.ground.clock
        self._begun = clock.now()
        yield self._link("breach", f'{METRIC}{{drill="{self.id}"}} is 1', at=self._begun)
        await self._write(1.0)
        yield self._link("sample accepted", "written to the log of the store")
        alert = await self._fired(run)
        if alert is None:
            why = run.rules[0].error or "the rule found nothing"
            yield self._link("rule evaluated", why, state="failed")
            return
        evaluated = run.evaluated_ms / 1000
        took = f"{run.rules[0].seconds * 1000:.0f} ms"
        yield self._link("rule evaluated", f"every {self.asked.interval:g} s, took {took}",
                         at=max(evaluated, self._begun))  # fmt: skip
        yield self._link("alert fired", "for: 0s", at=alert.fired_ms / 1000)
        async for link in self._told(run, alert):
            yield link

    async def _fired(self, run: GroupRun) -> Active | None:
        """The alert once it fires; None when it does not within ten intervals."""
        clock = self.ground.clock
        end = clock.monotonic() + 10 * self.asked.interval + 5
        while clock.monotonic() < end:
            firing = [one for one in run.rules[0].alerts() if one.phase is Phase.FIRING]
            if firing:
                return firing[0]
            await clock.sleep(_LOOK_SECONDS)
        return None

    async def _told(self, run: GroupRun, alert: Active) -> AsyncIterator[Link]:
        """Routes, then each integration as it answers."""
        ground, clock = self.ground, self.ground.clock
        external = dict(ground.rules.around.world.external_labels)
        named = model.from_mapping({**external, **dict(alert.labels)})
        plan = ground.dispatcher.plan
        if plan is None:
            yield self._link("routed", "no routes are configured: nobody is told", state="failed")
            return
        routes = matching(plan.root, named)
        for link in self._obstacles(named, routes):
            yield link
        waits = max(route.group_wait_ms for route in routes) / 1000
        waiting = {
            (route.receiver, one.name): route
            for route in routes
            for one in ground.dispatcher.integrations.get(route.receiver, ())
        }
        receivers = ", ".join(dict.fromkeys(route.receiver for route in routes))
        yield self._link("routed", f"to {receivers}; told {waits:g} s after it fired")
        if not waiting:
            yield self._link("told", f"{receivers} has no way of being told", state="failed")
        end = clock.monotonic() + waits + self.asked.patience
        written = clock.monotonic()
        errors: dict[tuple[str, str], str] = {}
        while waiting and clock.monotonic() < end:
            for record in await ground.find(Wanted(fingerprint=fingerprint(named), limit=50)):
                errors[record.receiver, record.integration] = record.error
                for link in self._of_record(record):
                    yield link
                if record.state == SENT or record.why:
                    waiting.pop((record.receiver, record.integration), None)
            if clock.monotonic() - written > _REWRITE_SECONDS:
                written = clock.monotonic()
                await self._write(1.0)
            await clock.sleep(_LOOK_SECONDS)
        for receiver, name in waiting:
            why = errors.get((receiver, name)) or "nothing was sent"
            words = f"{receiver}/{name} had not taken it when patience was over: {why}"
            yield self._link("not delivered", words, state="failed")

    def _obstacles(self, named: Labels, routes: list[Route]) -> Iterator[Link]:
        """What would hold such an alert back now."""
        ground = self.ground
        plan = ground.dispatcher.plan
        now_ms = ground.clock.now_ms()
        state = ground.dispatcher.state_of(Alert(labels=named, starts_ms=now_ms))
        if state.silenced_by:
            words = f"silenced by {', '.join(state.silenced_by)}"
            yield self._link("held back", words, state="failed")
        if state.inhibited_by:
            words = "held back by a more important alert that fires"
            yield self._link("held back", words, state="failed")
        for route in routes:
            why = why_muted(route, plan.intervals, now_ms) if plan else ""
            if why:
                yield self._link("held back", f"{route.receiver}: {why}", state="failed")

    def _of_record(self, record: Record) -> Iterator[Link]:
        """The message once it is known what became of it; each once."""
        if record.state == SENDING or not record.attempts or record.id in self._seen:
            return
        if record.state not in (SENT, FAILED):
            return
        self._seen.add(record.id)
        last = record.attempts[-1]
        at = (last.at_ms + last.took_ms) / 1000
        where = f"{record.receiver}/{record.integration}"
        if record.why:
            where += f" ({record.why})"
        tries = f", attempt {record.attempt_count}" if record.attempt_count > 1 else ""
        if record.state == SENT:
            words = (
                f"{where} took it in {last.took_ms} ms{tries}: {last.answer[:200] or 'accepted'}"
            )
            yield self._link("delivered", words, at=at)
        else:
            yield self._link("not delivered", f"{where}{tries}: {last.error}", at=at,
                             state="failed")  # fmt: skip

    async def _clean(self, run: GroupRun) -> None:
        """End the series, let the rule see it, and take the rule away."""
        ground = self.ground
        try:
            await self._write(STALE)
            await run.evaluate(ground.clock.now_ms())
        finally:
            await ground.rules.remove(run.group.key)

    async def _write(self, value: float) -> None:
        around = self.ground.rules.around
        series = from_mapping({NAME: METRIC, "drill": self.id})
        now_ms = self.ground.clock.now_ms()
        await around.results.write(batch_of([around.intake.ref(series)], [now_ms], [value]))

    def _link(self, name: str, words: str, *, at: float | None = None, state: str = "ok") -> Link:
        now = self.ground.clock.now() if at is None else at
        after = max(0.0, round(now - self._begun, 3))
        return Link(name=name, at=now, after=after, words=words, state=state)

    def _group(self, labels: dict[str, str]) -> RuleGroup:
        rule = {
            "alert": ALERT,
            "expr": f'{METRIC}{{drill="{self.id}"}} == 1',
            "labels": labels,
            "annotations": {
                "summary": f"DRILL {self.id}: this is a drill, nothing is wrong",
                "description": "DRILL. Somebody tries whether alerts arrive. Do nothing.",
            },
        }
        every = f"{round(self.asked.interval * 1000)}ms"
        groups = [{"name": self.id, "interval": every, "rules": [rule]}]
        text = msgspec.json.encode({"groups": groups}).decode()
        (group,) = read_groups(text, _FILE, Defaults())
        return group
