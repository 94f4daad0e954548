"""When does an action item's owner hear of it? The day before, on the day, and when overdue."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Permanent, Rejected
from tocsin.model.errands import NOTHING, Again, Done, Errand, Outcome, Plan

if TYPE_CHECKING:
    from tocsin.incident.afterwards.action_items import ActionItem

KIND = "reminder"
_log = log.get("reminders")
_unheard = gauge.counter("reminders_unheard", "Reminders whose owner there is no way to reach.")
_DAY_MS = 86_400_000
_MORNING_MS = 9 * 3_600_000
"""At nine, UTC."""
_MOST_TIMES = 12
_GIVE_UP_MS = 12 * 3_600_000


class Teller(Protocol):
    """Reaches a person by whatever way there is."""

    async def tell(self, person: str, subject: str, text: str) -> None:
        """Raises Temporary to be tried again, another Fault when there is no way."""


class Items(Protocol):
    """Reads action items."""

    async def get(self, item_id: int) -> ActionItem:
        """Raises NotFound."""


class _Content(msgspec.Struct, frozen=True):
    """`item` in digits, as a new one's is put in afterwards; `times` that it was overdue."""

    item: str
    version: int
    times: int = 0


def subject_of(item_id: str) -> str:
    """What the errands of an item are about."""
    return f"action-item/{item_id}"


def plan_for(item: ActionItem, now_ms: int) -> Plan:
    """What reminds of it as it is now, in place of what did before."""
    its_id = str(item.id) if item.id else "{item}"
    over = () if not item.id else ((KIND, subject_of(its_id)),)
    if item.state.is_over or not item.due_ms or not item.owner:
        return Plan(cancel_subjects=over) if over else NOTHING
    errand = Errand(
        kind=KIND,
        key=f"reminder/item/{its_id}/v{item.version}",
        subject=subject_of(its_id),
        due_ms=first_ms(item.due_ms, now_ms),
        content=msgspec.json.encode(_Content(its_id, item.version)),
    )
    return Plan(put=(errand,), cancel_subjects=over)


def first_ms(due_ms: int, now_ms: int) -> int:
    """When to remind first: at nine the day before, on the day or the day after, whatever comes
    first; at once when all of that is past."""
    return next((one for one in _stages(due_ms) if one > now_ms), now_ms)


def following_ms(due_ms: int, now_ms: int, every_ms: int) -> int:
    """When to remind again; `every_ms` is how often of what is overdue. 0: not any more."""
    stages = _stages(due_ms)
    for one in stages:
        if one > now_ms:
            return one
    if every_ms <= 0:
        return 0
    return stages[-1] + ((now_ms - stages[-1]) // every_ms + 1) * every_ms


def _stages(due_ms: int) -> list[int]:
    return [due_ms + day * _DAY_MS + _MORNING_MS for day in (-1, 0, 1)]


class Reminders:
    """Does the errands of the kind "reminder". `every_ms` is how often an overdue one is told."""

    def __init__(
        self,
        items: Items,
        teller: Teller,
        clock: Clock,
        *,
        every_ms: Callable[[], int],
        link: Callable[[str], str],
    ) -> None:
        self._items = items
        self._teller = teller
        self._clock = clock
        self._every_ms = every_ms
        self._link = link

    async def attempt(self, errand: Errand) -> Outcome:
        """Tell the owner, unless it is over or another reminder took this one's place."""
        said = msgspec.json.decode(errand.content, type=_Content)
        try:
            item = await self._items.get(int(said.item))
        except NotFound:
            return Done()
        if item.version != said.version or item.state.is_over or not item.owner:
            return Done()
        now = self._clock.now_ms()
        subject, text = words_of(item, now, self._link(f"/postmortems/items?item={item.id}"))
        try:
            await self._teller.tell(item.owner, subject, text)
        except (Rejected, Permanent) as error:  # the next time there may be a way
            _unheard.inc()
            _log.warning("reminder_not_told", item=item.id, owner=item.owner, error=str(error))
        times = said.times + (1 if item.is_overdue(now) else 0)
        due = following_ms(item.due_ms, now, self._every_ms())
        if not due or times >= _MOST_TIMES:
            return Done()
        content = msgspec.json.encode(_Content(said.item, said.version, times))
        return Again(due_ms=due, content=content)

    def give_up_ms(self, errand: Errand) -> int:
        """Half a day: the next reminder comes anyway."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """The item's page shows that it is overdue; nobody else is told."""
        return NOTHING


def words_of(item: ActionItem, now_ms: int, link: str) -> tuple[str, str]:
    """A subject and a text."""
    days = (now_ms - item.due_ms) // _DAY_MS
    if days < 0:
        when = "due tomorrow" if days == -1 else f"due in {-days} days"
    elif days == 0:
        when = "due today"
    else:
        when = "overdue since yesterday" if days == 1 else f"overdue for {days} days"
    subject = f"Action item {when}: {item.title}"
    lines = [f"{item.title} is {when}.", f"It came of {item.number} and is {item.state.value}."]
    if item.recurred:
        lines.append(f"The same alert fired again in {', '.join(item.recurred)}.")
    return subject, "\n".join((*lines, item.url, link)).replace("\n\n", "\n").strip()
