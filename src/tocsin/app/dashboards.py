"""Dashboards, wired: those that people make, and the folder that the configuration names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tocsin.app.config import Loaded
from tocsin.dashboard.book import DashboardBook
from tocsin.dashboard.folder import FolderRead, read_folder
from tocsin.kit.clock import Clock
from tocsin.model.labels import NAME
from tocsin.state.dashboards import DashboardTable
from tocsin.state.database import Database
from tocsin.state.settings import Settings
from tocsin.store.series import SeriesRegistry


@dataclass(frozen=True, slots=True)
class Dashboards:
    """The book, and what it is told of the configuration."""

    book: DashboardBook

    def configure(self, loaded: Loaded) -> None:
        """Read the folder again. A file that cannot be read is a warning and hides no other."""
        self.book.folder = folder_of(loaded)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files and folders whose change means a reload."""
        return self.book.folder.sources

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the folder cannot be shown, and why."""
        return self.book.folder.problems


def folder_of(loaded: Loaded) -> FolderRead:
    """What the folder of a configuration holds; nothing when it names none."""
    if not loaded.config.dashboards:
        return FolderRead()
    return read_folder(loaded.folder / Path(loaded.config.dashboards).expanduser())


def dashboards(
    database: Database, settings: Settings, registry: SeriesRegistry, loaded: Loaded, clock: Clock
) -> Dashboards:
    """Ready to use once the database is open."""

    def has_metric(name: str) -> bool:
        return registry.count(NAME, name) > 0

    made = Dashboards(DashboardBook(DashboardTable(database), settings, clock, has_metric))
    made.configure(loaded)
    return made
