"""Which dashboards are there, and how does one change? The one way in which they do."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Callable

import msgspec

from tocsin.dashboard.answers import DashboardChanged, Kept, Listed, OfPerson, listed
from tocsin.dashboard.folder import FolderRead, uid_of
from tocsin.dashboard.reading import written
from tocsin.dashboard.shipped import Shipped, shipped
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Permanent, Rejected
from tocsin.model.dashboards import LARGEST_BYTES, UID, Dashboard, Panel
from tocsin.state.dashboards import DashboardRow, DashboardTable, DashboardVersion, UidTaken
from tocsin.state.settings import Settings

_MOST = 1000
_SEEN, _STARS = 12, 200
_IN_BIN_MS = 30 * 86_400_000
_TRIES = 4
_ADDRESSES = frozenset(("new", "import", "choose", "add", "markdown", "check", "marks"))
"""Pages below `/dashboards` that no dashboard may hide behind."""


class _Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    dashboard: Dashboard
    deleted_ms: int = 0


class _Short(msgspec.Struct, frozen=True):
    """Of a content, whether it is in the bin."""

    deleted_ms: int = 0


class DashboardBook:
    """Dashboards that people made, that files hold and that Tocsin brings.

    Everything raises Temporary when the state database does not answer.
    """

    def __init__(
        self,
        table: DashboardTable,
        settings: Settings,
        clock: Clock,
        has_metric: Callable[[str], bool],
    ) -> None:
        """`has_metric` says whether anybody has sent a metric of that name."""
        self.folder = FolderRead()
        self._table = table
        self._settings = settings
        self._clock = clock
        self._has_metric = has_metric

    async def all(self) -> list[Listed]:
        """Every one that is not in the bin, by title. Those that Tocsin brings only when what they
        show is there."""
        rows = [_kept(row) for row in await self._table.all()]
        kept = [one for one in rows if not one.deleted_ms and one.uid not in self.folder.dashboards]
        files = [self._of_file(uid) for uid in self.folder.dashboards]
        ours = [_of_shipped(one) for one in shipped().values() if self._is_useful(one)]
        found = [listed(one) for one in (*kept, *files, *ours)]
        return sorted(found, key=lambda one: (one.title.casefold(), one.uid))

    async def get(self, uid: str) -> Kept:
        """Raises NotFound."""
        if uid in self.folder.dashboards:
            return self._of_file(uid)
        row = await self._table.get(uid)
        if row is not None and not (found := _kept(row)).deleted_ms:
            return found
        if row is None and uid in shipped():
            return _of_shipped(shipped()[uid])
        raise NotFound(f"there is no dashboard {uid}")

    async def create(
        self, dashboard: Dashboard, author: str, *, uid: str = "", note: str = ""
    ) -> Kept:
        """A new one; its uid is made of the title when none is given. Raises UidTaken."""
        if len(await self._table.all()) >= _MOST:
            raise Rejected(f"{_MOST} dashboards are kept; delete one first")
        its_uid = uid or f"{uid_of(dashboard.title)[:31]}-{secrets.token_hex(4)}"
        if not UID.fullmatch(its_uid) or its_uid in _ADDRESSES:
            raise Rejected(f"a uid has 1 to 40 letters, digits, - and _; not {its_uid[:50]!r}")
        if its_uid in self.folder.dashboards or its_uid in shipped():
            raise UidTaken(f"there is a dashboard {its_uid} already")
        made = self._row(its_uid, 1, _Content(dashboard=dashboard), author)
        await self._table.create(made, note or "made")
        return _kept(made)

    async def save(
        self, uid: str, dashboard: Dashboard, was: int, author: str, *, note: str = ""
    ) -> Kept:
        """Another version of version `was`. Raises DashboardChanged when it is not the newest."""
        await self._changeable(uid)
        made = self._row(uid, was + 1, _Content(dashboard=dashboard), author)
        if not await self._table.save(made, was, note):
            raise DashboardChanged(await self.get(uid))
        return _kept(made)

    async def add_panel(self, uid: str, panel: Panel, author: str) -> Kept:
        """Put a panel below the others, whoever else changes the dashboard just now."""
        for _ in range(_TRIES):
            now = await self._changeable(uid)
            more = with_panel(now.dashboard, panel)
            try:
                note = f"added {panel.title or panel.kind}"
                return await self.save(uid, more, now.version, author, note=note)
            except DashboardChanged:
                continue
        raise Rejected(f"the dashboard {uid} changes all the time; try again in a moment")

    async def delete(self, uid: str, author: str) -> Kept:
        """Put it into the bin, from where it can be taken back for 30 days."""
        now = await self._changeable(uid)
        content = _Content(dashboard=now.dashboard, deleted_ms=self._clock.now_ms())
        made = self._row(uid, now.version + 1, content, author)
        if not await self._table.save(made, now.version, "deleted"):
            raise DashboardChanged(await self.get(uid))
        await self._empty_bin()
        return _kept(made)

    async def undelete(self, uid: str, author: str) -> Kept:
        """Take it out of the bin. Raises NotFound when it is not there."""
        row = await self._table.get(uid)
        if row is None or not (now := _kept(row)).deleted_ms:
            raise NotFound(f"no dashboard {uid} was deleted within the last 30 days")
        made = self._row(uid, row.version + 1, _Content(dashboard=now.dashboard), author)
        if not await self._table.save(made, row.version, "taken back"):
            raise DashboardChanged(await self.get(uid))
        return _kept(made)

    async def versions(self, uid: str) -> list[DashboardVersion]:
        """The newest first, 100 at most; of what is not made here there are none."""
        await self.get(uid)
        return await self._table.versions(uid)

    async def version(self, uid: str, version: int) -> tuple[DashboardVersion, Dashboard]:
        """One with its content. Raises NotFound."""
        await self.get(uid)
        found = await self._table.version(uid, version)
        return found, _content(found.content, uid).dashboard

    async def restore(self, uid: str, version: int, was: int, author: str) -> Kept:
        """Make an older version the newest. Raises as `save`."""
        _, older = await self.version(uid, version)
        return await self.save(uid, older, was, author, note=f"restored version {version}")

    async def of_person(self, name: str) -> OfPerson:
        """What a person starred and saw."""
        return await self._settings.get(_key(name), OfPerson, OfPerson())

    async def star(self, name: str, uid: str, *, is_on: bool) -> None:
        """Mark it for a person, or not."""
        now = await self.of_person(name)
        others = [one for one in now.stars if one != uid]
        stars = [uid, *others][:_STARS] if is_on else others
        made = OfPerson(stars=stars, seen=now.seen)
        await self._settings.set(_key(name), made, by=name)

    async def saw(self, name: str, uid: str) -> None:
        """Somebody looks at it."""
        now = await self.of_person(name)
        if now.seen[:1] == [uid]:
            return
        seen = [uid, *(one for one in now.seen if one != uid)][:_SEEN]
        await self._settings.set(_key(name), OfPerson(stars=now.stars, seen=seen), by=name)

    async def _changeable(self, uid: str) -> Kept:
        now = await self.get(uid)
        if not now.may_change:
            where = f"the file {now.file}" if now.origin == "file" else "Tocsin itself"
            raise Rejected(f"the dashboard {uid} is from {where}; copy it to change it")
        return now

    async def _empty_bin(self) -> None:
        limit = self._clock.now_ms() - _IN_BIN_MS
        for row in await self._table.all():
            if 0 < msgspec.json.decode(row.content, type=_Short).deleted_ms < limit:
                await self._table.remove(row.uid)

    def _row(self, uid: str, version: int, content: _Content, author: str) -> DashboardRow:
        encoded = msgspec.json.encode(content)
        if len(encoded) > LARGEST_BYTES:
            raise Rejected(f"the dashboard takes {len(encoded):,} bytes; {LARGEST_BYTES:,} at most")
        return DashboardRow(
            uid=uid,
            version=version,
            title=content.dashboard.title,
            updated_ms=self._clock.now_ms(),
            updated_by=author or "somebody",
            content=encoded,
        )

    def _of_file(self, uid: str) -> Kept:
        file, one = self.folder.dashboards[uid]
        return Kept(uid=uid, version=0, dashboard=one.dashboard, origin="file", file=str(file))

    def _is_useful(self, one: Shipped) -> bool:
        return one.uid not in self.folder.dashboards and any(map(self._has_metric, one.needs))


def with_panel(dashboard: Dashboard, panel: Panel) -> Dashboard:
    """The dashboard with one more panel at its bottom, beside the last one where there is room."""
    last = max(dashboard.panels, key=lambda one: (one.y, one.x), default=None)
    x, y = 0, dashboard.bottom
    if last is not None and last.kind != "row" and last.x + last.w + panel.w <= 24:
        x, y = last.x + last.w, last.y
    placed = msgspec.structs.replace(panel, id=dashboard.next_id, x=x, y=y)
    fields = {name: getattr(dashboard, name) for name in Dashboard.__struct_fields__}
    return Dashboard(**{**fields, "panels": [*dashboard.panels, placed]})


def difference(before: Dashboard, after: Dashboard) -> list[str]:
    """What changed, as lines that begin with "+", "-", " " or "@@"; at most 2,000."""
    old, new = (written("", one).splitlines() for one in (before, after))
    lines = difflib.unified_diff(old, new, lineterm="", n=2)
    return [line[:2000] for line in lines if not line.startswith(("---", "+++"))][:2000]


def _key(name: str) -> str:
    return f"dashboards_of:{name}"[:200]


def _content(content: bytes, uid: str) -> _Content:
    try:
        return msgspec.json.decode(content, type=_Content)
    except msgspec.DecodeError as error:
        raise Permanent(f"the dashboard {uid} in the state database is damaged: {error}") from error


def _kept(row: DashboardRow) -> Kept:
    content = _content(row.content, row.uid)
    return Kept(
        uid=row.uid,
        version=row.version,
        dashboard=content.dashboard,
        updated_ms=row.updated_ms,
        updated_by=row.updated_by,
        deleted_ms=content.deleted_ms,
    )


def _of_shipped(one: Shipped) -> Kept:
    return Kept(uid=one.uid, version=0, dashboard=one.dashboard, origin="shipped")
