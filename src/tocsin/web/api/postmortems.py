"""Post-mortems, action items and statistics over the API."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.afterwards.action_items import (
    UNFINISHED,
    ActionItem,
    ItemChanged,
    ItemDraft,
    ItemEdit,
    due_day,
    state_of,
)
from tocsin.incident.afterwards.desk import FORMATS
from tocsin.incident.afterwards.documents import Document, DocumentChanged, State, Version
from tocsin.incident.afterwards.statistics import Statistics
from tocsin.kit.fault import Rejected
from tocsin.state.postmortems import WantedItems
from tocsin.web.api.alertmanager_json import iso, moment_ms
from tocsin.web.api.incident_json import as_json, author_of, body_of, number_of
from tocsin.web.identity import identity
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_USUAL_DAYS = 90
_DAY_MS = 86_400_000


class DocumentShown(msgspec.Struct, frozen=True, kw_only=True):
    """A post-mortem; `text` (Markdown) is empty in lists. Times are empty for what has not been."""

    incident: str
    title: str
    severity: str
    services: list[str]
    cause: str
    version: int
    state: str
    created: str
    updated: str
    updated_by: str
    published: str
    published_by: str
    text: str = ""


class DocumentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`text` and `state` (draft, in review, published), what is null stays; `version` is the one
    that was read."""

    version: int
    text: str | None = None
    state: str | None = None


class ChangedShown(msgspec.Struct, frozen=True, kw_only=True):
    """Status 409: what somebody else made of it meanwhile."""

    status: str = "error"
    errorType: str = "conflict"  # noqa: N815 - as all errors of this API
    error: str
    now: DocumentShown


class VersionShown(msgspec.Struct, frozen=True, kw_only=True):
    """A text as it was; empty in lists."""

    version: int
    at: str
    by: str
    text: str = ""


class ItemShown(msgspec.Struct, frozen=True, kw_only=True):
    """An action item. `due` is a day, empty when nobody said; `recurred` are the incidents in which
    the same alert fired after it was done."""

    id: int
    incident: str
    version: int
    title: str
    text: str
    url: str
    owner: str
    state: str
    due: str
    overdue: bool
    created: str
    created_by: str
    done: str
    done_by: str
    recurred: list[str]


class ItemBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new action item; `due` is a day such as 2026-12-24."""

    title: str
    text: str = ""
    url: str = ""
    owner: str = ""
    due: str = ""


class ItemEditBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be different; `state` is open, in progress, done or dropped. With `version`, only
    when it is the newest."""

    title: str | None = None
    text: str | None = None
    url: str | None = None
    owner: str | None = None
    due: str | None = None
    state: str | None = None
    version: int | None = None


class ItemChangedShown(msgspec.Struct, frozen=True, kw_only=True):
    """Status 409: what the item is by now."""

    status: str = "error"
    errorType: str = "conflict"  # noqa: N815 - as all errors of this API
    error: str
    now: ItemShown


def shown(document: Document, *, is_whole: bool = True) -> DocumentShown:
    """As the API tells it."""
    incident = document.incident
    return DocumentShown(
        incident=incident.number,
        title=incident.title,
        severity=incident.severity,
        services=list(incident.services),
        cause=incident.cause,
        version=document.version,
        state=document.state.value,
        created=iso(document.created_ms),
        updated=iso(document.updated_ms),
        updated_by=document.updated_by,
        published=iso(document.published_ms) if document.published_ms else "",
        published_by=document.published_by,
        text=document.text if is_whole else "",
    )


def shown_item(item: ActionItem, now_ms: int) -> ItemShown:
    """As the API tells it."""
    return ItemShown(
        id=item.id,
        incident=item.number,
        version=item.version,
        title=item.title,
        text=item.text,
        url=item.url,
        owner=item.owner,
        state=item.state.value,
        due=due_day(item),
        overdue=item.is_overdue(now_ms),
        created=iso(item.created_ms),
        created_by=item.created_by,
        done=iso(item.done_ms) if item.done_ms else "",
        done_by=item.done_by,
        recurred=list(item.recurred),
    )


def document_state(text: str) -> State:
    """The state of that name. Raises Rejected."""
    for one in State:
        if text.strip().lower().replace("_", " ") == one.value:
            return one
    known = ", ".join(one.value for one in State)
    raise Rejected(f"there is no state {text[:40]!r} of a post-mortem; known are {known}")


async def _list(request: Request) -> Response:
    """Post-mortems that have every word of `q`, of a `service`, a `cause`, a `state`; the newest
    first."""
    query = request.query_params
    state = document_state(query["state"]).value if query.get("state") else ""
    found = await services(request).afterwards.documents.find(
        query.get("q", ""),
        state=state,
        service=query.get("service", ""),
        cause=query.get("cause", ""),
    )
    return as_json([shown(one, is_whole=False) for one in found])


async def _get(request: Request) -> Response:
    """One post-mortem; with `format` md, html or pdf as a file."""
    form = request.query_params.get("format", "")
    if form:
        return await answer_export(request, form)
    return as_json(shown(await services(request).afterwards.documents.get(number_of(request))))


async def answer_export(request: Request, form: str) -> Response:
    """The document as a file."""
    name, content = await services(request).afterwards.exported(number_of(request), form)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        " sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, headers=headers, media_type=FORMATS[form])


async def _draft(request: Request) -> Response:
    """Draft one of what is known, where there is none."""
    made = await services(request).afterwards.drafting.draft(number_of(request), author_of(request))
    return as_json(shown(made), 201)


async def _put(request: Request) -> Response:
    """Another text, another state; 409 with the other's text when somebody was faster."""
    body = await body_of(request, DocumentBody)
    documents, number = services(request).afterwards.documents, number_of(request)
    author, version = author_of(request), body.version
    state = document_state(body.state) if body.state is not None else None
    try:
        made = await documents.get(number)
        if body.text is not None:
            made = await documents.save(number, body.text, version, author)
            version = made.version
        if state is not None:
            made = await documents.set_state(number, state, version, author)
    except DocumentChanged as error:
        return as_json(ChangedShown(error=str(error), now=shown(error.now)), 409)
    return as_json(shown(made))


async def _versions(request: Request) -> Response:
    """Every version, the newest first."""
    found = await services(request).afterwards.documents.versions(number_of(request))
    return as_json([_version(one) for one in found])


async def _one_version(request: Request) -> Response:
    """One version with its text."""
    version = int(str(request.path_params["version"])[:9])
    documents = services(request).afterwards.documents
    return as_json(_version(await documents.version(number_of(request), version)))


def _version(one: Version) -> VersionShown:
    return VersionShown(version=one.version, at=iso(one.at_ms), by=one.by, text=one.text)


def wanted_items(request: Request) -> WantedItems:
    """Which action items are asked for: `owner` (me, or a name), `state` (unfinished by itself, or
    all), `overdue`. Raises Rejected."""
    query, now = request.query_params, services(request).clock.now_ms()
    owner, state = query.get("owner", ""), query.get("state", "")
    states: tuple[str, ...] = UNFINISHED
    if state == "all":
        states = ()
    elif state:
        states = tuple(state_of(one).value for one in state.split(","))
    is_overdue = query.get("overdue", "") in ("1", "true", "yes")
    return WantedItems(
        owner=identity(request).name if owner == "me" else owner,
        states=states,
        due_before_ms=now // _DAY_MS * _DAY_MS if is_overdue else 0,
    )


async def _items(request: Request) -> Response:
    """Action items by their due dates: `owner` (a name, or me), `state` (unfinished ones by itself,
    or all), `overdue=1`."""
    used = services(request)
    found = await used.afterwards.items.find(wanted_items(request))
    return as_json([shown_item(one, used.clock.now_ms()) for one in found])


async def _items_of(request: Request) -> Response:
    """The action items of one incident."""
    used = services(request)
    incident = await used.incidents.get(number_of(request))
    found = await used.afterwards.items.of(incident)
    return as_json([shown_item(one, used.clock.now_ms()) for one in found])


async def _add_item(request: Request) -> Response:
    """A new action item of an incident."""
    body, used = await body_of(request, ItemBody), services(request)
    draft = ItemDraft(**msgspec.structs.asdict(body))
    made = await used.afterwards.items.add(number_of(request), draft, author_of(request))
    return as_json(shown_item(made, used.clock.now_ms()), 201)


async def _change_item(request: Request) -> Response:
    """Change an action item; 409 when `version` is given and not the newest."""
    body, used = await body_of(request, ItemEditBody), services(request)
    values = msgspec.structs.asdict(body)
    version = values.pop("version")
    its_id, now = int(str(request.path_params["item"])[:9]), used.clock.now_ms()
    try:
        made = await used.afterwards.items.change(
            its_id, ItemEdit(**values), author_of(request), version=version
        )
    except ItemChanged as error:
        return as_json(ItemChangedShown(error=str(error), now=shown_item(error.now, now)), 409)
    return as_json(shown_item(made, now))


async def _get_item(request: Request) -> Response:
    """One action item."""
    used = services(request)
    found = await used.afterwards.items.get(int(str(request.path_params["item"])[:9]))
    return as_json(shown_item(found, used.clock.now_ms()))


def asked_range(request: Request) -> tuple[int, int, str]:
    """`from` and `to` (RFC 3339, the last 90 days by themselves; or `days`) and the time `zone`.
    Raises Rejected."""
    query, now = request.query_params, services(request).clock.now_ms()
    days = query.get("days", "") or str(_USUAL_DAYS)
    if not (days.isascii() and days.isdigit() and 0 < int(days[:6]) <= 800):
        raise Rejected(f"days is a whole number between 1 and 800, got {days[:40]!r}")
    end = moment_ms(query.get("until"), "until") or now
    start = moment_ms(query.get("since"), "since") or end - int(days) * _DAY_MS
    return start, end, query.get("zone", "") or "UTC"


async def _statistics(request: Request) -> Response:
    """How incidents and their response go, for those opened from `since` to `until` (or in the last
    `days`), by the clocks of `zone`."""
    start, end, zone = asked_range(request)
    return as_json(await services(request).afterwards.statistics(start, end, zone))


_READ, _RESPOND = Access.READ, Access.RESPOND
_ONE = "/api/incidents/{number}/postmortem"
_ITEMS = "/api/action-items"

ADDRESSES: Addresses = (
    Address("/api/postmortems", _list, _READ, answer=list[DocumentShown]),
    Address(_ONE, _get, _READ, answer=DocumentShown),
    Address(_ONE, _draft, _RESPOND, ("POST",), answer=DocumentShown),
    Address(_ONE, _put, _RESPOND, ("PUT",), DocumentBody, DocumentShown),
    Address(f"{_ONE}/versions", _versions, _READ, answer=list[VersionShown]),
    Address(f"{_ONE}/versions/{{version:int}}", _one_version, _READ, answer=VersionShown),
    Address("/api/incidents/{number}/action-items", _items_of, _READ, answer=list[ItemShown]),
    Address(
        "/api/incidents/{number}/action-items", _add_item, _RESPOND, ("POST",), ItemBody, ItemShown
    ),
    Address(_ITEMS, _items, _READ, answer=list[ItemShown]),
    Address(f"{_ITEMS}/{{item:int}}", _get_item, _READ, answer=ItemShown),
    Address(f"{_ITEMS}/{{item:int}}", _change_item, _RESPOND, ("PATCH",), ItemEditBody, ItemShown),
    Address("/api/incident-statistics", _statistics, _READ, answer=Statistics),
)
