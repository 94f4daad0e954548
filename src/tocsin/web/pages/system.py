"""How is Tocsin itself?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault
from tocsin.query.promql.result import SlowQuery
from tocsin.store.config import RetentionConfig
from tocsin.store.retention import Dropped
from tocsin.store.sizes import TableSize, table_sizes
from tocsin.web.pages.render import answer_action, page
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import Services, SystemStatus, services

_SLOW_SHOWN = 30
_LET_GO_SHOWN = 10


@dataclass(frozen=True, slots=True)
class SystemView:
    """What the page shows. `disk_problem` says why the sizes are not known."""

    status: SystemStatus
    tables: Sequence[TableSize]
    disk_problem: str
    slow: Sequence[SlowQuery]
    slow_count: int
    warnings: Sequence[str]
    memory: Mapping[str, int]
    retention: RetentionConfig
    let_go: Sequence[Dropped]

    @property
    def disk_bytes(self) -> int:
        """All tables together."""
        return sum(table.size_bytes for table in self.tables)


async def _tables(given: Services) -> tuple[list[TableSize], str]:
    try:
        return await table_sizes(given.store), ""
    except Fault as fault:
        return [], str(fault)


async def _system(request: Request) -> Response:
    given = services(request)
    tables, problem = await _tables(given)
    status = given.status()
    slow = sorted(given.engine.slow_queries, key=lambda query: -query.at_ms)
    view = SystemView(
        status=status,
        tables=tables,
        disk_problem=problem,
        slow=slow[:_SLOW_SHOWN],
        slow_count=len(slow),
        warnings=given.config.warnings(),
        memory=status.memory_bytes,
        retention=given.retention.config,
        let_go=list(given.retention.dropped)[::-1][:_LET_GO_SHOWN],
    )
    return page(request, "pages/system.html", view=view)


async def _reload(request: Request) -> Response:
    outcome = await services(request).reload()
    if outcome.error:
        return answer_action(request, outcome.error, "/system", state="critical")
    changed = ", ".join(outcome.changed) or "nothing had changed"
    words = f"The configuration was read again: {changed}."
    if outcome.needs_restart:
        words += f" A restart is needed for {', '.join(outcome.needs_restart)}."
    return answer_action(request, words, "/system")


ADDRESSES: Addresses = (
    get("/system", _system, Access.READ),
    post("/system/reload", _reload, Access.ADMIN),
)
