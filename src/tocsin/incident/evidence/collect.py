"""How does a file come together? Part by part; one that fails is named and holds up no other."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec

import tocsin
from tocsin.incident.evidence import graphs, lines
from tocsin.incident.evidence.bundle import (
    Bundle,
    Change,
    FrozenAlert,
    FrozenLine,
    FrozenRule,
    Graph,
    Image,
    LeftOut,
)
from tocsin.incident.evidence.graphs import Asked, Stretch
from tocsin.incident.evidence.ports import Limits, Room, Sources
from tocsin.kit.fault import Fault, Temporary
from tocsin.model.incidents import Entry, Incident, Link
from tocsin.model.labels import from_mapping, get
from tocsin.state.incidents import Attachment

T = TypeVar("T")

_BEFORE_MS = 3_600_000
_AFTER_MS = 3_600_000
_RULE_LIMIT_SECONDS = 12.0


class Collector:
    """Freezes incidents; `busy` of a result says which parts may be there on another try."""

    def __init__(self, sources: Sources, limits: Limits | None = None) -> None:
        self._sources = sources
        self._limits = limits or Limits()

    async def collect(
        self,
        incident: Incident,
        timeline: Sequence[Entry],
        images: Sequence[Attachment],
        moment: str,
        now_ms: int,
    ) -> tuple[Bundle, tuple[str, ...]]:
        """The bundle, and the parts that were only kept from it for now."""
        work = _Work(self._sources, self._limits, incident, moment, now_ms)
        await work.run()
        room = work.room
        entries = timeline[-self._limits.entries :]
        if len(entries) < len(timeline):
            room.lacks(f"the first {len(timeline) - len(entries)} entries of the timeline", "size")
        bundle = Bundle(
            tocsin=tocsin.__version__,
            moment=moment,
            frozen_ms=now_ms,
            start_ms=work.stretch.start_ms,
            end_ms=work.stretch.end_ms,
            incident=msgspec.to_builtins(incident),
            timeline=tuple(msgspec.to_builtins(one) for one in entries),
            graphs=tuple(work.graphs),
            alerts=tuple(work.alerts),
            rules=tuple(work.rules),
            lines=work.lines,
            changes=tuple(work.changes),
            images=tuple(_images(images, self._limits, room)),
            routing=self._text("the routing", self._sources.texts.routing(), room),
            configuration=self._text(
                "the configuration", self._sources.texts.configuration(), room
            ),
            left_out=tuple(LeftOut(what=what, why=why) for what, why in room.left_out),
        )
        return bundle, tuple(work.busy)

    def _text(self, what: str, text: str, room: Room) -> str:
        if len(text) > self._limits.text:
            room.lacks(f"the end of {what}", f"it has {len(text)} characters")
        return text[: self._limits.text]


class _Work:
    """One bundle while it is made."""

    def __init__(
        self, sources: Sources, limits: Limits, incident: Incident, moment: str, now_ms: int
    ) -> None:
        self._sources, self._limits, self._incident = sources, limits, incident
        self._moment = moment
        self.stretch = stretch_of(incident, now_ms)
        self.room = Room(limits.samples, limits.values)
        self.busy: list[str] = []
        self.graphs: list[Graph] = []
        self.alerts: list[FrozenAlert] = []
        self.rules: list[FrozenRule] = []
        self.lines: tuple[FrozenLine, ...] = ()
        self.changes: list[Change] = []

    async def run(self) -> None:
        """Alerts and rules first, since graphs are theirs; the rest side by side."""
        linked = [(link.ref, link.labels) for link in self._incident.of_kind("alert")]
        found = await self._part("the alerts", lambda: self._sources.alerts.alerts(linked))
        alerts = [self._timed(one) for one in found or ()]
        self.alerts = self._bounded("alerts", alerts, self._limits.alerts)
        names = {get(labels, "alertname") for _, labels in linked}
        rules = [
            msgspec.structs.replace(one, is_of_incident=one.is_alert and one.name in names)
            for one in self._sources.rules.rules()
        ]
        rules.sort(key=lambda one: not one.is_of_incident)
        self.rules = self._bounded("rules", rules, self._limits.rules)
        await asyncio.gather(self._graphs(), self._lines(), self._changes())

    def _timed(self, alert: FrozenAlert) -> FrozenAlert:
        """One that is over may be forgotten by those who tell; its incident knows its times."""
        if alert.starts_ms:
            return alert
        link = next(
            (o for o in self._incident.of_kind("alert") if o.ref == alert.fingerprint), None
        )
        if link is None:
            return alert
        times = {"starts_ms": link.starts_ms, "ends_ms": link.ends_ms}
        return msgspec.structs.replace(alert, **times)

    async def _graphs(self) -> None:
        wanted = self._bounded("graphs", list(self._asked()), self._limits.graphs)
        for asked in wanted:
            made = await self._part(f"the graph {asked.title}", partial(self._graph, asked))
            if made is not None:
                self.graphs.append(made)

    async def _graph(self, asked: Asked) -> Graph:
        engine, samples = self._sources.engine, self._sources.samples
        return await graphs.freeze(engine, samples, asked, self.stretch, self._limits, self.room)

    def _asked(self) -> list[Asked]:
        found: list[Asked] = []
        linked = self._incident.of_kind("alert")
        for rule in self.rules:
            if not rule.is_of_incident:
                continue
            own = tuple((link.ref, link.labels) for link in linked if _is_from(rule, link))
            if own:
                found.append(
                    Asked(
                        id=f"g{len(found)}",
                        title=rule.name,
                        expr=rule.expr,
                        recover=rule.recover,
                        unit=rule.unit,
                        alerts=own,
                        every_ms=rule.interval_ms or 15_000,
                    )
                )
        known = {one.expr for one in found}
        for link in self._incident.of_kind("graph"):
            if link.ref not in known:
                title = link.title or link.ref
                found.append(Asked(id=f"g{len(found)}", title=title, expr=link.ref))
        return found

    async def _lines(self) -> None:
        made = await self._part("the lines of logs", self._frozen_lines)
        self.lines = made or ()

    async def _frozen_lines(self) -> tuple[FrozenLine, ...]:
        search = self._sources.lines
        return await lines.freeze(search, self._incident, self.stretch, self._limits, self.room)

    async def _changes(self) -> None:
        services, stretch = self._incident.services, self.stretch
        for source in self._sources.changes:
            made = await self._part(
                "some of what changed",
                partial(source.changes, services, stretch.start_ms, stretch.end_ms),
            )
            self.changes += made or ()
        self.changes.sort(key=lambda one: one.at_ms)
        self.changes = self._bounded("changes", self.changes, self._limits.changes)

    async def _part(self, what: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """What it comes to; None when it failed, which the file then says."""
        try:
            async with asyncio.timeout(_RULE_LIMIT_SECONDS):
                return await work()
        except TimeoutError:
            self.busy.append(what)
            self.room.lacks(what, f"it took longer than {_RULE_LIMIT_SECONDS:.0f} s")
        except Temporary as error:
            self.busy.append(what)
            self.room.lacks(what, str(error))
        except Fault as error:
            self.room.lacks(what, str(error))
        return None

    def _bounded(self, what: str, found: list[T], most: int) -> list[T]:
        if len(found) > most:
            self.room.lacks(f"{len(found) - most} of {len(found)} {what}", f"{most} are the most")
        return found[:most]


def stretch_of(incident: Incident, now_ms: int) -> Stretch:
    """From an hour before the trouble began to an hour after its end, or until now."""
    began = min(one for one in (incident.started_ms, incident.opened_ms, now_ms) if one)
    ended = incident.resolved_ms + _AFTER_MS if incident.resolved_ms else now_ms
    return Stretch(began - _BEFORE_MS, max(began, min(now_ms, ended)))


def _is_from(rule: FrozenRule, link: Link) -> bool:
    """Whether the alert may be that rule's: it has its name and its fixed labels."""
    labels = dict(link.labels)
    if labels.get("alertname") != rule.name:
        return False
    fixed = from_mapping(rule.labels)
    return all(labels.get(name) == value for name, value in fixed if "{{" not in value)


def _images(found: Sequence[Attachment], limits: Limits, room: Room) -> list[Image]:
    kept: list[Image] = []
    left = limits.image_bytes
    for one in found:
        if len(one.content) > left:
            room.lacks(f"the picture {one.name}", f"pictures may have {limits.image_bytes} bytes")
            continue
        left -= len(one.content)
        content = base64.b64encode(one.content).decode()
        kept.append(Image(id=one.id, name=one.name, media_type=one.media_type, content=content))
    return kept
