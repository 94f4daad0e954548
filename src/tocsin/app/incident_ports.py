"""How do actions page, ask who is on call, remind people, and tell the public? With what is there
for on-call and the status page; without either of them, not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tocsin.app.errands import ErrandRunner
from tocsin.app.oncall import OnCall
from tocsin.incident.book import IncidentBook
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.incidents import Incident, Status
from tocsin.model.labels import Labels
from tocsin.oncall.escalation.planner import Choice, EscalationPlanner
from tocsin.oncall.paging.caller import Message
from tocsin.statuspage.component_state import Impact
from tocsin.statuspage.post import PostStatus
from tocsin.statuspage.posts import PostBook

if TYPE_CHECKING:
    from tocsin.app.escalations import Escalations

_AUTHOR = "tocsin"


class Pages:
    """Implements `Escalate` and `Reminders` over escalations, `OnCall` over the roster."""

    def __init__(
        self,
        book: IncidentBook,
        runner: ErrandRunner,
        escalations: Escalations,
        oncall: OnCall,
        clock: Clock,
    ) -> None:
        self._book = book
        self._runner = runner
        self._escalations = escalations
        self._oncall = oncall
        self._clock = clock

    async def start(self, number: str, policy: str) -> str:
        """As `Escalate`."""
        incident = await self._book.get(number)
        if incident.acknowledged_ms:
            return f"nobody is paged, {incident.acknowledged_by or 'somebody'} has acknowledged"
        waiting = await self._escalations.handler.waiting(number)
        choice = self._escalations.choice(incident)
        if policy:
            known = self._escalations.policies.targets(policy)
            if known is None:
                raise Rejected(f"there is no escalation policy {policy!r} any more")
            is_urgent = self._book.config.level(incident.severity).is_urgent
            choice = Choice(known, "high" if is_urgent else "low")
        if choice is None:
            raise Rejected(f"{incident.severity} has no escalation policy; see oncall.policies")
        wanted = choice.policy.name
        if waiting is not None and waiting[0].policy.name == wanted:
            return f"paging by {wanted}, {waiting[0].words} is next"
        if not policy:
            return f"paging by {wanted} has come to its end"
        planner = EscalationPlanner(lambda _: choice, self._book.config.rank)
        # Given back at this moment: whatever escalates is replaced by the policy that is asked for.
        plan = planner(replace(incident, acknowledged_ms=1), incident, ())
        await self._runner.put(plan)
        return f"paging by {wanted}"

    async def next(self, number: str, by: str) -> str:
        """As `Escalate`."""
        await self._escalations.answers.escalate(number, by, "slack")
        return "whoever comes next is paged at once"

    async def now(self, schedule: str = "", incident: Incident | None = None) -> str:
        """As `OnCall`."""
        roster = self._oncall.roster
        name = schedule
        if not name and incident is not None:
            choice = self._escalations.choice(incident)
            targets = choice.policy.steps[0].notify if choice and choice.policy.steps else ()
            for one in targets:
                if one.kind == "person":
                    return one.name
                if one.kind == "schedule":
                    name = one.name
                    break
        name = name or roster.default_schedule
        if not name:
            return ""
        if name not in roster.schedules:
            raise Rejected(f"there is no schedule {name!r} any more; see oncall.schedules")
        return roster.on_call(name, self._clock.now_ms()) or ""

    async def shifts(self) -> Sequence[tuple[str, str, int]]:
        """As `OnCall`."""
        roster, now = self._oncall.roster, self._clock.now_ms()
        found = []
        for name in roster.schedules:
            shift = roster.shift_at(name, now)
            found.append((name, shift.person if shift else "", shift.ends_ms if shift else 0))
        return found

    async def on_call(self, incident: Incident) -> str:
        """As `Reminders`."""
        return await self.now("", incident)

    async def remind(self, person: str, incident: Incident, text: str, key: str) -> str:
        """As `Reminders`."""
        said = Message(
            subject=f"update/{incident.number}",
            title=f"Update due: {incident.number}",
            text=text,
            severity=incident.severity,
            urgency="low",
            at_ms=self._clock.now_ms(),
            path=f"/incidents/{incident.number}",
            is_drill=incident.is_drill,
        )
        return f"by {await self._escalations.tell(person, said)}"


_STATUSES = {
    Status.OPEN: PostStatus.INVESTIGATING,
    Status.INVESTIGATING: PostStatus.INVESTIGATING,
    Status.IDENTIFIED: PostStatus.IDENTIFIED,
    Status.MONITORING: PostStatus.MONITORING,
}


Concerned = Callable[[Iterable[Labels]], Sequence[str]]
"""The ids of the status page's components that alerts with these labels concern."""


class PublicPosts:
    """Implements `StatusPosts` over the status page."""

    def __init__(self, posts: PostBook, concerned: Concerned) -> None:
        self._posts = posts
        self._concerned = concerned

    async def open(
        self, incident: Incident, title: str, text: str, components: Sequence[str], impact: str
    ) -> str:
        """As `StatusPosts`."""
        status = _STATUSES.get(incident.status, PostStatus.INVESTIGATING)
        alerts = [link.labels for link in incident.links if link.kind == "alert"]
        named = components or (*incident.services, *self._concerned(alerts))
        post = await self._posts.open_post(
            incident.number, title, named, Impact(impact), text, _AUTHOR, status=status
        )
        return f"/status/incidents/{post.id}"

    async def update(self, incident: Incident, text: str, key: str) -> None:
        """As `StatusPosts`."""
        status = _STATUSES.get(incident.status, PostStatus.INVESTIGATING)
        try:
            await self._posts.update_post(incident.number, status, text, _AUTHOR, key=key)
        except NotFound:
            return

    async def resolve(self, incident: Incident, text: str) -> None:
        """As `StatusPosts`."""
        try:
            await self._posts.resolve_post(incident.number, text, _AUTHOR)
        except NotFound:
            return
