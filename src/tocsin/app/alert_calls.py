"""How are people called whom a severity of `severities` names? By pages about alerts, not
incidents: errands that an acknowledgement or the end of the alerts makes needless."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Rejected, Temporary
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.model.incidents import Incident, Status
from tocsin.model.labels import get
from tocsin.model.notices import Notice, group_id
from tocsin.model.people import ContactMethod, Person
from tocsin.oncall.escalation.config import Policies
from tocsin.oncall.escalation.handler import Reachable
from tocsin.oncall.escalation.policy import Policy, patience_ms
from tocsin.oncall.escalation.state import called_by
from tocsin.oncall.paging.address_book import AddressBook
from tocsin.oncall.paging.caller import Caller, Message
from tocsin.oncall.paging.page import Page, next_in_turn, words_of_key
from tocsin.oncall.paging.rules import methods_of, ways
from tocsin.oncall.roster import Roster
from tocsin.state.errands import CANCELLED, ErrandTable
from tocsin.state.incidents import Asked, IncidentTable

_log = log.get("paging")
ALERT_PAGE = "alert_page"
_GIVE_UP_MS = 45_000
_LISTED = 5
_OPEN = tuple(status.value for status in Status if not status.is_over)


class AlertPage(Page, frozen=True, kw_only=True):
    """A page about alerts: what it says, and which alerts must still matter."""

    message: Message
    fingerprints: tuple[str, ...]


class Called:
    """A receiver that is somebody to be called, as `notify.kind.Sender`."""

    def __init__(self, name: str, calls: Callable[[], AlertCalls | None]) -> None:
        self._name = name
        self._calls = calls

    async def send(self, notice: Notice) -> None:
        """Put the pages. Raises Temporary, or Rejected when nobody is meant by the name."""
        calls = self._calls()
        if calls is None:
            raise Temporary("Tocsin is still starting")
        await calls.call(self._name, notice)


class AlertCalls:
    """Puts pages about alerts, and does those that are due."""

    def __init__(
        self,
        table: ErrandTable,
        incidents: IncidentTable,
        book: AddressBook,
        caller: Caller,
        roster: Callable[[], Roster],
        clock: Clock,
    ) -> None:
        self.policies = Policies()
        self.pages_of: Callable[[Incident], object | None] = lambda _: None
        """The escalation of an incident, None when it has none."""
        self.still_wanted: Callable[[Sequence[str]], bool] = lambda _: True
        """Whether one of these alerts fires, and nobody has taken it on."""
        self._table = table
        self._incidents = incidents
        self._book = book
        self._caller = caller
        self._roster = roster
        self._clock = clock

    async def call(self, name: str, notice: Notice) -> None:
        """Page whom the name means about alerts that fire; end pages about those that do not.
        Alerts of an incident that escalates by itself call nobody twice."""
        subject = f"alert/{group_id(notice.group_key)[:16]}"
        now = self._clock.now_ms()
        if not notice.firing:
            await self._table.carry_out(Plan(cancel_subjects=((ALERT_PAGE, subject),)), now)
            return
        policy = self.policies.targets(name)
        if policy is None:
            raise Rejected(f"{name!r} is nobody in oncall (any more)")
        if await self._is_covered({one.fingerprint for one in notice.firing}):
            _log.info("alert_not_paged", name=name, why="its incident escalates by itself")
            return
        people = await self._book.people()
        errands = self._errands(policy, notice, subject, people, now)
        if not errands:
            raise Rejected(f"nobody who is meant by {name!r} can be reached; see On call")
        await self._table.carry_out(Plan(put=tuple(errands)), now)

    async def _is_covered(self, fingerprints: Collection[str]) -> bool:
        for one in await self._incidents.find(Asked(statuses=_OPEN, limit=500)):
            known = {link.ref for link in one.of_kind("alert")}
            if known & set(fingerprints) and self.pages_of(one) is not None:
                return True
        return False

    def _errands(
        self,
        policy: Policy,
        notice: Notice,
        subject: str,
        people: Mapping[str, Person],
        now_ms: int,
    ) -> list[Errand]:
        message = _message(notice, now_ms)
        reachable = Reachable(self._roster(), people)
        prints = tuple(one.fingerprint for one in notice.firing)
        due_ms, found, seen = now_ms, list[Errand](), set[str]()
        for number, step in enumerate(policy.steps):
            for name in called_by(step, due_ms, reachable):
                if name in seen or name not in people:
                    continue
                seen.add(name)
                for way in ways(people[name], "high"):
                    page = AlertPage(
                        turn=f"{notice.at_ms}/{number}",
                        person=name,
                        method=way.method.name,
                        nth=way.nth,
                        message=msgspec.structs.replace(message, person=name),
                        fingerprints=prints,
                    )
                    found.append(_errand(page, subject, due_ms + way.after_ms))
            due_ms += step.timeout_ms or patience_ms("")
        return found

    async def attempt(self, errand: Errand) -> Outcome:
        """Bring it, unless somebody has answered."""
        page = msgspec.json.decode(errand.content, type=AlertPage)
        if not self.still_wanted(page.fingerprints):
            return Done()
        if page.instead_of:
            before = await self._table.get(page.instead_of)
            if before is not None and before.state != CANCELLED:
                return Done()
        person = (await self._book.people()).get(page.person)
        method = _method(person, page.method)
        if method is None:
            raise Rejected(f"{page.person} has no way {page.method!r} any more")
        message = msgspec.structs.replace(page.message, at_ms=self._clock.now_ms())
        await self._caller.call(method, message)
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """Not long: the next way is better than this one later."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """The person's next way, at once."""
        page = msgspec.json.decode(errand.content, type=AlertPage)
        found = await self._table.find(subject=errand.subject, kinds=(ALERT_PAGE,))
        now_ms = self._clock.now_ms()
        later = next_in_turn(page, found, now_ms, kind=ALERT_PAGE)
        if later is None:
            return NOTHING
        following = msgspec.json.decode(later.content, type=AlertPage)
        hurried = msgspec.structs.replace(following, instead_of=later.key)
        return Plan(cancel=(later.key,), put=(_errand(hurried, errand.subject, now_ms),))


def _errand(page: AlertPage, subject: str, due_ms: int) -> Errand:
    return Errand(
        kind=ALERT_PAGE,
        key=f"{ALERT_PAGE}/{subject}/{words_of_key(page)}",
        subject=subject,
        due_ms=due_ms,
        content=msgspec.json.encode(page),
    )


def _method(person: Person | None, name: str) -> ContactMethod | None:
    found = methods_of(person) if person else ()
    return next((one for one in found if one.name == name), None)


def _message(notice: Notice, now_ms: int) -> Message:
    names = list(dict.fromkeys(get(one.labels, "alertname") for one in notice.firing))
    since = min(one.starts_ms for one in notice.firing)
    severity = get(notice.firing[0].labels, "severity")
    said = dict(notice.firing[0].annotations)
    summary = said.get("summary") or said.get("description") or said.get("message") or ""
    title = f"{severity} {', '.join(names[:_LISTED])}".strip()
    count = len(notice.firing)
    words = f"{count} alerts fire" if count > 1 else "It fires"
    return Message(
        subject=f"alert/{group_id(notice.group_key)[:16]}",
        title=title[:200],
        text=f"{title}\n{summary[:300]}\n{words} unacknowledged.".replace("\n\n", "\n"),
        severity=severity,
        since_ms=since,
        at_ms=now_ms,
        path="/alerts" if count > 1 else f"/alerts/{notice.firing[0].fingerprint}",
        can_answer=False,
    )
