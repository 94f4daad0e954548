"""What does the web room need of the response to incidents?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from tocsin.incident.book import Author
    from tocsin.incident.response.tasks import Todo
    from tocsin.incident.response.update import Update
    from tocsin.model.incidents import Incident


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A template to be tried; without one the template in force of that moment and audience."""

    template: str = ""
    notation: Literal["", "braces", "jinja2", "go"] = ""
    moment: Literal["initial", "update", "resolution"] = "initial"
    audience: Literal["internal", "public", "customers"] = "internal"
    incident: str = ""
    """A number; an example without one."""
    text: str = ""
    """What an author writes."""
    eta: str = ""
    author: str = ""


class Previewed(msgspec.Struct, frozen=True, kw_only=True):
    """What it says."""

    text: str
    subject: str = ""
    notation: str = ""
    incident: str = ""


class ActionState(msgspec.Struct, frozen=True, kw_only=True):
    """One action of an incident: `state` is "waiting", "failing", "done", "failed" or "cancelled";
    `next_ms` when it is done or tried next, 0 when it is not."""

    id: int
    action: str
    moment: str
    state: str
    attempts: int = 0
    next_ms: int = 0
    error: str = ""


class Response(Protocol):
    """Updates, tasks, actions, templates, and what Slack needs; see `app.response_desk`."""

    async def update(self, number: str, update: Update, author: Author) -> Incident: ...
    async def todos(self, number: str) -> list[Todo]: ...
    async def tick(self, number: str, task: str, author: Author, *, is_done: bool) -> Incident: ...
    async def actions(self, number: str) -> list[ActionState]: ...
    async def again(self, number: str, action_id: int, author: Author) -> None: ...
    async def escalate(self, number: str, by: str) -> str: ...
    async def on_call(self) -> Sequence[tuple[str, str, int]]: ...
    async def slack_person(self, member_id: str, username: str) -> str: ...
    async def slack_member(self, member_id: str) -> str: ...
    async def open_slack_view(self, trigger_id: str, view: Mapping[str, object]) -> None: ...
    async def preview(self, wanted: Preview) -> Previewed: ...
