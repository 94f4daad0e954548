"""Who changed what, and when? Rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, select

from tocsin.kit.clock import Clock
from tocsin.state.database import Database
from tocsin.state.tables import AUDIT

ANSWERS = (
    *("login", "login_failed", "logout", "password_changed", "password_reset"),
    *("alert_acknowledged", "acknowledgement_cleared", "incident_acknowledged"),
    *("incident_escalated", "notification_resent", "canary_acknowledged", "test_page_sent"),
    *("backup_begun", "drill_held", "contact_added", "contact_verified", "contact_removed"),
    *("contact_rules_set", "device_added", "device_removed"),
)
"""Acts that change nothing of how things run: nobody looks among them for a cause."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One act: `who` did `what` (`token_created`) to `target`. `at` in milliseconds."""

    id: int
    at: int
    who: str
    what: str
    target: str
    detail: dict[str, str]
    ip: str


class Audit:
    """The trail of what people changed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(
        self,
        who: str,
        what: str,
        target: str = "",
        *,
        detail: Mapping[str, str] | None = None,
        ip: str = "",
    ) -> None:
        """Add an entry. `detail` must hold no secret."""
        values = {
            "at": self._clock.now_ms(),
            "who": who[:200],
            "what": what[:100],
            "target": target[:300],
            "detail": msgspec.json.encode(dict(detail or {})).decode(),
            "ip": ip[:64],
        }
        async with self._database.transaction() as connection:
            await connection.execute(AUDIT.insert().values(values))

    async def latest(self, limit: int = 100, *, before_id: int | None = None) -> list[AuditEntry]:
        """The newest entries first, those before `before_id` when it is given."""
        question = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(max(1, min(limit, 1000)))
        if before_id is not None:
            question = question.where(AUDIT.c.id < before_id)
        return await self._read(question)

    async def between(
        self, start_ms: int, end_ms: int, *, limit: int, without: Sequence[str] = ()
    ) -> list[AuditEntry]:
        """The newest of a stretch of time first, but for these kinds of acts."""
        table = AUDIT.c
        question = select(AUDIT).where(table.at >= start_ms, table.at < end_ms)
        question = question.where(table.what.not_in(without)).order_by(table.id.desc())
        return await self._read(question.limit(limit))

    async def _read(self, question: Select[Any]) -> list[AuditEntry]:  # Any: the whole row
        async with self._database.reading() as connection:
            return [
                AuditEntry(
                    id=row.id,
                    at=row.at,
                    who=row.who,
                    what=row.what,
                    target=row.target,
                    detail=msgspec.json.decode(row.detail, type=dict[str, str]),
                    ip=row.ip,
                )
                for row in await connection.execute(question)
            ]
