"""What is told of dashboards beside their content?"""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.model.dashboards import Dashboard

Origin = Literal["kept", "file", "shipped"]
"""Made here; from the configuration's folder; or brought by Tocsin. Only the first can change."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard and what is known of it; `file` is where it is from, when it is from a file."""

    uid: str
    version: int
    dashboard: Dashboard
    origin: Origin = "kept"
    updated_ms: int = 0
    updated_by: str = ""
    file: str = ""
    deleted_ms: int = 0

    @property
    def may_change(self) -> bool:
        """Whether it can be saved; others are copied."""
        return self.origin == "kept"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list of dashboards."""

    uid: str
    title: str
    description: str = ""
    tags: list[str] = []
    panels: int = 0
    version: int = 0
    origin: Origin = "kept"
    updated_ms: int = 0
    updated_by: str = ""


class OfPerson(msgspec.Struct, frozen=True, kw_only=True):
    """What a person starred, and looked at lately, the last first; by uid."""

    stars: list[str] = []
    seen: list[str] = []


class DashboardChanged(Rejected):
    """Somebody else saved it first; `now` is what it is now."""

    def __init__(self, now: Kept) -> None:
        super().__init__(
            f"{now.updated_by} saved version {now.version} of {now.dashboard.title!r} meanwhile"
        )
        self.now = now


def listed(one: Kept) -> Listed:
    """The line of a dashboard."""
    return Listed(
        uid=one.uid,
        title=one.dashboard.title,
        description=one.dashboard.description,
        tags=one.dashboard.tags,
        panels=sum(panel.kind != "row" for panel in one.dashboard.panels),
        version=one.version,
        origin=one.origin,
        updated_ms=one.updated_ms,
        updated_by=one.updated_by,
    )
