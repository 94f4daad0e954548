"""Through what is everything about issues asked and changed? By people and machines alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tocsin.errortracking.answers import (
    Act,
    ActEntry,
    EventRow,
    EventShown,
    IssueChange,
    IssuePage,
    IssuesAsked,
    PersonSeen,
    Print,
    Project,
    ReleaseHealth,
    ReleaseSeen,
    TagShown,
)
from tocsin.model.errors import Issue


class IssueBook(Protocol):
    """All issues. Everything raises NotFound for an id that is not there, Rejected for what makes
    no sense, Temporary when a database does not answer. `author` is a person's name."""

    def subscribe(self, hear: Callable[[IssueChange], None]) -> None:
        """Have it told of each change, after it is kept; it must neither fail nor wait."""

    async def get(self, issue_id: int) -> Issue:
        """The issue, or the one that it was merged into."""

    async def find(self, asked: IssuesAsked) -> IssuePage:
        """Those that answer the question, in its order."""

    async def counts(self, project: str = "") -> dict[str, int]:
        """How many are in each state."""

    async def act(
        self, issue_id: int, act: Act, author: str, *, version: int | None = None
    ) -> Issue:
        """Do that. With the `version` that the author saw, Stale is raised when somebody else
        changed it meanwhile. Raises Rejected for a person that nobody knows."""

    async def act_on(self, ids: Sequence[int], act: Act, author: str) -> dict[int, str]:
        """Do that with several; what went wrong by id, empty texts for what went well."""

    async def merge(self, into: int, others: Sequence[int], author: str) -> Issue:
        """The others' events and those to come belong to the first."""

    async def unmerge(self, issue_id: int, hashes: Sequence[str], author: str) -> Issue:
        """Events of these prints become an issue of their own again, which is returned."""

    async def delete(self, issue_id: int, author: str, *, discard: bool = False) -> None:
        """Forget it with its events; with `discard`, those to come are not kept either."""

    async def acts(self, issue_id: int) -> list[ActEntry]:
        """Its history, the oldest first."""

    async def prints(self, issue_id: int) -> list[Print]:
        """The fingerprints that belong to it, the most frequent first."""

    async def events(
        self, issue_id: int, *, words: str = "", limit: int = 50, offset: int = 0
    ) -> list[EventRow]:
        """Its errors, the newest first; `words` must be part of the value, a tag or a user."""

    async def event(self, issue_id: int, event_id: str = "latest") -> EventShown:
        """One of its errors, whole: by its id, or "latest", or "oldest"."""

    async def issue_of_event(self, event_id: str) -> int:
        """The issue that an error belongs to."""

    async def issue_of_line(self, line_id: str) -> tuple[int, str]:
        """The issue and the id of the error that was found in a log line."""

    async def of_trace(self, trace_id: str, limit: int = 100) -> list[EventRow]:
        """The errors of a trace, the oldest first."""

    async def tags(self, issue_id: int) -> list[TagShown]:
        """How its tags are distributed: environment, release, host and the event's own."""

    async def people(self, issue_id: int, limit: int = 50) -> list[PersonSeen]:
        """Whom it happened to, the most affected first."""

    async def releases(self, issue_id: int) -> list[ReleaseSeen]:
        """The releases that had it, the newest first."""

    async def trend(
        self, ids: Sequence[int], from_ms: int, until_ms: int, step_ms: int
    ) -> dict[int, tuple[int, ...]]:
        """How many errors each had in each step of the range; at most 500 steps."""

    async def projects(self) -> list[Project]:
        """All, by number."""

    async def project(self, name_or_number: str) -> Project:
        """By its name or its number in digits."""

    async def make_project(self, name: str, author: str, *, platform: str = "") -> Project:
        """A new one."""

    async def health(self, project: str = "", days: int = 7) -> list[ReleaseHealth]:
        """The sessions of releases, the most used first."""
