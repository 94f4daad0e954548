"""Where does an error belong? To the project that the DSN or the service names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tocsin.errortracking.answers import Project
from tocsin.errortracking.config import ProjectConfig
from tocsin.kit import log
from tocsin.kit.fault import NotFound, Rejected
from tocsin.state.projects import KeptProject, ProjectTable

DEFAULT = "default"
_log = log.get("errors")
_MOST_NUMBER = 1_000_000_000


class Projects:
    """All projects, held in memory; `load` first."""

    def __init__(self, table: ProjectTable, configured: Mapping[str, ProjectConfig]) -> None:
        self._table = table
        self._configured = dict(configured)
        self._by_number: dict[int, Project] = {}
        self._by_name: dict[str, Project] = {}
        self._of_service: dict[str, str] = {}
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Read those that are kept, and keep those that the configuration names. Raises Temporary
        when the database is away."""
        async with self._turn:
            kept = {one.name: one for one in await self._table.all()}
            wanted = {DEFAULT: ProjectConfig(number=0 if kept else 1), **self._configured}
            for name, config in wanted.items():
                known = kept.get(name)
                if known is None:
                    kept[name] = await self._add(name, config)
                elif config.number not in (0, known.number):
                    _log.warning(
                        "project_number_stays", project=name, number=known.number,
                        configured=config.number,
                    )  # fmt: skip
            self._set(list(kept.values()))

    async def _add(self, name: str, config: ProjectConfig) -> KeptProject:
        project = KeptProject(name=name, platform=config.platform, number=config.number)
        try:
            return await self._table.add(project)
        except Rejected as taken:
            if not config.number:
                raise
            _log.warning("project_number_taken", project=name, number=config.number)
            try:
                return await self._table.add(KeptProject(name=name, platform=config.platform))
            except Rejected:
                raise taken from None

    def configure(self, configured: Mapping[str, ProjectConfig]) -> None:
        """Put another configuration in force; `load` keeps what is new in it."""
        self._configured = dict(configured)

    def _set(self, kept: list[KeptProject]) -> None:
        found = [self._project(one) for one in kept]
        self._by_number = {one.number: one for one in found}
        self._by_name = {one.name: one for one in found}
        self._of_service = {
            service: name for name, one in self._configured.items() for service in one.services
        }

    def _project(self, kept: KeptProject) -> Project:
        config = self._configured.get(kept.name)
        given = config or ProjectConfig()
        return Project(
            number=kept.number,
            name=kept.name,
            platform=given.platform or kept.platform,
            services=given.services,
            alert_on=tuple(given.alert_on),
            created_ms=kept.created_ms,
            configured=config is not None,
        )

    def config(self, name: str) -> ProjectConfig:
        """What is set about a project."""
        return self._configured.get(name, ProjectConfig())

    @property
    def all(self) -> list[Project]:
        """By number."""
        return [self._by_number[number] for number in sorted(self._by_number)]

    def find(self, name_or_number: str) -> Project:
        """Raises NotFound."""
        text = name_or_number.strip()
        found = self._by_name.get(text)
        if found is None and text.isascii() and text.isdigit() and len(text) < 11:
            found = self._by_number.get(int(text))
        if found is None:
            known = ", ".join(f"{one.name} ({one.number})" for one in self.all[:20])
            raise NotFound(f"there is no project {text[:100]!r}; known are {known}")
        return found

    def of_service(self, service: str) -> Project:
        """The project that a service's log lines and spans belong to."""
        name = self._of_service.get(service) or self._of_service.get("*", "")
        if not name and service in self._by_name:
            name = service
        return self._by_name.get(name) or self._by_name[DEFAULT]

    async def numbered(self, number: int, *, may_make: bool) -> Project:
        """The project of a DSN, made when it `may_make` one. Raises NotFound, Temporary."""
        found = self._by_number.get(number)
        if found is not None:
            return found
        if not may_make or not 0 < number <= _MOST_NUMBER:
            raise NotFound(
                f"there is no project {number}; an administrator makes one in Settings or with "
                "POST /api/errors/projects"
            )
        return await self.make(f"project-{number}", number=number, by="its first event")

    async def make(self, name: str, *, by: str, platform: str = "", number: int = 0) -> Project:
        """A new one. Raises Rejected when its name is taken or there are too many."""
        name = name.strip()
        if not 0 < len(name) <= 100 or name.isdigit() or "/" in name:
            raise Rejected("a project's name has 1 to 100 characters, no / and not digits alone")
        async with self._turn:
            if number and number in self._by_number:
                return self._by_number[number]
            project = KeptProject(
                name=name, platform=platform[:40], number=number, created_by=by[:200]
            )
            kept = await self._table.add(project)
            made = self._project(kept)
            self._by_number[made.number] = self._by_name[made.name] = made
            _log.info("project_made", project=made.name, number=made.number, by=by)
            return made
