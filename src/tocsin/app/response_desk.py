"""What may pages, addresses and Slack do with the response to an incident?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from tocsin.app.errands import ErrandRunner
from tocsin.app.incident_slack import IncidentSlack
from tocsin.incident.book import Author, IncidentBook
from tocsin.incident.response import tasks
from tocsin.incident.response.handler import InForce
from tocsin.incident.response.plan import ACTION
from tocsin.incident.response.ports import Escalate, OnCall
from tocsin.incident.response.update import Update, post_update
from tocsin.incident.response.work import Job, decoded
from tocsin.incident.words.catalog import Audience, Moment, known_to
from tocsin.incident.words.fields import SAMPLE, Occasion, values_of
from tocsin.incident.words.template import Notation, template_of
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Permanent, Rejected
from tocsin.model.errands import Errand, Plan
from tocsin.model.incidents import Incident
from tocsin.state.errands import ErrandTable
from tocsin.web.response import ActionState, Preview, Previewed


class _Pagers(Protocol):
    """Who can page, if anybody."""

    @property
    def pages(self) -> _Paging | None: ...


class _Paging(Escalate, OnCall, Protocol):
    """Both of it."""


class ResponseDesk:
    """Implements `web.response.Response`."""

    def __init__(  # noqa: PLR0913 - what the response consists of
        self,
        book: IncidentBook,
        errands: ErrandTable,
        runner: ErrandRunner,
        clock: Clock,
        in_force: Callable[[], InForce],
        slack: IncidentSlack,
        pagers: _Pagers,
    ) -> None:
        self._book = book
        self._errands = errands
        self._runner = runner
        self._clock = clock
        self._in_force = in_force
        self._slack = slack
        self._pagers = pagers

    async def update(self, number: str, update: Update, author: Author) -> Incident:
        """Keep and send it; see `post_update`."""
        return await post_update(self._book, number, update, author)

    async def todos(self, number: str) -> list[tasks.Todo]:
        """What people do. Raises NotFound."""
        incident = await self._book.get(number)
        return tasks.todos(await self._book.timeline(incident.id))

    async def tick(self, number: str, task: str, author: Author, *, is_done: bool) -> Incident:
        """Say that something is done, or not after all."""
        return await tasks.tick(self._book, number, task, author, is_done=is_done)

    async def actions(self, number: str) -> list[ActionState]:
        """What is done by itself, with what came of it so far."""
        incident = await self._book.get(number)
        errands = await self._errands.find(subject=incident.number, kinds=(ACTION,))
        return [_state(one) for one in errands]

    async def again(self, number: str, action_id: int, author: Author) -> None:
        """Do an action again that failed for good. Raises NotFound, Rejected."""
        incident = await self._book.get(number)
        found = await self._errands.find(subject=incident.number, kinds=(ACTION,))
        one = next((errand for errand in found if errand.id == action_id), None)
        if one is None:
            raise NotFound(f"{incident.number} has no action {action_id}")
        if one.state != "failed":
            raise Rejected("only what failed for good can be tried again; this did not")
        now = self._clock.now_ms()
        job = msgspec.structs.replace(decoded(one.content), tried_again=True)
        key = f"{one.key.partition('/tried')[0]}/tried{one.id}"
        content = msgspec.json.encode(job)
        errand = Errand(kind=ACTION, key=key, subject=incident.number, due_ms=now, content=content)
        await self._book.told(
            incident.number,
            "action",
            f"{job.shown}: tried again by {author.name}",
            author,
            {"action": job.identity, "errand": key},
        )
        await self._runner.put(Plan(put=(errand,)))

    async def escalate(self, number: str, by: str) -> str:
        """Go on to the next step of paging at once; says what happens."""
        pages = self._pagers.pages
        if pages is None:
            raise Permanent("nobody can be paged: configure oncall")
        incident = await self._book.get(number)
        return await pages.next(incident.number, by)

    async def on_call(self) -> Sequence[tuple[str, str, int]]:
        """Every schedule, who is on call, until when."""
        pages = self._pagers.pages
        return await pages.shifts() if pages else ()

    async def slack_person(self, member_id: str, username: str) -> str:
        """Who a member of Slack is among people."""
        return await self._slack.members.person(member_id, username)

    async def slack_member(self, member_id: str) -> str:
        """As `slack_person`; empty for a member who is nobody among people."""
        return await self._slack.members.known(member_id)

    async def open_slack_view(self, trigger_id: str, view: Mapping[str, object]) -> None:
        """Show a form to whoever pressed. Raises Temporary, or SlackRefused."""
        await self._slack.api().open_view(trigger_id, view)

    async def preview(self, wanted: Preview) -> Previewed:
        """What a template says of an incident, the newest one or an example without any. Raises
        Rejected with the place of a mistake."""
        audience, moment = Audience(wanted.audience), Moment(wanted.moment)
        notation = Notation(wanted.notation) if wanted.notation else None
        incident = await self._book.get(wanted.incident) if wanted.incident else SAMPLE
        occasion = self._occasion(incident, wanted)
        values = values_of(incident, occasion)
        if audience is not Audience.INTERNAL:
            # As when it is sent: nobody outside reads what was written for colleagues.
            values["update"] = values["progress_description"] = occasion.text
        if not wanted.template:
            said = self._in_force().catalog.say(moment, audience, values)
            return Previewed(text=said.text, subject=said.subject, incident=incident.number)

        def filled() -> Previewed:
            template = template_of(wanted.template, notation, known_to(audience))
            text = template.fill(values)
            found = template.notation.value
            return Previewed(text=text, notation=found, incident=incident.number)

        return await asyncio.to_thread(filled)

    def _occasion(self, incident: Incident, wanted: Preview) -> Occasion:
        force = self._in_force()
        is_example = incident is SAMPLE
        return Occasion(
            at_ms=SAMPLE.opened_ms if is_example else self._clock.now_ms(),
            text=wanted.text or ("The deploy is being taken back." if is_example else ""),
            eta=wanted.eta,
            author=wanted.author,
            severity_description=self._book.config.level(incident.severity).description,
            external_url=force.external_url,
            status_page_url=force.response.status_page_url or force.status_page_url,
            timezone=force.response.timezone,
            name_of=force.name_of,
        )


def _state(errand: Errand) -> ActionState:
    job: Job = decoded(errand.content)
    return ActionState(
        id=errand.id,
        action=job.shown,
        moment=job.moment,
        state="failing" if errand.state == "waiting" and errand.error else errand.state,
        attempts=errand.attempts,
        next_ms=max(errand.due_ms, errand.claimed_until_ms) if errand.state == "waiting" else 0,
        error=errand.error,
    )
