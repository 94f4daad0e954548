"""What members do on the status page, by its page or the API: bodies, checks, audit."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.requests import Request

from tocsin.alert.attention.maintenance_config import moment_ms
from tocsin.incident.request import Author
from tocsin.kit.fault import NotFound, Rejected
from tocsin.kit.quantity import Duration
from tocsin.statuspage.component_state import ComponentState, Impact
from tocsin.statuspage.config import ComponentConfig
from tocsin.statuspage.desk import StatusDesk
from tocsin.statuspage.judge import Override, PublicWindow
from tocsin.statuspage.post import Post, PostStatus
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.services import services


class PostBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new post about trouble: words for the public. `incident` is the number of the one inside,
    which is not shown; `notify` whether subscribers are told."""

    title: str
    text: str
    components: list[str] = []
    impact: Impact = Impact.MINOR
    status: PostStatus = PostStatus.INVESTIGATING
    incident: str = ""
    notify: bool = True


class MaintenanceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Work that is announced: from `starts` to `ends` or for a `duration`, by the clocks of
    `time_zone` where a time names none."""

    title: str
    text: str
    starts: str
    ends: str = ""
    duration: str = ""
    components: list[str] = []
    time_zone: str = "UTC"
    notify: bool = True


class UpdateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One more text. `impact` or `states` (component → state) say how it is from now on; `version`
    is the one that was read: a later one is answered with 409."""

    status: PostStatus
    text: str
    impact: Impact | None = None
    states: dict[str, ComponentState] = {}
    version: int = 0
    notify: bool = True


class EditBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A correction of the title or of the last text; nobody is told of it."""

    version: int
    title: str = ""
    text: str = ""


class OverrideBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a component is said to be: at least that bad, or with `exact` that and nothing else; for
    a `duration`, else until it is taken back. `reason` stays inside."""

    state: ComponentState
    exact: bool = False
    duration: str = ""
    reason: str = ""


class WindowBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Public words for a maintenance window; its own name and conditions stay inside."""

    title: str
    text: str = ""
    components: list[str] = []


def desk(request: Request) -> StatusDesk:
    """The status page. Raises NotFound when there is none."""
    found = services(request).status_page
    if not found.board.config.is_on:
        raise NotFound("there is no status page; give it components under status_page")
    return found


async def open_post(request: Request, body: PostBody) -> Post:
    """Tell the public, and the timeline of the incident that it is about."""
    page, who = desk(request), identity(request).name
    known = page.posts.of_incident(body.incident)
    if known is not None:
        return known
    components = page.components(body.components)
    post = await page.posts.open_post(
        body.incident,
        body.title,
        components,
        body.impact,
        body.text,
        who,
        status=body.status,
        is_quiet=not body.notify,
    )
    await note(request, post, "status_post_opened")
    return post


async def plan_maintenance(request: Request, body: MaintenanceBody) -> Post:
    """Announce work."""
    page = desk(request)
    starts = moment_ms(body.starts, body.time_zone or "UTC")
    if body.ends:
        ends = moment_ms(body.ends, body.time_zone or "UTC")
    elif body.duration:
        ends = starts + Duration.from_config(body.duration.replace(" ", "")).ms
    else:
        raise Rejected("say when it ends: ends or duration")
    post = await page.posts.plan_maintenance(
        body.title,
        page.components(body.components),
        body.text,
        identity(request).name,
        starts_ms=starts,
        ends_ms=ends,
        is_quiet=not body.notify,
    )
    await note(request, post, "status_maintenance_planned")
    return post


async def tell(request: Request, post_id: str, body: UpdateBody) -> Post:
    """Tell the public more."""
    page = desk(request)
    post = await page.posts.tell(
        post_id,
        body.status,
        body.text,
        identity(request).name,
        impact=body.impact,
        states=tuple(body.states.items()),
        version=body.version,
        is_quiet=not body.notify,
    )
    await note(request, post, "status_post_updated")
    return post


async def override(request: Request, component: str, body: OverrideBody) -> None:
    """Say how a component is."""
    page, now = desk(request), services(request).clock.now_ms()
    component_of(page, component)
    length = Duration.from_config(body.duration.replace(" ", "")) if body.duration else None
    given = Override(
        component=component,
        state=body.state,
        is_exact=body.exact or body.state is ComponentState.OPERATIONAL,
        until_ms=now + length.ms if length else 0,
        by=identity(request).name,
        at_ms=now,
        reason=body.reason[:1000],
    )
    await page.notes.override(given)
    page.board.refresh()
    detail = {"state": body.state.value, "reason": body.reason[:200]}
    await audited(request, "status_component_set", component, detail)


async def take_back(request: Request, component: str) -> None:
    """A component is again as it is measured."""
    page = desk(request)
    await page.notes.take_back(component)
    page.board.refresh()
    await audited(request, "status_component_measured", component, {})


async def publish(request: Request, window_id: str, body: WindowBody) -> None:
    """Tell the public of a maintenance window."""
    page = desk(request)
    window = services(request).maintenance.get(window_id).window
    said = PublicWindow(
        window=window.id,
        title=body.title,
        text=body.text[:10_000],
        components=tuple(page.components(body.components)),
        by=identity(request).name,
    )
    await page.notes.publish(said)
    page.board.refresh()
    await audited(request, "status_window_published", window.id, {"title": body.title[:200]})


async def withdraw(request: Request, window_id: str) -> None:
    """Tell the public of a window no longer."""
    page = desk(request)
    await page.notes.withdraw(window_id)
    page.board.refresh()
    await audited(request, "status_window_withdrawn", window_id, {})


async def remove(request: Request, post_id: str) -> None:
    """Take a post off the page for good."""
    post = await desk(request).posts.remove(post_id)
    await audited(request, "status_post_removed", post.id, {"title": post.title})


def component_of(page: StatusDesk, component: str) -> ComponentConfig:
    """Raises NotFound."""
    for one in page.board.config.every_component():
        if one.key == component and one.enabled:
            return one
    raise NotFound(f"the status page has no component with the id {component!r}")


async def note(request: Request, post: Post, what: str) -> None:
    """Into the audit trail, and onto the timeline of the incident that the post is about."""
    last = post.updates[-1]
    await audited(request, what, post.id, {"title": post.title, "status": post.status.value})
    if post.incident:
        who = Author(name=identity(request).name, source="status_page")
        words = f"Told the public ({last.status.value}): {last.text}"
        data = {"post": post.id, "update": last.id}
        await services(request).incidents.told(post.incident, "update", words, who, data)


async def audited(request: Request, what: str, target: str, detail: Mapping[str, str]) -> None:
    """Into the audit trail."""
    ip = request.client.host if request.client else ""
    who = identity(request).name
    await people(request).audit.record(who, what, target, detail=detail, ip=ip)
