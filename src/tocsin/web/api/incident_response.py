"""The response to an incident: updates, tasks, actions, and templates to be tried.

`/api/incidents/INC-2026-0042/updates`, `…/tasks`, `…/actions`, `/api/incidents/templates/preview`.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.book import status_named
from tocsin.incident.response.tasks import Todo
from tocsin.incident.response.update import Update
from tocsin.incident.words.fields import FIELDS, PUBLIC
from tocsin.kit.fault import Rejected
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.api.incident_json import (
    IncidentShown,
    as_json,
    author_of,
    body_of,
    number_of,
    shown,
    time_of,
)
from tocsin.web.identity import identity
from tocsin.web.response import ActionState, Preview, Previewed
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services


class UpdateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is told. `next_update` is a time (RFC 3339), a length from now, or `none`; empty: after
    the severity's usual time. `public` is for those outside."""

    text: str
    eta: str = ""
    public: str = ""
    status: str = ""
    next_update: str = ""


class TaskBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it is done."""

    done: bool


class TaskShown(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that people do; `by` and `at` tell of its last change."""

    id: str
    text: str
    done: bool
    by: str
    at: str


class ActionShown(msgspec.Struct, frozen=True, kw_only=True):
    """One action: `state` is waiting, failing, done, failed or cancelled; `next` is when it is done
    or tried next, empty when it is not."""

    id: int
    action: str
    moment: str
    state: str
    attempts: int
    next: str
    error: str


class FieldShown(msgspec.Struct, frozen=True, kw_only=True):
    """A field that templates may name; `public`: also those for people outside."""

    name: str
    meaning: str
    public: bool


async def _update(request: Request) -> Response:
    """Tell everyone concerned how it stands, and promise the next update."""
    body, used = await body_of(request, UpdateBody), services(request)
    promised: int | None = None
    if body.next_update == "none":
        promised = 0
    elif body.next_update:
        promised = time_of(body.next_update, "next_update", used.clock.now_ms())
    update = Update(
        text=body.text,
        eta=body.eta,
        public=body.public,
        status=status_named(body.status) if body.status else None,
        next_update_ms=promised,
    )
    one = await used.response.update(number_of(request), update, author_of(request))
    return as_json(shown(one, used))


async def _tasks(request: Request) -> Response:
    """What people do in it."""
    found = await services(request).response.todos(number_of(request))
    return as_json([_task(one) for one in found])


async def _tick(request: Request) -> Response:
    """Say that a task is done, or not after all."""
    body, used = await body_of(request, TaskBody), services(request)
    task = str(request.path_params["task"])
    number, author = number_of(request), author_of(request)
    await used.response.tick(number, task, author, is_done=body.done)
    return as_json([_task(one) for one in await used.response.todos(number)])


async def _actions(request: Request) -> Response:
    """What is done by itself, and what came of it."""
    found = await services(request).response.actions(number_of(request))
    return as_json([_action(one) for one in found])


async def _again(request: Request) -> Response:
    """Do an action again that failed for good."""
    used, number = services(request), number_of(request)
    await used.response.again(number, int(request.path_params["id"]), author_of(request))
    return as_json([_action(one) for one in await used.response.actions(number)])


async def _preview(request: Request) -> Response:
    """Fill a template with an incident's data, or an example's."""
    try:
        wanted = await body_of(request, Preview)
    except msgspec.ValidationError as error:
        raise Rejected(str(error)) from error
    if not wanted.author:
        wanted = msgspec.structs.replace(wanted, author=identity(request).name)
    return as_json(await services(request).response.preview(wanted))


async def _fields(request: Request) -> Response:
    """What templates may name."""
    return as_json(
        [
            FieldShown(name=name, meaning=meaning, public=name in PUBLIC)
            for name, meaning in FIELDS.items()
        ]
    )


def _task(one: Todo) -> TaskShown:
    return TaskShown(id=one.id, text=one.text, done=one.is_done, by=one.by, at=iso(one.at_ms))


def _action(one: ActionState) -> ActionShown:
    return ActionShown(
        id=one.id,
        action=one.action,
        moment=one.moment,
        state=one.state,
        attempts=one.attempts,
        next=iso(one.next_ms) if one.next_ms else "",
        error=one.error,
    )


_BASE = "/api/incidents/{number}"
_PREVIEW = "/api/incidents/templates/preview"
ADDRESSES: Addresses = (
    Address(_PREVIEW, _preview, Access.READ, ("POST",), Preview, Previewed),
    Address("/api/incidents/templates/fields", _fields, Access.READ, answer=list[FieldShown]),
    Address(f"{_BASE}/updates", _update, Access.RESPOND, ("POST",), UpdateBody, IncidentShown),
    Address(f"{_BASE}/tasks", _tasks, Access.READ, answer=list[TaskShown]),
    Address(
        f"{_BASE}/tasks/{{task}}",
        _tick,
        Access.RESPOND,
        ("POST",),
        TaskBody,
        list[TaskShown],
    ),
    Address(f"{_BASE}/actions", _actions, Access.READ, answer=list[ActionShown]),
    Address(
        f"{_BASE}/actions/{{id:int}}/again",
        _again,
        Access.RESPOND,
        ("POST",),
        answer=list[ActionShown],
    ),
)
