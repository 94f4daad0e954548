"""Through what does everything about incidents change? One service, used by people and machines.

Each change is kept with its timeline and with the errands that follow from it in one transaction;
what somebody else changed meanwhile is never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from tocsin.incident import change, joining, picture
from tocsin.incident.change import FIELDS, Changed
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.names import Names
from tocsin.incident.request import (
    TOCSIN,
    Author,
    Change,
    Conflict,
    Draft,
    Edit,
    Firing,
    Resolution,
)
from tocsin.incident.timeline import pinned
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected, TooLarge
from tocsin.model.errands import Plan
from tocsin.model.incidents import Entry, Incident, Link, Status
from tocsin.state.incidents import Asked, Attachment, IncidentTable, Stale

__all__ = [
    "TOCSIN",
    "Author",
    "Change",
    "Conflict",
    "Draft",
    "Edit",
    "Firing",
    "IncidentBook",
    "Planner",
    "Resolution",
]

_log = log.get("incidents")
_ATTEMPTS = 50
_VERSION = "version"

Planner = Callable[[Incident | None, Incident, Sequence[Entry]], Plan]
"""What follows from a change; pure. `before` is None for a new one, whose number is "{number}".
Both are equal when only the timeline grew."""

Step = Callable[[Incident, int], Changed]


class IncidentBook:
    """All incidents. Everything raises NotFound for a number that is not there, Rejected for what
    makes no sense, Temporary when the database does not answer."""

    def __init__(
        self,
        table: IncidentTable,
        config: Callable[[], IncidentsConfig],
        clock: Clock,
        *,
        wake: Callable[[], None],
    ) -> None:
        self.table = table
        self.names = Names()
        self._config = config
        self._clock = clock
        self._wake = wake
        self._planners: list[Planner] = []
        self._listeners: list[Callable[[Change], None]] = []

    @property
    def config(self) -> IncidentsConfig:
        """What is in force."""
        return self._config()

    def follow(self, planner: Planner) -> None:
        """Have its plan carried out in the transaction of each change."""
        self._planners.append(planner)

    def subscribe(self, hear: Callable[[Change], None]) -> None:
        """Have it told of each change, after it is kept; it must neither fail nor wait."""
        self._listeners.append(hear)

    async def open(self, draft: Draft, author: Author) -> Incident:
        """A new one. Raises AlreadyOpen when one of its join key is."""
        named = {role: await self.names.meant(n, author.name) for role, n in draft.roles.items()}
        draft = replace(
            draft,
            severity=self.config.checked(draft.severity),
            assignee=await self.names.meant(draft.assignee, author.name),
            roles=named,
        )
        after, entries = change.opened(draft, author, self._clock.now_ms())
        kept = await self.table.open(after, entries, self._plan(None, after, entries))
        _log.info("incident_opened", number=kept.number, severity=kept.severity, source=kept.source)
        self._tell(None, kept, entries)
        return kept

    async def acknowledge(
        self, number: str, author: Author, *, alerts: Sequence[str] = ()
    ) -> Incident:
        """Somebody has taken it on, by these of its alerts if any are named; the first keeps it."""
        return await self._change(
            number, lambda one, now: change.acknowledged(one, author, now, alerts)
        )

    async def unacknowledge(self, number: str, author: Author) -> Incident:
        """Nobody has it any more."""
        return await self._change(number, lambda one, now: change.unacknowledged(one, author, now))

    async def assign(self, number: str, person: str, author: Author) -> Incident:
        """To a person; to nobody when it is empty. Raises Rejected for a name nobody has."""
        who = await self.names.meant(person, author.name)
        return await self._change(number, lambda one, now: change.assigned(one, who, author, now))

    async def set_role(self, number: str, role: str, person: str, author: Author) -> Incident:
        """Somebody does something in it; nobody does when `person` is empty. As `assign`."""
        who = await self.names.meant(person, author.name)
        return await self._change(
            number, lambda one, now: change.role_given(one, role, who, author, now)
        )

    async def set_severity(
        self, number: str, severity: str, author: Author, *, why: str = ""
    ) -> Incident:
        """To another of the configured severities; a worse one ends others' acknowledgement."""
        config = self.config
        known = config.checked(severity)

        def step(one: Incident, now: int) -> Changed:
            is_worse = config.rank(known) < config.rank(one.severity)
            return change.severity_changed(one, known, author, now, why=why, is_worse=is_worse)

        return await self._change(number, step)

    async def set_status(
        self, number: str, status: Status, author: Author, *, text: str = ""
    ) -> Incident:
        """As the status says: "resolved" resolves, "closed" closes."""
        return await self._change(
            number, lambda one, now: change.status_changed(one, status, author, now, text)
        )

    async def edit(
        self, number: str, changes: Edit, author: Author, *, version: int | None = None
    ) -> Incident:
        """With other texts. With the `version` that the author saw, Conflict is raised when one of
        the same fields has changed since; what changed beside them does not matter."""
        seen = await self.table.get(number)
        if version is not None:
            await self._refuse_changed(seen, changes, version)
        fields = frozenset(changes.fields)

        def step(one: Incident, now: int) -> Changed:
            # Between reading and keeping: what somebody changes now counts as changed since, too.
            if version is not None and any(
                getattr(one, name) != getattr(seen, name) for name in fields
            ):
                raise Conflict(one, ())
            return change.edited(one, changes, author, now)

        return await self._change(number, step)

    async def _refuse_changed(self, one: Incident, changes: Edit, version: int) -> None:
        if one.version == version:
            return
        fields = set(changes.fields)
        entries = [
            entry
            for entry in await self.table.timeline(one.id)
            if int(entry.data.get(_VERSION, "0")) > version
            and fields & set(entry.data.get(FIELDS, "").split())
        ]
        if entries or version > one.version:
            raise Conflict(one, entries)

    async def note(
        self, number: str, text: str, author: Author, *, data: Mapping[str, str] | None = None
    ) -> Incident:
        """A note in Markdown on its timeline, also when it is over."""
        one = await self.table.get(number)
        _, entries = change.noted(one, text, author, self._clock.now_ms(), data)
        return await self._add(one, entries)

    async def told(
        self,
        number: str,
        kind: str,
        text: str,
        author: Author,
        data: Mapping[str, str] | None = None,
    ) -> Incident:
        """What another part did about it, such as "page", "action", "update"."""
        one = await self.table.get(number)
        return await self._add(one, (change.entry(kind, author, self._clock.now_ms(), text, data),))

    async def attach_image(
        self, number: str, name: str, content: bytes, author: Author, *, text: str = ""
    ) -> Attachment:
        """A picture on its timeline. Raises Rejected for what is none, TooLarge."""
        longest = self.config.largest_image
        if len(content) > longest:
            raise TooLarge(f"a picture has at most {longest} (incidents.largest_image)")
        kind = picture.media_type(content)
        one, now = await self.table.get(number), self._clock.now_ms()
        attachment = Attachment(
            incident_id=one.id,
            kind="image",
            name=picture.file_name(name, kind),
            media_type=kind,
            created_ms=now,
            created_by=author.name,
            content=content,
        )
        data = {"attachment": "{attachment}", "name": attachment.name, "media_type": kind}
        words = text.strip()[:1000] or attachment.name
        entries = (change.entry("image", author, now, words, data),)
        return await self.attach(number, attachment, entries)

    async def attach(
        self, number: str, attachment: Attachment, entries: Sequence[Entry]
    ) -> Attachment:
        """A file of an incident, with what its timeline says of it."""
        kept = await self.table.attach(attachment, entries)
        one = await self.table.get(number)  # making the file took its time
        self._tell(one, one, entries)
        return kept

    async def image(self, incident_id: int, attachment_id: int) -> Attachment:
        """One picture of an incident. Raises NotFound."""
        found = await self.table.attachment(incident_id, attachment_id)
        if found.kind != "image":
            raise NotFound(f"attachment {attachment_id} is no picture")
        return found

    async def pin(self, number: str, entry_id: int, author: Author) -> Incident:
        """Have that entry shown above the others. Raises NotFound when it is not one of its."""
        return await self._pinned(number, entry_id, author, "pinned")

    async def unpin(self, number: str, entry_id: int, author: Author) -> Incident:
        """Have that entry shown in its place alone."""
        return await self._pinned(number, entry_id, author, "unpinned")

    async def _pinned(self, number: str, entry_id: int, author: Author, kind: str) -> Incident:
        one = await self.table.get(number)
        timeline = await self.table.timeline(one.id)
        found = next((entry for entry in timeline if entry.id == entry_id), None)
        if found is None:
            raise NotFound(f"{one.number} has no entry {entry_id} on its timeline")
        if (entry_id in pinned(timeline)) == (kind == "pinned"):
            return one
        text = f"{kind.capitalize()}: {found.text[:200]}"
        now, data = self._clock.now_ms(), {"entry": str(entry_id)}
        return await self._add(one, (change.entry(kind, author, now, text, data),))

    async def link(self, number: str, links: Sequence[Link], author: Author) -> Incident:
        """More that belongs to it."""
        return await self._change(number, lambda one, now: change.linked(one, links, author, now))

    async def unlink(self, number: str, kind: str, ref: str, author: Author) -> Incident:
        """What does not belong to it."""
        return await self._change(
            number, lambda one, now: change.unlinked(one, kind, ref, author, now)
        )

    async def promise(self, number: str, next_update_ms: int, author: Author) -> Incident:
        """When those concerned will hear again; 0: nothing is promised any more."""
        return await self._change(
            number, lambda one, now: change.promised(one, next_update_ms, author, now)
        )

    async def resolve(self, number: str, how: Resolution, author: Author) -> Incident:
        """It is over; said again, only the words change."""
        return await self._change(number, lambda one, now: change.resolved(one, how, author, now))

    async def reopen(self, number: str, author: Author, why: str = "") -> Incident:
        """It is not over after all. Raises AlreadyOpen when another of its join key is open."""
        return await self._change(number, lambda one, now: change.reopened(one, author, now, why))

    async def close(self, number: str, author: Author) -> Incident:
        """Nothing more is to be done."""
        return await self._change(number, lambda one, now: change.closed(one, author, now))

    async def merge(self, number: str, into: str, author: Author) -> Incident:
        """The first becomes part of the second, which is returned."""
        for _ in range(_ATTEMPTS):
            one, other = await self.table.get(number), await self.table.get(into)
            if one.merged_into == other.number:
                return other
            now = self._clock.now_ms()
            found = joining.merged(one, other, author, now, self.config)
            befores = (one, other)
            saving = [
                self._saving(before, after, entries)
                for before, (after, entries) in zip(befores, found, strict=True)
            ]
            try:
                kept = await self.table.save_all(saving, now)
            except Stale:
                continue
            for before, after, saved in zip(befores, kept, saving, strict=True):
                self._tell(before, after, saved[1])
            return kept[1]
        raise Stale(await self.table.get(number))

    async def alerts_fired(self, number: str, firing: Firing, author: Author) -> Incident:
        """Alerts that fire belong to it; it becomes as severe as the worst of them."""
        return await self._change(
            number, lambda one, now: joining.fired(one, firing, author, now, self.config)
        )

    async def alerts_ended(
        self, number: str, ends_ms: Mapping[str, int], author: Author, *, is_quiet: bool = False
    ) -> Incident:
        """Alerts of it are over, by fingerprint, since when."""
        return await self._change(
            number,
            lambda one, now: joining.ended(one, ends_ms, author, now, is_quiet=is_quiet),
        )

    async def change(self, number: str, step: Step) -> Incident:
        """Any change that a pure function makes of the newest; it is asked again when somebody
        changed it meanwhile."""
        return await self._change(number, step)

    async def get(self, number: str) -> Incident:
        """By its number, or its id in digits."""
        return await self.table.get(number)

    async def find(self, asked: Asked) -> list[Incident]:
        """The newest first."""
        return await self.table.find(asked)

    async def timeline(self, incident_id: int, *, after_id: int = 0) -> list[Entry]:
        """What happened in it, in the order in which it was written down."""
        return await self.table.timeline(incident_id, after_id=after_id)

    async def counts(self) -> dict[str, int]:
        """How many there are in each status."""
        return await self.table.counts()

    async def _change(self, number: str, step: Step) -> Incident:
        one = await self.table.get(number)
        for _ in range(_ATTEMPTS):
            now = self._clock.now_ms()
            after, entries = step(one, now)
            if after == one:
                return await self._add(one, entries) if entries else one
            saving = self._saving(one, after, entries)
            try:
                (kept,) = await self.table.save_all((saving,), now)
            except Stale as stale:
                one = stale.now
                continue
            self._tell(one, kept, saving[1])
            return kept
        raise Stale(one)

    def _saving(
        self, before: Incident, after: Incident, entries: Sequence[Entry]
    ) -> tuple[Incident, Sequence[Entry], Plan]:
        version = {_VERSION: str(before.version + 1)}
        told = [replace(one, data={**one.data, **version}) for one in entries]
        return after, told, self._plan(before, after, told)

    async def _add(self, one: Incident, entries: Sequence[Entry]) -> Incident:
        await self.table.note(one.id, entries, self._plan(one, one, entries))
        self._tell(one, one, entries)
        return one

    def _plan(self, before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
        plans = [planner(before, after, entries) for planner in self._planners]
        return Plan(
            put=tuple(one for plan in plans for one in plan.put),
            cancel=tuple(one for plan in plans for one in plan.cancel),
            cancel_subjects=tuple(one for plan in plans for one in plan.cancel_subjects),
        )

    def _tell(self, before: Incident | None, after: Incident, entries: Sequence[Entry]) -> None:
        told = Change(before, after, entries)
        for hear in self._listeners:
            hear(told)
        self._wake()


def status_named(text: str) -> Status:
    """The status of that name. Raises Rejected."""
    for status in Status:
        if status.value == text.strip().lower():
            return status
    known = ", ".join(status.value for status in Status)
    raise Rejected(f"there is no status {text[:40]!r}; known are {known}")
