"""Sample values and a frame, to render pages without a server."""

from __future__ import annotations

from dataclasses import replace

from tocsin.web.pages import timerange
from tocsin.web.pages.render import Frame, Viewer
from tocsin.web.pages.target_rows import TargetRow
from tocsin.web.services import SystemStatus

NOW = 1_700_000_000.0

STATUS = SystemStatus(
    ready=True,
    reason="",
    started_at=NOW - 3600,
    engine_restarts=0,
    engine_pid=42,
    memory_bytes={"main": 100 << 20, "engine": 150 << 20},
    disk_free_bytes=50 << 30,
)


def frame(path: str = "/", **query: str) -> Frame:
    """The surroundings of a page for an administrator."""
    return Frame(
        path=path,
        now=NOW,
        time=timerange.read(query, NOW),
        viewer=Viewer("ana", is_admin=True, csrf="token-of-ana", signed_in=True),
        auth_off=False,
        version="0.1.0",
        query=query,
    )


def target(job: str = "api", host: str = "10.0.0.1", *, error: str = "") -> TargetRow:
    """A target that is up, or down with that error."""
    row = TargetRow(
        key=f"{job}/{host}",
        job=job,
        url=f"http://{host}:9100/metrics",
        labels=(("instance", f"{host}:9100"),),
        state="ok",
        error="",
        last_scrape_s=NOW - 7,
        samples=400,
        duration_s=0.012,
        interval_s=15.0,
    )
    return replace(row, state="critical", error=error) if error else row
