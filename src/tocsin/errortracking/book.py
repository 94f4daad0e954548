"""Through what is everything about issues asked and changed? By people and machines alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from msgspec.structs import replace

from tocsin.errortracking import merging
from tocsin.errortracking.acts import done
from tocsin.errortracking.advance import TOCSIN, is_waited_out, reopened
from tocsin.errortracking.answers import (
    Act,
    ActEntry,
    EventRow,
    EventShown,
    Feedback,
    IssueChange,
    IssuePage,
    IssuesAsked,
    PersonSeen,
    Print,
    Project,
    ReleaseHealth,
    ReleaseSeen,
    TagShown,
)
from tocsin.errortracking.event_search import Event, EventSearch, Of
from tocsin.errortracking.fingerprint import VERSION, number_of
from tocsin.errortracking.listing import wanted
from tocsin.errortracking.projects import Projects
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.model.errors import Issue, IssueEntry, IssueState, KeptIssue
from tocsin.state.error_issues import ErrorIssueTable, StaleIssue, Write
from tocsin.store.error_writer import ErrorWriter

_log = log.get("errors")
_BULK = 1_000
_LOOK_SECONDS = 30.0
_DAY_MS = 86_400_000
_PEOPLE_LOOKED_AT = 1_000


class Names(Protocol):
    """Finds the person who is meant (`incident.names.Names`)."""

    async def meant(self, text: str, author: str) -> str: ...


class Health(Protocol):
    """Knows how releases do."""

    async def releases(self, project: str, days: int) -> list[ReleaseHealth]: ...


@dataclass(frozen=True, slots=True)
class Shelves:
    """Where everything about issues is kept."""

    table: ErrorIssueTable
    writer: ErrorWriter
    search: EventSearch
    projects: Projects
    health: Health


class IssueBook:
    """All issues. Everything raises NotFound for an id that is not there, Rejected for what makes
    no sense, Temporary when a database does not answer. `author` is a person's name.

    The table of errors names an issue by the numbers of its prints, not by its id: `numbers`.
    """

    def __init__(self, shelves: Shelves, clock: Clock) -> None:
        self._table = shelves.table
        self._writer = shelves.writer
        self._search = shelves.search
        self._projects = shelves.projects
        self._health = shelves.health
        self._clock = clock
        self.names: Names | None = None
        """Who may be assigned; anybody while nothing is known."""
        self._listeners: list[Callable[[IssueChange], None]] = []

    def subscribe(self, hear: Callable[[IssueChange], None]) -> None:
        """Have it told of each change, after it is kept; it must neither fail nor wait."""
        self._listeners.append(hear)

    def tell(self, change: IssueChange) -> None:
        """Tell those who subscribed."""
        for hear in self._listeners:
            hear(change)

    async def run(self) -> None:
        """End what was ignored until a time, for ever."""
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            try:
                await self.wake()
            except Fault as fault:
                _log.warning("ignored_issues_wait", reason=str(fault))

    async def wake(self) -> None:
        """Open the ignored issues whose time is over."""
        ids = await self._table.waiting()
        now = self._clock.now_ms()
        for place in range(0, len(ids), 100):
            kept = await self._table.change(ids[place : place + 100], lambda a: _woken(a, now))
            for one in kept:
                self.tell(IssueChange(kind="unignored", issue=one.issue))

    async def get(self, issue_id: int) -> Issue:
        """The issue, or the one that it was merged into."""
        return (await self._kept(issue_id)).issue

    async def find(self, asked: IssuesAsked) -> IssuePage:
        """Those that answer the question, in its order."""
        question = wanted(asked, self._clock.now_ms())
        question = replace(question, projects=tuple(map(self._project_name, question.projects)))
        if asked.order != "people":
            found, total = await self._table.find(question)
            return IssuePage(issues=tuple(found), total=total)
        many = replace(question, order="times", limit=_PEOPLE_LOOKED_AT, offset=0)
        found, total = await self._table.find(many)
        found.sort(key=lambda one: (-one.people, -one.times))
        part = found[asked.offset : asked.offset + asked.limit]
        return IssuePage(issues=tuple(part), total=total)

    def _project_name(self, text: str) -> str:
        try:
            return self._projects.find(text).name
        except NotFound:
            return text  # issues of it may be there still

    async def counts(self, project: str = "") -> dict[str, int]:
        """How many are in each state."""
        return await self._table.counts(project)

    async def act(
        self, issue_id: int, act: Act, author: str, *, version: int | None = None
    ) -> Issue:
        """Do that. With the `version` that the author saw, StaleIssue is raised when somebody else
        changed it meanwhile. Raises Rejected for a person that nobody knows."""
        if act.kind == "assign" and self.names is not None:
            act = replace(act, person=await self.names.meant(act.person, author))
        now = self._clock.now_ms()
        entries: tuple[IssueEntry, ...] = ()

        def step(found: Mapping[int, KeptIssue]) -> Sequence[Write]:
            nonlocal entries
            kept = found[its_id]
            if version is not None and version != kept.issue.version:
                raise StaleIssue(kept.issue)
            issue, entries = done(kept.issue, act, author, now)
            return (Write(kept=replace(kept, issue=issue), entries=entries),) if entries else ()

        its_id = (await self._kept(issue_id)).issue.id
        kept = await self._table.change((its_id,), step)
        if not kept:
            return await self.get(its_id)
        self.tell(IssueChange(kind=act.kind, issue=kept[0].issue))
        return kept[0].issue

    async def act_on(self, ids: Sequence[int], act: Act, author: str) -> dict[int, str]:
        """Do that with several; what went wrong by id, empty texts for what went well."""
        if len(ids) > _BULK:
            raise Rejected(f"at most {_BULK:,} issues can be changed at once, not {len(ids):,}")
        told: dict[int, str] = {}
        for one in dict.fromkeys(ids):
            try:
                await self.act(one, act, author)
                told[one] = ""
            except Rejected as error:
                told[one] = str(error)
        return told

    async def merge(self, into: int, others: Sequence[int], author: str) -> Issue:
        """The others' events and those to come belong to the first."""
        target = (await self._kept(into)).issue.id
        ids = [one for one in dict.fromkeys(others) if one != target]
        if not ids:
            raise Rejected("name the issues that are to be merged into it")
        if len(ids) > _BULK:
            raise Rejected(f"at most {_BULK:,} issues can be merged at once, not {len(ids):,}")
        now = self._clock.now_ms()
        kept = await self._table.change(
            (target, *ids), lambda found: merging.merged(found, target, ids, author, now)
        )
        self.tell(IssueChange(kind="merged", issue=kept[0].issue))
        return kept[0].issue

    async def unmerge(self, issue_id: int, hashes: Sequence[str], author: str) -> Issue:
        """Events of these prints become an issue of their own again, which is returned."""
        whole = await self._kept(issue_id)
        its_id = whole.issue.id
        of = Of(project=whole.issue.project, numbers=tuple(map(merging.number_named, hashes)))
        newest = await self._search.event(of, "latest")
        spans = await self._search.kept(of)
        apart = merging.Apart(hashes=tuple(dict.fromkeys(hashes)), newest=newest, spans=spans)
        now = self._clock.now_ms()
        kept = await self._table.change(
            (its_id,), lambda found: merging.unmerged(found[its_id], apart, author, now)
        )
        self.tell(IssueChange(kind="unmerged", issue=kept[0].issue))
        return kept[1].issue

    async def delete(self, issue_id: int, author: str, *, discard: bool = False) -> None:
        """Forget it with its events; with `discard`, those to come are not kept either."""
        kept = await self._kept(issue_id)
        its_id, of = kept.issue.id, _of(kept)
        # First its errors: where they cannot be deleted the issue stays, to be deleted again, and
        # does not come back by itself at the next start.
        await self._writer.forget(of.project, of.numbers)
        if discard:
            now = self._clock.now_ms()
            await self._table.change(
                (its_id,), lambda found: merging.discarded(found[its_id], author, now)
            )
        else:
            await self._table.delete(its_id)
        self.tell(IssueChange(kind="discarded" if discard else "deleted", issue=kept.issue))
        _log.info("issue_deleted", issue=its_id, discard=discard, by=author)

    async def acts(self, issue_id: int) -> list[ActEntry]:
        """Its history, the oldest first."""
        return await self._table.entries((await self._kept(issue_id)).issue.id)

    async def prints(self, issue_id: int) -> list[Print]:
        """The fingerprints that belong to it, the most frequent first."""
        kept = await self._kept(issue_id)
        found: list[Print] = []
        for name, times in sorted(kept.prints.items(), key=lambda item: -item[1])[:100]:
            of = Of(project=kept.issue.project, numbers=(number_of(name),))
            try:
                parts = (await self._search.event(of, "latest")).whole().group_parts
            except NotFound:
                parts = ()
            found.append(Print(hash=name, times=times, text=" · ".join(parts)[:2_000]))
        return found

    async def numbers(self, issue_id: int) -> Of:
        """By what the table of errors names the issue."""
        return _of(await self._kept(issue_id))

    async def events(
        self, issue_id: int, *, words: str = "", limit: int = 50, offset: int = 0
    ) -> list[EventRow]:
        """Its errors, the newest first; `words` must be part of the value, a tag or a user."""
        kept = await self._kept(issue_id)
        found = await self._search.events(_of(kept), words=words, limit=limit, offset=offset)
        return [replace(one.row, issue_id=kept.issue.id) for one in found]

    async def event(self, issue_id: int, event_id: str = "latest") -> EventShown:
        """One of its errors, whole: by its id, or "latest", or "oldest"."""
        kept = await self._kept(issue_id)
        of = _of(kept)
        one = await self._search.event(of, event_id)
        newer, older = await self._search.beside(of, one)
        said = await self._table.entries(kept.issue.id)
        heard = [_feedback(entry) for entry in said if entry.kind == "feedback"]
        return EventShown(
            event=replace(one.row, issue_id=kept.issue.id),
            content=one.whole(),
            newer=newer,
            older=older,
            feedback=tuple(each for each in heard if each.event_id in ("", one.row.event_id)),
        )

    async def issue_of_event(self, event_id: str) -> int:
        """The issue that an error belongs to."""
        return await self._issue_of(await self._search.named(event_id))

    async def issue_of_line(self, line_id: str) -> tuple[int, str]:
        """The issue and the id of the error that was found in a log line."""
        event_id = merging.event_id_of_line(line_id)
        return await self.issue_of_event(event_id), event_id

    async def of_trace(self, trace_id: str, limit: int = 100) -> list[EventRow]:
        """The errors of a trace, the oldest first."""
        found = await self._search.of_trace(trace_id, limit)
        starts = {f"{VERSION}:{one.number:016x}": one.number for one in found}
        owners = {
            starts[name[:18]]: its_id
            for name, its_id in (await self._table.like(list(starts))).items()
        }
        return [
            replace(one.row, issue_id=owners[one.number]) for one in found if one.number in owners
        ]

    async def tags(self, issue_id: int) -> list[TagShown]:
        """How its tags are distributed: environment, release, host and the event's own."""
        return await self._search.tags(_of(await self._kept(issue_id)))

    async def people(self, issue_id: int, limit: int = 50) -> list[PersonSeen]:
        """Whom it happened to, the most affected first."""
        return await self._search.people(_of(await self._kept(issue_id)), limit)

    async def releases(self, issue_id: int) -> list[ReleaseSeen]:
        """The releases that had it, the newest first."""
        return await self._search.releases(_of(await self._kept(issue_id)))

    async def trend(
        self, ids: Sequence[int], from_ms: int, until_ms: int, step_ms: int
    ) -> dict[int, tuple[int, ...]]:
        """How many errors each had in each step of the range; at most 500 steps."""
        found = await self._table.several(list(dict.fromkeys(ids[:_BULK])))
        issues = {one: _of(kept) for one, kept in found.items()}
        return await self._search.trend(issues, from_ms, until_ms, step_ms)

    async def hear(self, project: str, feedback: Feedback) -> None:
        """What a user said of an error, noted in its issue. Raises NotFound."""
        one = await self._search.named(feedback.event_id)
        if one.row.project != project:
            raise NotFound(f"the project {project} has no event {feedback.event_id[:40]}")
        issue_id = await self._issue_of(one)
        entry = IssueEntry(
            at_ms=feedback.at_ms or self._clock.now_ms(),
            kind="feedback",
            author=feedback.name or feedback.email or "a user",
            text=feedback.comments,
            data={
                name: value
                for name, value in msgspec.structs.asdict(feedback).items()
                if isinstance(value, str) and value
            },
        )
        kept = await self._table.change(
            (issue_id,), lambda found: (Write(kept=found[issue_id], entries=(entry,)),)
        )
        self.tell(IssueChange(kind="feedback", issue=kept[0].issue, event_id=feedback.event_id))

    async def projects(self) -> list[Project]:
        """All, by number."""
        return self._projects.all

    async def project(self, name_or_number: str) -> Project:
        """By its name or its number in digits."""
        return self._projects.find(name_or_number)

    async def make_project(self, name: str, author: str, *, platform: str = "") -> Project:
        """A new one."""
        return await self._projects.make(name, by=author, platform=platform)

    async def health(self, project: str = "", days: int = 7) -> list[ReleaseHealth]:
        """The sessions of releases, the most used first."""
        return await self._health.releases(project, days)

    async def forget_old(self, before_ms: int) -> int:
        """Delete issues that were not seen since then; how many."""
        ids = await self._table.old(before_ms)
        for one in ids:
            await self._table.delete(one)
        return len(ids)

    async def _issue_of(self, one: Event) -> int:
        owners = await self._table.like((f"{VERSION}:{one.number:016x}",))
        if not owners:
            raise NotFound(f"the issue of the event {one.row.event_id} was deleted")
        return next(iter(owners.values()))

    async def _kept(self, issue_id: int) -> KeptIssue:
        kept = await self._table.get(issue_id)
        for _ in range(20):
            if not kept.merged_into:
                break
            kept = await self._table.get(kept.merged_into)
        if kept.discarded:
            raise NotFound(f"the issue {issue_id} was deleted, and its errors are discarded")
        return kept


def _of(kept: KeptIssue) -> Of:
    return Of(project=kept.issue.project, numbers=tuple(map(number_of, kept.prints)))


def _woken(found: Mapping[int, KeptIssue], now_ms: int) -> list[Write]:
    writes = []
    for kept in found.values():
        why = is_waited_out(kept.issue, now_ms)
        if why and kept.issue.state is IssueState.IGNORED:
            entry = IssueEntry(at_ms=now_ms, kind="unignored", author=TOCSIN, text=why)
            issue = replace(reopened(kept.issue), version=kept.issue.version + 1)
            writes.append(Write(kept=replace(kept, issue=issue), entries=(entry,)))
    return writes


def _feedback(entry: IssueEntry) -> Feedback:
    told = {name: entry.data.get(name, "") for name in ("name", "email", "event_id")}
    return Feedback(at_ms=entry.at_ms, comments=entry.text, **told)
