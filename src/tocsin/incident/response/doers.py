"""How are the actions done that need nothing from outside but a port?"""

from __future__ import annotations

from collections.abc import Callable

from tocsin.incident.book import TOCSIN, Author, IncidentBook
from tocsin.incident.response import tasks
from tocsin.incident.response.ports import Escalate, OnCall, StatusPosts
from tocsin.incident.response.steps import Assign, Note, Page, StatusPage, Task
from tocsin.incident.response.work import LEFT_OUT, Outcome, Work
from tocsin.incident.words.catalog import Audience, Moment
from tocsin.kit.fault import Permanent, Rejected, Temporary

_AUTHOR = Author(TOCSIN, "response")
_SCHEDULE = "schedule:"


class TaskDoer:
    """Does `task`: people do it, and say so."""

    async def do(self, work: Work) -> Outcome:
        """As `incident.response.work.Doer`."""
        step = work.action.step
        text = step.text if isinstance(step, Task) else work.action.shown
        words = work.fill(text)
        return Outcome(f"To do: {words}", tasks.fresh(work.action.identity, words))


class NoteDoer:
    """Does `note`."""

    def __init__(self, book: IncidentBook) -> None:
        self._book = book

    async def do(self, work: Work) -> Outcome:
        """As `incident.response.work.Doer`."""
        step = work.action.step
        if not isinstance(step, Note):
            raise Rejected("this is no note")
        is_there = any(entry.data.get("errand") == work.key for entry in work.entries)
        if not is_there:
            data = {"errand": work.key}
            await self._book.note(work.incident.number, work.fill(step.text), _AUTHOR, data=data)
        return Outcome(f"{work.action.shown}: noted")


class AssignDoer:
    """Does `assign`."""

    def __init__(self, book: IncidentBook, on_call: Callable[[], OnCall | None]) -> None:
        self._book = book
        self._on_call = on_call

    async def do(self, work: Work) -> Outcome:
        """As `incident.response.work.Doer`."""
        step, incident = work.action.step, work.incident
        if not isinstance(step, Assign):
            raise Rejected("this assigns nobody")
        has = incident.roles.get(step.role, "") if step.role else incident.assignee
        if has:
            return Outcome(f"{work.action.shown}: left out, {has} has it", state=LEFT_OUT)
        person = await self._person(step.to, work)
        if not person:
            raise Temporary("nobody is on call just now")
        if step.role:
            await self._book.set_role(incident.number, step.role, person, _AUTHOR)
        else:
            await self._book.assign(incident.number, person, _AUTHOR)
        return Outcome(f"{work.action.shown}: {person}")

    async def _person(self, to: str, work: Work) -> str:
        if to != "on_call" and not to.startswith(_SCHEDULE):
            return to
        on_call = self._on_call()
        if on_call is None:
            raise Permanent("nobody is ever on call; configure oncall.schedules")
        schedule = to.removeprefix(_SCHEDULE) if to.startswith(_SCHEDULE) else ""
        return await on_call.now(schedule, work.incident)


class PageDoer:
    """Does `page`."""

    def __init__(self, escalate: Callable[[], Escalate | None]) -> None:
        self._escalate = escalate

    async def do(self, work: Work) -> Outcome:
        """As `incident.response.work.Doer`."""
        step, escalate = work.action.step, self._escalate()
        if not isinstance(step, Page):
            raise Rejected("this pages nobody")
        if escalate is None:
            raise Permanent("nobody can be paged; configure oncall")
        said = await escalate.start(work.incident.number, step.policy)
        return Outcome(f"{work.action.shown}: {said}")


_IMPACTS = ("critical", "major", "minor", "none")


class StatusPageDoer:
    """Does `status_page`: the public hears of the beginning, of what was written for it, and of
    the end; of a drill nothing."""

    def __init__(self, posts: Callable[[], StatusPosts | None], rank: Callable[[str], int]) -> None:
        self._posts = posts
        self._rank = rank

    async def do(self, work: Work) -> Outcome:
        """As `incident.response.work.Doer`."""
        step, incident, posts = work.action.step, work.incident, self._posts()
        if not isinstance(step, StatusPage):
            raise Rejected("this tells the public nothing")
        if posts is None:
            raise Permanent("there is no status page; configure status_page")
        if incident.is_drill:
            return Outcome(f"{work.action.shown}: left out, it is a drill", state=LEFT_OUT)
        if work.moment is Moment.UPDATE and not work.job.public:
            words = f"{work.action.shown}: left out, nothing was written for the public"
            return Outcome(words, state=LEFT_OUT)
        text = work.say(Audience.PUBLIC, text=step.text).text
        match work.moment:
            case Moment.INITIAL:
                impact = step.impact or _IMPACTS[min(self._rank(incident.severity), 3)]
                url = await posts.open(incident, step.title, text, step.components, impact)
                data = {"status_page": url} if url else {}
                return Outcome(f"{work.action.shown}: the public is told", data)
            case Moment.UPDATE:
                await posts.update(incident, text, work.key)
                return Outcome(f"{work.action.shown}: the public is told of the update")
            case Moment.RESOLUTION:
                await posts.resolve(incident, text)
                return Outcome(f"{work.action.shown}: the public is told that it is over")
