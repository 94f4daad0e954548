"""Which projects are there? Their numbers never change: DSNs in applications name them."""

from __future__ import annotations

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected
from tocsin.state.database import Database
from tocsin.state.tables import PROJECTS

MOST = 1_000
"""More projects than that are a mistake of who sends."""


class KeptProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project as it is kept; `created_ms` since the epoch."""

    number: int = 0
    name: str
    platform: str = ""
    created_ms: int = 0
    created_by: str = ""


class ProjectTable:
    """Projects by number. All raise Temporary when the database is away."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> list[KeptProject]:
        """By number."""
        question = select(PROJECTS.c.id, PROJECTS.c.content).order_by(PROJECTS.c.id)
        async with self._database.reading() as connection:
            return [
                msgspec.structs.replace(
                    msgspec.json.decode(bytes(row[1]), type=KeptProject), number=row[0]
                )
                for row in await connection.execute(question)
            ]

    async def add(self, project: KeptProject) -> KeptProject:
        """Keep a new one, with its number if it has one. Raises Rejected when its name or number
        is taken, or there are too many."""
        now = self._clock.now_ms()
        project = msgspec.structs.replace(project, created_ms=now)
        row = {
            "name": project.name,
            "content": msgspec.json.encode(project),
            "updated_at": now,
            **({"id": project.number} if project.number else {}),
        }
        try:
            async with self._database.transaction() as connection:
                numbers = [one[0] for one in await connection.execute(select(PROJECTS.c.id))]
                if len(numbers) >= MOST:
                    raise Rejected(f"there are {MOST:,} projects already; name one of them")
                # An explicit number does not move PostgreSQL's sequence on.
                row.setdefault("id", max(numbers, default=0) + 1)
                await connection.execute(PROJECTS.insert().values(**row))
        except IntegrityError as error:
            raise Rejected(
                f"a project named {project.name!r}, or of its number, is there already"
            ) from error
        return msgspec.structs.replace(project, number=int(str(row["id"])))
