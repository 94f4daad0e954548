"""The status page for those inside: what it says, why, and how to say something else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.attention.maintenance_config import moment_ms
from tocsin.kit.fault import Rejected, Temporary
from tocsin.kit.quantity import Duration
from tocsin.statuspage.component_state import ComponentState, Impact
from tocsin.statuspage.post import Post, PostKind, PostStatus, text_of, title_of
from tocsin.statuspage.snapshot import ShownPost, ShownUpdate
from tocsin.web import status_acts as acts
from tocsin.web.api.status_page import ComponentShown, components_shown
from tocsin.web.csrf import form_of
from tocsin.web.pages.render import answer_action, page
from tocsin.web.pages.status_html import BELOW, post_page
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services
from tocsin.web.status_door import own_headers

T = TypeVar("T", Impact, PostStatus, ComponentState)

_HERE = "/status-admin"
_MOST_OVER = 20
_MOST_WINDOWS = 30
_LONGEST = 10_000
TONES: Mapping[ComponentState | None, str] = {
    ComponentState.OPERATIONAL: "ok",
    ComponentState.UNDER_MAINTENANCE: "info",
    ComponentState.DEGRADED: "warning",
    ComponentState.PARTIAL: "critical",
    ComponentState.MAJOR: "critical",
    None: "unknown",
}


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A maintenance window, and what the public is told of it."""

    id: str
    name: str
    state: str
    starts_s: float
    ends_s: float
    title: str
    text: str
    is_public: bool


@dataclass(frozen=True, slots=True)
class StatusView:
    """The page; `typed` is what was typed into the form `form` that was refused for `problem`."""

    is_on: bool
    address: str = ""
    state: str = ""
    tone: str = "ok"
    as_of_s: float = 0.0
    is_stale: bool = False
    components: Sequence[ComponentShown] = ()
    open_posts: Sequence[Post] = ()
    over_posts: Sequence[Post] = ()
    more_over: int = 0
    windows: Sequence[WindowRow] = ()
    subscribers: Mapping[str, int] = field(default_factory=dict)
    subscribers_unknown: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    form: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    chosen: Sequence[str] = ()
    problem: str = ""


async def _page(request: Request) -> Response:
    query = request.query_params
    typed = {"incident": query.get("incident", "")[:100]}
    return await _shown(request, form="post" if typed["incident"] else "", typed=typed)


async def _shown(
    request: Request,
    *,
    status: int = 200,
    form: str = "",
    typed: Mapping[str, str] | None = None,
    chosen: Sequence[str] = (),
    problem: str = "",
) -> Response:
    found = services(request).status_page
    if not found.board.config.is_on:
        view = StatusView(is_on=False)
    else:
        snapshot, posts = found.board.snapshot, found.posts.all()
        over = [one for one in posts if one.status.is_over]
        counts = await _counts(request)
        view = StatusView(
            is_on=True,
            address=found.board.address,
            state=snapshot.look.words.get(f"all_{snapshot.headline}", ""),
            tone="unknown" if snapshot.headline == "unknown" else TONES[snapshot.state],
            as_of_s=snapshot.as_of_ms / 1000,
            is_stale=snapshot.is_stale,
            components=components_shown(found),
            open_posts=[one for one in posts if not one.status.is_over],
            over_posts=over[:_MOST_OVER],
            more_over=max(0, len(over) - _MOST_OVER),
            windows=_windows(request),
            subscribers=counts or {},
            subscribers_unknown=counts is None,
            names={one.key: one.name for one in found.board.config.every_component()},
            form=form,
            typed=typed or {},
            chosen=chosen,
            problem=problem,
        )
    return page(
        request,
        "pages/status_admin.html",
        status=status,
        view=view,
        tones=TONES,
        states=list(ComponentState),
        impacts=list(Impact),
        statuses={kind: [one for one in PostStatus if one.kind is kind] for kind in PostKind},
    )


async def _counts(request: Request) -> Mapping[str, int] | None:
    """How many are told; None when that cannot be said now: the page must work all the same."""
    try:
        return await services(request).status_page.subscriptions.counts()
    except Temporary:
        return None


def _windows(request: Request) -> list[WindowRow]:
    used = services(request)
    now, notes = used.clock.now_ms(), used.status_page.notes
    rows = []
    for one in used.maintenance.all():
        state, said = one.state(now), notes.window(one.window.id)
        if state == "expired":
            continue
        current = one.between(now, now + 1)
        ahead = current[0] if current else one.following(now)
        rows.append(
            WindowRow(
                id=one.window.id,
                name=one.window.name,
                state=state,
                starts_s=(ahead.starts_ms if ahead else one.window.starts_ms) / 1000,
                ends_s=(ahead.ends_ms if ahead else one.window.ends_ms) / 1000,
                title=said.title if said else "",
                text=said.text if said else "",
                is_public=said is not None,
            )
        )
    return rows[:_MOST_WINDOWS]


Act = Callable[[Request, FormData], Awaitable[str]]


def _doing(form: str, act: Act) -> Callable[[Request], Awaitable[Response]]:
    """A form's handler: what is refused is shown again as it was typed."""

    async def done(request: Request) -> Response:
        given = await form_of(request)
        try:
            words = await act(request, given)
        except Rejected as error:
            typed = {key: str(value)[:_LONGEST] for key, value in given.items() if key != "csrf"}
            chosen = [str(one) for one in given.getlist("component")]
            which = f"{form} {request.path_params.get('id', '')}".strip()
            if "hx-request" in request.headers:
                raise
            return await _shown(
                request, status=400, form=which, typed=typed, chosen=chosen, problem=str(error)
            )
        return answer_action(request, words, _HERE)

    return done


async def _open(request: Request, given: FormData) -> str:
    body = acts.PostBody(
        title=_text(given, "title"),
        text=_text(given, "text"),
        components=_components(given),
        impact=_chosen(Impact, given, "impact"),
        status=_chosen(PostStatus, given, "status"),
        incident=_text(given, "incident"),
        notify=not given.get("quiet"),
    )
    await acts.open_post(request, body)
    return "The public is told"


async def _plan(request: Request, given: FormData) -> str:
    body = acts.MaintenanceBody(
        title=_text(given, "title"),
        text=_text(given, "text"),
        starts=_text(given, "starts"),
        duration=_text(given, "duration"),
        components=_components(given),
        time_zone=_text(given, "time_zone") or "UTC",
        notify=not given.get("quiet"),
    )
    await acts.plan_maintenance(request, body)
    return "Maintenance is announced"


async def _tell(request: Request, given: FormData) -> str:
    version = _text(given, "version")
    impact = _text(given, "impact")
    body = acts.UpdateBody(
        status=_chosen(PostStatus, given, "status"),
        text=_text(given, "text"),
        impact=_chosen(Impact, given, "impact") if impact else None,
        version=int(version) if version.isascii() and version.isdigit() else 0,
        notify=not given.get("quiet"),
    )
    await acts.tell(request, _id(request), body)
    return "The public is told"


async def _remove(request: Request, given: FormData) -> str:
    await acts.remove(request, _id(request))
    return "It is off the page"


async def _override(request: Request, given: FormData) -> str:
    if not _text(given, "state"):
        await acts.take_back(request, _id(request))
        return "As it is measured"
    body = acts.OverrideBody(
        state=_chosen(ComponentState, given, "state"),
        exact=bool(given.get("exact")),
        duration=_text(given, "duration"),
        reason=_text(given, "reason"),
    )
    await acts.override(request, _id(request), body)
    return "The page says so from now on"


async def _window(request: Request, given: FormData) -> str:
    if given.get("withdraw"):
        await acts.withdraw(request, _id(request))
        return "The public is told of it no longer"
    body = acts.WindowBody(
        title=_text(given, "title"), text=_text(given, "text"), components=_components(given)
    )
    await acts.publish(request, _id(request), body)
    return "The public is told of it"


async def _preview(request: Request) -> Response:
    """A new post as the public would read it; nobody is told."""
    given, found = await form_of(request), acts.desk(request)
    now = services(request).clock.now_ms()
    names = {one.key: one.name for one in found.board.config.every_component()}
    is_work = "starts" in given
    status = PostStatus.SCHEDULED if is_work else _chosen(PostStatus, given, "status")
    starts = ends = 0
    if is_work:
        starts = moment_ms(_text(given, "starts"), _text(given, "time_zone") or "UTC")
        ends = starts + Duration.from_config(_text(given, "duration").replace(" ", "")).ms
    shown = ShownPost(
        id="preview",
        kind=status.kind,
        title=title_of(_text(given, "title")),
        impact=Impact.NONE if is_work else _chosen(Impact, given, "impact"),
        status=status,
        components=tuple((key, names[key]) for key in _components(given) if key in names),
        updates=(
            ShownUpdate(id="u", at_ms=now, status=status, text=text_of(_text(given, "text"))),
        ),
        created_ms=now,
        updated_ms=now,
        starts_ms=starts,
        ends_ms=ends,
    )
    text = post_page(found.board.snapshot.look, BELOW, shown)
    return Response(text, 200, own_headers(), media_type="text/html; charset=utf-8")


def _text(given: FormData, name: str) -> str:
    return str(given.get(name) or "").strip()


def _components(given: FormData) -> list[str]:
    return [str(one) for one in given.getlist("component")]


def _chosen(kind: type[T], given: FormData, name: str) -> T:
    try:
        return kind(_text(given, name))
    except ValueError as error:
        listed = ", ".join(str(one.value) for one in kind)
        raise Rejected(f"{name} is one of {listed}") from error


def _id(request: Request) -> str:
    return str(request.path_params["id"])


_READ, _RESPOND = Access.READ, Access.RESPOND

ADDRESSES: Addresses = (
    get(_HERE, _page, _READ),
    post(f"{_HERE}/preview", _preview, _RESPOND),
    post(f"{_HERE}/posts", _doing("post", _open), _RESPOND),
    post(f"{_HERE}/maintenances", _doing("maintenance", _plan), _RESPOND),
    post(f"{_HERE}/posts/{{id}}/updates", _doing("update", _tell), _RESPOND),
    post(f"{_HERE}/posts/{{id}}/remove", _doing("update", _remove), _RESPOND),
    post(f"{_HERE}/components/{{id}}", _doing("component", _override), _RESPOND),
    post(f"{_HERE}/windows/{{id}}", _doing("window", _window), _RESPOND),
)
