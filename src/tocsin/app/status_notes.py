"""Where posts, overrides, public windows and days of the status page survive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.status_days import DayRow, StatusDays
from tocsin.state.tables import STATUS_NOTES
from tocsin.statuspage.days import Day
from tocsin.statuspage.judge import Override, PublicWindow
from tocsin.statuspage.post import Post
from tocsin.statuspage.recorder import DayRecord


class KeptPosts:
    """Posts on their shelf; implements `statuspage.posts.PostKeeper`."""

    def __init__(self, database: Database) -> None:
        self._shelf = Shelf(database, STATUS_NOTES, kind="post")

    async def save(self, posts: Iterable[Post]) -> None:
        """Keep them, replacing those of the same id."""
        await self._shelf.save({one.id: _kept(one, one.updated_ms) for one in posts})

    async def forget(self, ids: Iterable[str]) -> None:
        """Keep them no longer."""
        await self._shelf.forget(ids)

    async def all(self) -> list[Post]:
        """Every one."""
        return [msgspec.json.decode(one.content, type=Post) for one in await self._shelf.all()]


class KeptNotes:
    """Overrides and public windows; implements `statuspage.notes.NoteKeeper`."""

    def __init__(self, database: Database) -> None:
        self._overrides = Shelf(database, STATUS_NOTES, kind="override")
        self._windows = Shelf(database, STATUS_NOTES, kind="window")

    async def save(self, note: Override | PublicWindow) -> None:
        """Keep it, replacing the one of the same component or window."""
        shelf, key = self._of(note)
        at = note.at_ms if isinstance(note, Override) else 0
        await shelf.save({key: _kept(note, at)})

    async def forget(self, note: Override | PublicWindow) -> None:
        """Keep it no longer."""
        shelf, key = self._of(note)
        await shelf.forget([key])

    async def all(self) -> Sequence[Override | PublicWindow]:
        """Every one."""
        overrides = await self._overrides.all()
        windows = await self._windows.all()
        return [
            *(msgspec.json.decode(one.content, type=Override) for one in overrides),
            *(msgspec.json.decode(one.content, type=PublicWindow) for one in windows),
        ]

    def _of(self, note: Override | PublicWindow) -> tuple[Shelf, str]:
        if isinstance(note, Override):
            return self._overrides, note.component
        return self._windows, note.window


class KeptDays:
    """Days in their table; implements `statuspage.recorder.DayKeeper`."""

    def __init__(self, database: Database) -> None:
        self._table = StatusDays(database)

    async def save(self, records: Sequence[DayRecord]) -> None:
        """Keep them, replacing those of the same component and day."""
        await self._table.save(
            [
                DayRow(
                    component=one.component,
                    day=one.day,
                    content=msgspec.json.encode(one.content),
                    updated_at=one.content.until_ms,
                )
                for one in records
            ]
        )

    async def since(self, day: int) -> list[DayRecord]:
        """All of that day and later ones."""
        return [
            DayRecord(
                component=one.component,
                day=one.day,
                content=msgspec.json.decode(one.content, type=Day),
            )
            for one in await self._table.since(day)
        ]


def _kept(value: object, updated_at: int) -> Kept:
    return Kept(content=msgspec.json.encode(value), updated_at=updated_at)
