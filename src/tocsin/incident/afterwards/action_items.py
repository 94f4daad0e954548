"""What is to be done after an incident, by whom and by when; and what if it happens again?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from enum import Enum

import msgspec

from tocsin.incident import bounds
from tocsin.incident.afterwards.reminders import plan_for
from tocsin.incident.names import Names
from tocsin.incident.request import TOCSIN, Author
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Entry, Incident
from tocsin.state.incidents import IncidentTable
from tocsin.state.postmortems import ActionItemTable, ItemRow, WantedItems

DAY_MS = 86_400_000
_ATTEMPTS = 20
_LONGEST_TITLE = 300


class ItemState(Enum):
    """How far it has come."""

    OPEN = "open"
    PROGRESS = "in progress"
    DONE = "done"
    DROPPED = "dropped"

    @property
    def is_over(self) -> bool:
        """Whether nobody has to do it any more."""
        return self in (ItemState.DONE, ItemState.DROPPED)


UNFINISHED = (ItemState.OPEN.value, ItemState.PROGRESS.value)


class ActionItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done. `due_ms` is the beginning of its day in UTC, 0 when nobody said."""

    id: int
    number: str
    """Of the incident that it came of."""
    version: int
    title: str
    text: str = ""
    url: str = ""
    """Of a ticket, when there is one elsewhere."""
    owner: str = ""
    state: ItemState = ItemState.OPEN
    due_ms: int = 0
    created_ms: int = 0
    created_by: str = ""
    done_ms: int = 0
    done_by: str = ""
    recurred: tuple[str, ...] = ()
    """Incidents in which an alert of its incident fired again after it was done."""
    updated_ms: int = 0

    def is_overdue(self, now_ms: int) -> bool:
        """Whether its day is over and it is not done."""
        return bool(self.due_ms) and not self.state.is_over and now_ms >= self.due_ms + DAY_MS


class ItemDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A new one; `due` is a day such as 2026-12-24, or empty."""

    title: str
    text: str = ""
    url: str = ""
    owner: str = ""
    due: str = ""


class ItemEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be different; None leaves it as it is."""

    title: str | None = None
    text: str | None = None
    url: str | None = None
    owner: str | None = None
    due: str | None = None
    state: str | None = None


class ItemChanged(Rejected):
    """Somebody changed it meanwhile: `now` is what it is by now."""

    def __init__(self, now: ActionItem) -> None:
        super().__init__(
            f"action item {now.id} was changed meanwhile (version {now.version}): look at it "
            "again, and repeat what still applies"
        )
        self.now = now


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    number: str
    title: str
    text: str = ""
    url: str = ""
    created_ms: int = 0
    created_by: str = ""
    done_ms: int = 0
    done_by: str = ""
    recurred: tuple[str, ...] = ()


class ActionItems:
    """All of them. Everything raises NotFound for what is not there, Rejected for what makes no
    sense, Temporary when the database does not answer."""

    def __init__(
        self,
        table: ActionItemTable,
        incidents: IncidentTable,
        clock: Clock,
        *,
        wake: Callable[[], None] = lambda: None,
        names: Callable[[], Names] = Names,
    ) -> None:
        """`wake` is called when there may be something to remind of; `names` says who may own
        something, for nobody else would be reminded."""
        self._table = table
        self._incidents = incidents
        self._clock = clock
        self._wake = wake
        self._names = names

    async def add(self, number: str, draft: ItemDraft, author: Author) -> ActionItem:
        """A new one of an incident; its owner is reminded before it is due."""
        incident = await self._incidents.get(number)
        now = self._clock.now_ms()
        item = ActionItem(
            id=0,
            number=incident.number,
            version=1,
            title=_title(draft.title),
            text=bounds.prose(draft.text, "text"),
            url=_url(draft.url),
            owner=await self._owner(draft.owner, author),
            due_ms=due_ms(draft.due),
            created_ms=now,
            created_by=author.name,
            updated_ms=now,
        )
        entry = _entry(incident.id, author, now, f"Action item: {item.title}{_whose(item)}")
        plan = plan_for(item, now)
        row = await self._table.add(_row(item, incident.id), (entry,), plan, now)
        self._wake()
        return msgspec.structs.replace(item, id=row.id)

    async def _owner(self, named: str, author: Author) -> str:
        return await self._names().meant(bounds.name(named, "owner"), author.name)

    async def get(self, item_id: int) -> ActionItem:
        """One of them."""
        return _item(await self._table.get(item_id))

    async def find(self, wanted: WantedItems) -> list[ActionItem]:
        """By their due dates."""
        return [_item(row) for row in await self._table.find(wanted)]

    async def of(self, incident: Incident) -> list[ActionItem]:
        """Those of an incident."""
        return await self.find(WantedItems(incident_id=incident.id))

    async def change(
        self, item_id: int, edit: ItemEdit, author: Author, *, version: int | None = None
    ) -> ActionItem:
        """With the `version` that the author saw, ItemChanged is raised when it is not the newest;
        without one the change is made of whatever it is."""
        for _ in range(_ATTEMPTS):
            row = await self._table.get(item_id)
            before = _item(row)
            now = self._clock.now_ms()
            if edit.owner is not None and edit.owner != before.owner:
                owner = await self._owner(edit.owner, author)
                edit = msgspec.structs.replace(edit, owner=owner)
            after = edited(before, edit, author, now)
            if after == before:
                return before
            if version is not None and version != before.version:
                raise ItemChanged(before)
            if await self._save(row, before, after, author, now):
                self._wake()
                return after
        raise ItemChanged(_item(await self._table.get(item_id)))

    async def recurred(self, incident: Incident, fingerprints: frozenset[str]) -> list[ActionItem]:
        """An alert fired in this incident: what was done about the same one before is open again,
        and says so. Done once for each incident, however often it is asked."""
        reopened: list[ActionItem] = []
        for item in await self.find(WantedItems(states=(ItemState.DONE.value,))):
            if item.number == incident.number or incident.number in item.recurred:
                continue
            origin = await self._incidents.get(item.number)
            before = {link.ref for link in origin.of_kind("alert")}
            if fingerprints & before and item.done_ms <= incident.opened_ms:
                reopened.append(await self._reopened(item, incident))
        return reopened

    async def _reopened(self, item: ActionItem, incident: Incident) -> ActionItem:
        row, now = await self._table.get(item.id), self._clock.now_ms()
        before = _item(row)
        after = msgspec.structs.replace(
            before,
            version=before.version + 1,
            state=ItemState.OPEN,
            recurred=(*before.recurred, incident.number),
            done_ms=0,
            done_by="",
            updated_ms=now,
        )
        author = Author(TOCSIN, TOCSIN)
        words = f"Open again, as {incident.number} has the same alert: {before.title}"
        entries = (
            _entry(row.incident_id, author, now, words),
            _entry(
                incident.id,
                author,
                now,
                f"Was to be prevented by an action item of {item.number}: {item.title}",
            ),
        )
        fresh = _row(after, row.incident_id)
        if not await self._table.save(fresh, before.version, entries, plan_for(after, now)):
            raise ItemChanged(before)
        return after

    async def _save(
        self, row: ItemRow, before: ActionItem, after: ActionItem, author: Author, now: int
    ) -> bool:
        entries: tuple[Entry, ...] = ()
        if before.state is not after.state:
            words = f"Action item {after.state.value}: {after.title}"
            entries = (_entry(row.incident_id, author, now, words),)
        return await self._table.save(
            _row(after, row.incident_id), before.version, entries, plan_for(after, now)
        )


def edited(item: ActionItem, edit: ItemEdit, author: Author, now_ms: int) -> ActionItem:
    """As it is after the change; the same when nothing is different. Raises Rejected."""
    state = item.state if edit.state is None else state_of(edit.state)
    after = msgspec.structs.replace(
        item,
        title=item.title if edit.title is None else _title(edit.title),
        text=item.text if edit.text is None else bounds.prose(edit.text, "text"),
        url=item.url if edit.url is None else _url(edit.url),
        owner=item.owner if edit.owner is None else bounds.name(edit.owner, "owner"),
        due_ms=item.due_ms if edit.due is None else due_ms(edit.due),
        state=state,
    )
    if state is not item.state:
        is_done = state is ItemState.DONE
        after = msgspec.structs.replace(
            after, done_ms=now_ms if is_done else 0, done_by=author.name if is_done else ""
        )
    if after == item:
        return item
    return msgspec.structs.replace(after, version=item.version + 1, updated_ms=now_ms)


def state_of(text: str) -> ItemState:
    """The state of that name. Raises Rejected."""
    for one in ItemState:
        if text.strip().lower().replace("_", " ") == one.value:
            return one
    raise Rejected(
        f"there is no state {text[:40]!r}; one of {', '.join(one.value for one in ItemState)}"
    )


def due_ms(day: str) -> int:
    """The beginning of a day such as 2026-12-24, UTC; 0 for an empty one. Raises Rejected."""
    if not day.strip():
        return 0
    try:
        found = date.fromisoformat(day.strip()[:10])
    except ValueError as error:
        raise Rejected(f"due is a day such as 2026-12-24, got {day[:40]!r}") from error
    if not 2000 <= found.year <= 2200:
        raise Rejected(f"due is a day between 2000 and 2200, got {day[:40]!r}")
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp() * 1000)


def due_day(item: ActionItem) -> str:
    """Such as 2026-12-24; empty when nobody said."""
    return f"{datetime.fromtimestamp(item.due_ms / 1000, UTC):%Y-%m-%d}" if item.due_ms else ""


def of_owner(items: Sequence[ActionItem], owner: str) -> list[ActionItem]:
    """Those of a person."""
    return [one for one in items if one.owner.lower() == owner.lower()]


def _title(text: str) -> str:
    found = bounds.title(text[: _LONGEST_TITLE + 1])
    return found[:_LONGEST_TITLE]


def _url(text: str) -> str:
    found = text.strip()
    if found and not found.startswith(("https://", "http://")):
        raise Rejected(f"url starts with http:// or https://, got {found[:80]!r}")
    return found[:2000]


def _whose(item: ActionItem) -> str:
    who = f" ({item.owner}" if item.owner else " (nobody yet"
    return f"{who}, by {due_day(item)})" if item.due_ms else f"{who})"


def _entry(incident_id: int, author: Author, now_ms: int, text: str) -> Entry:
    return Entry(
        incident_id=incident_id,
        at_ms=now_ms,
        kind="postmortem",
        author=author.name,
        source=author.source,
        text=text,
    )


def _row(item: ActionItem, incident_id: int) -> ItemRow:
    content = _Content(
        number=item.number,
        title=item.title,
        text=item.text,
        url=item.url,
        created_ms=item.created_ms,
        created_by=item.created_by,
        done_ms=item.done_ms,
        done_by=item.done_by,
        recurred=item.recurred,
    )
    return ItemRow(
        id=item.id,
        incident_id=incident_id,
        version=item.version,
        owner=item.owner,
        state=item.state.value,
        due_ms=item.due_ms,
        updated_ms=item.updated_ms,
        content=msgspec.json.encode(content),
    )


def _item(row: ItemRow) -> ActionItem:
    content = msgspec.json.decode(row.content, type=_Content)
    return ActionItem(
        id=row.id,
        number=content.number,
        version=row.version,
        title=content.title,
        text=content.text,
        url=content.url,
        owner=row.owner,
        state=ItemState(row.state),
        due_ms=row.due_ms,
        created_ms=content.created_ms,
        created_by=content.created_by,
        done_ms=content.done_ms,
        done_by=content.done_by,
        recurred=content.recurred,
        updated_ms=row.updated_ms,
    )
