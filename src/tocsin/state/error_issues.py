"""Where are issues kept, which prints belong to each, and what happened to them?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tocsin.kit.fault import NotFound, Rejected, Temporary
from tocsin.model.errors import Issue, IssueEntry, KeptIssue
from tocsin.state.database import Database
from tocsin.state.tables import ERROR_ACTS, ERROR_ISSUES, ERROR_PRINTS

_ATTEMPTS = 5
_IN_ONE = 400
_WORDS = 8_000
_LARGEST_ID = (1 << 31) - 1
_SHOWN = ("open", "resolved", "ignored")


class StaleIssue(Rejected):
    """Somebody else changed it meanwhile; `now` is what it is by now."""

    def __init__(self, now: Issue) -> None:
        super().__init__(
            f"the issue {now.id} was changed meanwhile (version {now.version}): look at it again, "
            "and repeat what still applies"
        )
        self.now = now


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One issue to be kept, a new one when its id is 0; the prints that are new to it or come from
    others, and what its history says."""

    kept: KeptIssue
    prints: tuple[str, ...] = ()
    entries: tuple[IssueEntry, ...] = ()


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which issues; what is empty or 0 does not matter. `tokens` are parts of `words_of`."""

    states: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    assignee: str = ""
    least_level: int = 0
    tokens: tuple[str, ...] = ()
    first_since_ms: int = 0
    last_since_ms: int = 0
    last_until_ms: int = 0
    order: str = "last"
    limit: int = 50
    offset: int = 0


Known = Mapping[str, KeptIssue]
"""The issue of each print that has one."""


class ErrorIssueTable:
    """Issues, their prints and their history. All raise Temporary when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_prints(
        self, prints: Sequence[str], decide: Callable[[Known], Sequence[Write]]
    ) -> list[KeptIssue]:
        """Keep what `decide`, pure, makes of the issues that these prints have by now, in one
        transaction. It is asked again when another node was quicker with a new print."""
        for tries in reversed(range(_ATTEMPTS)):
            try:
                async with self._database.transaction() as connection:
                    known = await self._known(connection, prints)
                    if tries and any(one.merged_into for one in known.values()):
                        # Another node merged it between the look at its prints and at it.
                        continue
                    return [await _keep(connection, one) for one in decide(known)]
            except IntegrityError:
                await asyncio.sleep(0)
        raise Temporary("other nodes keep the same new issues; try again", 1.0)

    async def change(
        self, ids: Sequence[int], step: Callable[[Mapping[int, KeptIssue]], Sequence[Write]]
    ) -> list[KeptIssue]:
        """Keep what `step`, pure, makes of these issues, in one transaction. Raises NotFound."""
        async with self._database.transaction() as connection:
            found = await self._by_id(connection, ids)
            for one in ids:
                if one not in found:
                    raise NotFound(f"there is no issue {one}")
            return [await _keep(connection, one) for one in step(found)]

    async def get(self, issue_id: int) -> KeptIssue:
        """Raises NotFound."""
        async with self._database.reading() as connection:
            found = await self._by_id(connection, (issue_id,), lock=False)
        if issue_id not in found:
            raise NotFound(f"there is no issue {issue_id}")
        return found[issue_id]

    async def several(self, ids: Sequence[int]) -> dict[int, KeptIssue]:
        """Those of them that are there."""
        async with self._database.reading() as connection:
            return await self._by_id(connection, ids, lock=False)

    async def issues_of(self, prints: Sequence[str]) -> dict[str, KeptIssue]:
        """The issue of each print that has one."""
        async with self._database.reading() as connection:
            return await self._known(connection, prints, lock=False)

    async def like(self, starts: Sequence[str]) -> dict[str, int]:
        """The prints that begin with these texts, and the ids of their issues."""
        table = ERROR_PRINTS.c
        found: dict[str, int] = {}
        async with self._database.reading() as connection:
            for place in range(0, len(starts), 100):
                some = [table.hash.startswith(one) for one in starts[place : place + 100]]
                question = select(table.hash, table.issue_id).where(or_(*some))
                found |= {row[0]: row[1] for row in await connection.execute(question)}
        return found

    async def discarded(self, limit: int = 100_000) -> list[str]:
        """The prints whose errors are not kept."""
        question = (
            select(ERROR_PRINTS.c.hash)
            .join(ERROR_ISSUES, ERROR_ISSUES.c.id == ERROR_PRINTS.c.issue_id)
            .where(ERROR_ISSUES.c.state == "discarded")
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [row[0] for row in await connection.execute(question)]

    async def find(self, wanted: Wanted) -> tuple[list[Issue], int]:
        """Those that are wanted, in order, and how many there are in all."""
        table = ERROR_ISSUES.c
        where = _conditions(wanted)
        order = {"first": table.first_seen_at, "times": table.times}.get(
            wanted.order, table.last_seen_at
        )
        question = select(table.id, table.version, table.content).where(*where)
        question = question.order_by(order.desc(), table.id.desc())
        question = question.limit(wanted.limit).offset(wanted.offset)
        async with self._database.reading() as connection:
            total = await connection.scalar(
                select(func.count()).select_from(ERROR_ISSUES).where(*where)
            )
            found = [_kept(*row).issue for row in await connection.execute(question)]
        return found, int(total or 0)

    async def counts(self, project: str = "") -> dict[str, int]:
        """How many there are in each state."""
        table = ERROR_ISSUES.c
        question = select(table.state, func.count()).where(table.state.in_(_SHOWN))
        if project:
            question = question.where(table.project == project)
        async with self._database.reading() as connection:
            rows = await connection.execute(question.group_by(table.state))
            return dict.fromkeys(_SHOWN, 0) | {row[0]: int(row[1]) for row in rows}

    async def waiting(self, limit: int = 1_000) -> list[int]:
        """The ids of ignored issues, the longest unseen last."""
        table = ERROR_ISSUES.c
        question = select(table.id).where(table.state == "ignored")
        question = question.order_by(table.last_seen_at.desc()).limit(limit)
        async with self._database.reading() as connection:
            return [row[0] for row in await connection.execute(question)]

    async def entries(self, issue_id: int, limit: int = 1_000) -> list[IssueEntry]:
        """Its history, the oldest first."""
        table = ERROR_ACTS.c
        question = select(table.id, table.content).where(table.issue_id == issue_id)
        question = question.order_by(table.id).limit(limit)
        async with self._database.reading() as connection:
            return [
                msgspec.structs.replace(msgspec.json.decode(row[1], type=IssueEntry), id=row[0])
                for row in await connection.execute(question)
            ]

    async def delete(self, issue_id: int) -> None:
        """Forget it, with its prints and its history."""
        async with self._database.transaction() as connection:
            await connection.execute(ERROR_ISSUES.delete().where(ERROR_ISSUES.c.id == issue_id))

    async def old(self, before_ms: int, limit: int = 500) -> list[int]:
        """Issues that were not seen since then, the discarded ones apart."""
        table = ERROR_ISSUES.c
        is_old = table.last_seen_at < before_ms
        question = select(table.id).where(is_old, table.state != "discarded").limit(limit)
        async with self._database.reading() as connection:
            return [row[0] for row in await connection.execute(question)]

    async def _known(
        self, connection: AsyncConnection, prints: Sequence[str], *, lock: bool = True
    ) -> dict[str, KeptIssue]:
        owners: dict[str, int] = {}
        table = ERROR_PRINTS.c
        for place in range(0, len(prints), _IN_ONE):
            some = prints[place : place + _IN_ONE]
            question = select(table.hash, table.issue_id).where(table.hash.in_(some))
            owners |= {row[0]: row[1] for row in await connection.execute(question)}
        issues = await self._by_id(connection, sorted(set(owners.values())), lock=lock)
        return {name: issues[owner] for name, owner in owners.items() if owner in issues}

    async def _by_id(
        self, connection: AsyncConnection, ids: Sequence[int], *, lock: bool = True
    ) -> dict[int, KeptIssue]:
        found: dict[int, KeptIssue] = {}
        table = ERROR_ISSUES.c
        # What people write in addresses may be larger than databases take for a number.
        ids = [one for one in ids if 0 < one <= _LARGEST_ID]
        for place in range(0, len(ids), _IN_ONE):
            some = ids[place : place + _IN_ONE]
            question = select(table.id, table.version, table.content).where(table.id.in_(some))
            if lock:
                # In the order of ids: two nodes that lock the same ones wait, and do not deadlock.
                question = question.order_by(table.id).with_for_update()
            found |= {row[0]: _kept(*row) for row in await connection.execute(question)}
        return found


async def _keep(connection: AsyncConnection, write: Write) -> KeptIssue:
    kept = write.kept
    if kept.issue.id:
        change = ERROR_ISSUES.update().where(ERROR_ISSUES.c.id == kept.issue.id)
        await connection.execute(change.values(**_row(kept)))
    else:
        made = ERROR_ISSUES.insert().values(**_row(kept)).returning(ERROR_ISSUES.c.id)
        its_id = int((await connection.execute(made)).scalar_one())
        issue = msgspec.structs.replace(kept.issue, id=its_id)
        kept = msgspec.structs.replace(kept, issue=issue)
    if write.prints:
        await _own(connection, kept, write.prints)
    rows = [
        {
            "issue_id": kept.issue.id,
            "at": one.at_ms,
            "kind": one.kind,
            "author": one.author[:200],
            "content": msgspec.json.encode(one),
        }
        for one in write.entries
    ]
    if rows:
        await connection.execute(ERROR_ACTS.insert(), rows)
    return kept


async def _own(connection: AsyncConnection, kept: KeptIssue, prints: Sequence[str]) -> None:
    """Make prints belong to it, whomever they belonged to."""
    table = ERROR_PRINTS.c
    there = {
        row[0] for row in await connection.execute(select(table.hash).where(table.hash.in_(prints)))
    }
    if there:
        change = ERROR_PRINTS.update().where(table.hash.in_(there))
        await connection.execute(change.values(issue_id=kept.issue.id))
    new = [one for one in dict.fromkeys(prints) if one not in there]
    if new:
        issue, at = kept.issue, kept.issue.last_seen_ms
        rows = [
            {"hash": one, "project": issue.project, "issue_id": issue.id, "created_at": at}
            for one in new
        ]
        await connection.execute(ERROR_PRINTS.insert(), rows)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    table = ERROR_ISSUES.c
    found: list[ColumnElement[bool]] = [table.state.in_(wanted.states or _SHOWN)]
    if wanted.projects:
        found.append(table.project.in_(wanted.projects))
    if wanted.assignee:
        found.append(table.assignee == ("" if wanted.assignee == "-" else wanted.assignee))
    if wanted.least_level:
        found.append(table.level >= wanted.least_level)
    if wanted.first_since_ms:
        found.append(table.first_seen_at >= wanted.first_since_ms)
    if wanted.last_since_ms:
        found.append(table.last_seen_at >= wanted.last_since_ms)
    if wanted.last_until_ms:
        found.append(table.first_seen_at < wanted.last_until_ms)
    found += [table.words.contains(one.lower(), autoescape=True) for one in wanted.tokens[:20]]
    return found


def words_of(kept: KeptIssue) -> str:
    """What an issue is found by: its words, and `name:value` of what it is about."""
    issue = kept.issue
    told = [
        *(
            f"{name}:{value}"
            for name, value in (
                ("kind", issue.kind),
                ("platform", issue.platform),
                ("service", issue.service),
                ("project", issue.project),
            )
            if value
        ),
        *(f"release:{one}" for one in kept.releases),
        *(f"environment:{one}" for one in kept.environments),
    ]
    if issue.regressed_ms:
        told.append("is:regressed")
    if not issue.handled:
        told.append("is:unhandled")
    titles = (issue.title, *kept.titles)
    return "\n".join([*titles, issue.culprit, *told]).lower()[:_WORDS]


def _row(kept: KeptIssue) -> dict[str, object]:
    issue = kept.issue
    state = "discarded" if kept.discarded else "merged" if kept.merged_into else issue.state.value
    return {
        "version": issue.version,
        "project": issue.project,
        "state": state,
        "assignee": issue.assignee,
        "level": issue.level,
        "times": issue.times,
        "first_seen_at": issue.first_seen_ms,
        "last_seen_at": issue.last_seen_ms,
        "words": words_of(kept),
        "content": msgspec.json.encode(kept),
    }


def _kept(its_id: int, version: int, content: bytes) -> KeptIssue:
    kept = msgspec.json.decode(bytes(content), type=KeptIssue)
    issue = msgspec.structs.replace(kept.issue, id=its_id, version=version)
    return msgspec.structs.replace(kept, issue=issue)
