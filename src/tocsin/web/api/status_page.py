"""The status page for those inside: posts, maintenance, overrides, public windows, subscribers.

What the public reads has no login and is at `/status`, `/status/api/v2` included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import NotFound, Rejected
from tocsin.statuspage.component_state import ComponentState, Impact
from tocsin.statuspage.desk import StatusDesk
from tocsin.statuspage.judge import Override
from tocsin.statuspage.post import Post, PostStatus
from tocsin.statuspage.posts import StalePost
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.api.maintenance import answer_json
from tocsin.web.csrf import keep_body
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.status_acts import (
    EditBody,
    MaintenanceBody,
    OverrideBody,
    PostBody,
    UpdateBody,
    WindowBody,
    audited,
    desk,
    open_post,
    override,
    plan_maintenance,
    publish,
    remove,
    take_back,
    tell,
    withdraw,
)

T = TypeVar("T")


class UpdateShown(msgspec.Struct, frozen=True, kw_only=True):
    """One text with its author."""

    id: str
    at: str
    status: PostStatus
    text: str
    author: str
    notify: bool


class PostShown(msgspec.Struct, frozen=True, kw_only=True):
    """A post as those inside see it; `url` is where the public does."""

    id: str
    kind: str
    title: str
    status: PostStatus
    impact: Impact
    components: Sequence[str]
    incident: str
    starts: str | None
    ends: str | None
    over: str | None
    version: int
    url: str
    updates: list[UpdateShown]


class ComponentShown(msgspec.Struct, frozen=True, kw_only=True):
    """A component with what each source says of it."""

    id: str
    name: str
    state: ComponentState | None
    sources: Mapping[str, ComponentState | None]
    override: Override | None


class PageShown(msgspec.Struct, frozen=True, kw_only=True):
    """The page as those inside see it."""

    url: str
    state: ComponentState
    as_of: str
    is_stale: bool
    components: list[ComponentShown]
    subscribers: Mapping[str, int]


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """Why a change was not made, and what the post is by now."""

    status: str = "error"
    error: str
    post: PostShown


def shown(page: StatusDesk, post: Post) -> PostShown:
    """As the API tells it."""
    return PostShown(
        id=post.id,
        kind=post.kind.value,
        title=post.title,
        status=post.status,
        impact=post.impact,
        components=post.components,
        incident=post.incident,
        starts=iso(post.starts_ms) if post.starts_ms else None,
        ends=iso(post.ends_ms) if post.ends_ms else None,
        over=iso(post.over_ms) if post.over_ms else None,
        version=post.version,
        url=f"{page.board.address}/incidents/{post.id}",
        updates=[
            UpdateShown(
                id=one.id,
                at=iso(one.at_ms),
                status=one.status,
                text=one.text,
                author=one.author,
                notify=not one.is_quiet,
            )
            for one in post.updates
        ],
    )


def components_shown(page: StatusDesk) -> list[ComponentShown]:
    """Each with what its sources say."""
    return [
        ComponentShown(
            id=one.key,
            name=one.name,
            state=page.board.state_of(one.key),
            sources=page.board.sources(one),
            override=page.notes.override_of(one.key),
        )
        for group in page.board.config.shown
        for one in group.components
    ]


async def _page(request: Request) -> Response:
    """The page, its components with what each source says, and how many are told."""
    page = desk(request)
    snapshot = page.board.snapshot
    return answer_json(
        PageShown(
            url=page.board.address,
            state=snapshot.state,
            as_of=iso(snapshot.as_of_ms),
            is_stale=snapshot.is_stale,
            components=components_shown(page),
            subscribers=await page.subscriptions.counts(),
        )
    )


async def _posts(request: Request) -> Response:
    """Every post, the newest first."""
    page = desk(request)
    return answer_json([shown(page, one) for one in page.posts.all()])


async def _post(request: Request) -> Response:
    """One post."""
    page = desk(request)
    return answer_json(shown(page, page.posts.get(_id(request))))


async def _open(request: Request) -> Response:
    """Tell the public of trouble; for one incident there is one post."""
    post = await open_post(request, await _body(request, PostBody))
    return answer_json(shown(desk(request), post), 201)


async def _plan(request: Request) -> Response:
    """Announce maintenance."""
    post = await plan_maintenance(request, await _body(request, MaintenanceBody))
    return answer_json(shown(desk(request), post), 201)


async def _tell(request: Request) -> Response:
    """Tell more."""
    body = await _body(request, UpdateBody)
    try:
        post = await tell(request, _id(request), body)
    except StalePost as stale:
        return _stale(request, stale)
    return answer_json(shown(desk(request), post), 201)


async def _edit(request: Request) -> Response:
    """Correct the title or the last text."""
    body, page = await _body(request, EditBody), desk(request)
    try:
        post = await page.posts.edit(
            _id(request), version=body.version, title=body.title, text=body.text
        )
    except StalePost as stale:
        return _stale(request, stale)
    await audited(request, "status_post_edited", post.id, {"title": post.title})
    return answer_json(shown(page, post))


async def _remove(request: Request) -> Response:
    """Take a post off the page for good."""
    await remove(request, _id(request))
    return Response(status_code=204)


async def _override(request: Request) -> Response:
    """Say how a component is."""
    await override(request, _id(request), await _body(request, OverrideBody))
    return Response(status_code=204)


async def _take_back(request: Request) -> Response:
    """A component is again as it is measured."""
    await take_back(request, _id(request))
    return Response(status_code=204)


async def _publish(request: Request) -> Response:
    """Tell the public of a maintenance window, in words of its own."""
    await publish(request, _id(request), await _body(request, WindowBody))
    return Response(status_code=204)


async def _withdraw(request: Request) -> Response:
    """Tell the public of a window no longer."""
    await withdraw(request, _id(request))
    return Response(status_code=204)


async def _subscribers(request: Request) -> Response:
    """How many are told, by kind."""
    return answer_json(await desk(request).subscriptions.counts())


async def _forget(request: Request) -> Response:
    """Forget the address `address` of the `kind` email or webhook."""
    query = request.query_params
    kind = query.get("kind", "email")
    if not await desk(request).subscriptions.forget(kind, query.get("address", "")):
        raise NotFound("nobody is told at that address")
    await audited(request, "status_subscriber_removed", kind, {})
    return Response(status_code=204)


def _stale(request: Request, stale: StalePost) -> Response:
    return answer_json(Conflict(error=str(stale), post=shown(desk(request), stale.now)), 409)


def _id(request: Request) -> str:
    return str(request.path_params["id"])


async def _body(request: Request, kind: type[T]) -> T:
    await keep_body(request)
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error


_READ, _RESPOND, _ADMIN = Access.READ, Access.RESPOND, Access.ADMIN
_ROOT = "/api/status-page"
_ONE = f"{_ROOT}/posts/{{id}}"
_STATE, _WINDOW = f"{_ROOT}/components/{{id}}/override", f"{_ROOT}/windows/{{id}}"

ADDRESSES: Addresses = (
    Address(_ROOT, _page, _READ, answer=PageShown),
    Address(f"{_ROOT}/posts", _posts, _READ, answer=list[PostShown]),
    Address(f"{_ROOT}/posts", _open, _RESPOND, ("POST",), PostBody, PostShown),
    Address(f"{_ROOT}/maintenances", _plan, _RESPOND, ("POST",), MaintenanceBody, PostShown),
    Address(_ONE, _post, _READ, answer=PostShown),
    Address(_ONE, _edit, _RESPOND, ("PATCH",), EditBody, PostShown),
    Address(_ONE, _remove, _RESPOND, ("DELETE",)),
    Address(f"{_ONE}/updates", _tell, _RESPOND, ("POST",), UpdateBody, PostShown),
    Address(_STATE, _override, _RESPOND, ("PUT",), OverrideBody),
    Address(_STATE, _take_back, _RESPOND, ("DELETE",)),
    Address(_WINDOW, _publish, _RESPOND, ("PUT",), WindowBody),
    Address(_WINDOW, _withdraw, _RESPOND, ("DELETE",)),
    Address(f"{_ROOT}/subscribers", _subscribers, _READ),
    Address(f"{_ROOT}/subscribers", _forget, _ADMIN, ("DELETE",)),
)
