"""What was learnt, and what is still to be done? Post-mortems and action items of all incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.afterwards.action_items import (
    UNFINISHED,
    ActionItem,
    ItemChanged,
    ItemEdit,
    ItemState,
    due_day,
)
from tocsin.incident.afterwards.documents import Document, State, excerpt
from tocsin.incident.request import Author
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Incident, Status
from tocsin.state.incidents import Asked
from tocsin.state.postmortems import WantedItems
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.acknowledge import back_of
from tocsin.web.pages.render import answer_action, page
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import Services, services

_SHOWN = 100
_WAITING_DAYS = 30
_DAY_MS = 86_400_000
TONES: Mapping[str, str] = {"draft": "warning", "in review": "info", "published": "ok"}
ITEM_TONES: Mapping[str, str] = {
    "open": "warning",
    "in progress": "info",
    "done": "ok",
    "dropped": "unknown",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One post-mortem of the list; `words` are those around what was searched."""

    document: Document
    tone: str
    words: str
    unfinished: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The list; `missing` are resolved incidents of the last month without a document."""

    rows: Sequence[Found]
    more: int
    counts: Mapping[str, int]
    asked: Mapping[str, str]
    missing: Sequence[Incident]
    states: Sequence[str]


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An action item as it is listed."""

    item: ActionItem
    tone: str
    due: str
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Items:
    """Action items across incidents."""

    rows: Sequence[ItemRow]
    asked: Mapping[str, str]
    me: str
    mine: int
    overdue: int
    unfinished: int
    states: Sequence[str]


async def _list(request: Request) -> Response:
    used, query = services(request), request.query_params
    asked = {name: query.get(name, "").strip()[:200] for name in ("q", "service", "cause", "state")}
    if asked["state"] not in TONES:
        asked["state"] = ""
    desk = used.afterwards
    found = await desk.documents.find(
        asked["q"], state=asked["state"], service=asked["service"], cause=asked["cause"]
    )
    items = await desk.items.find(WantedItems(states=UNFINISHED))
    words = asked["q"].split()
    rows = [
        Found(
            one,
            TONES[one.state.value],
            excerpt(one, words),
            sum(item.number == one.incident.number for item in items),
        )
        for one in found[:_SHOWN]
    ]
    view = Listed(
        rows=rows,
        more=max(0, len(found) - _SHOWN),
        counts=await desk.documents.counts(),
        asked=asked,
        missing=await _missing(used) if not any(asked.values()) else (),
        states=[one.value for one in State],
    )
    return page(request, "pages/postmortems.html", view=view)


async def _missing(used: Services) -> list[Incident]:
    now = used.clock.now_ms()
    over = (Status.RESOLVED.value, Status.CLOSED.value)
    found = await used.incidents.find(
        Asked(statuses=over, since_ms=now - _WAITING_DAYS * _DAY_MS, limit=50)
    )
    written = {one.incident.id for one in await used.afterwards.documents.find()}
    wants = used.afterwards.config().wants
    return [one for one in found if one.id not in written and wants(one)][:10]


def rows_of(items: Sequence[ActionItem], now_ms: int) -> list[ItemRow]:
    """As pages list them."""
    return [
        ItemRow(one, ITEM_TONES[one.state.value], due_day(one), one.is_overdue(now_ms))
        for one in items
    ]


async def _items(request: Request) -> Response:
    used, query = services(request), request.query_params
    now, me = used.clock.now_ms(), identity(request).name
    unfinished = await used.afterwards.items.find(WantedItems(states=UNFINISHED))
    asked = {name: query.get(name, "")[:100] for name in ("owner", "state", "overdue", "item")}
    if asked["item"].isascii() and asked["item"].isdigit():
        found = [await used.afterwards.items.get(int(asked["item"][:9]))]
    elif asked["state"] in ("all", "done", "dropped"):
        states = () if asked["state"] == "all" else (asked["state"],)
        found = await used.afterwards.items.find(WantedItems(states=states))
    else:
        found = unfinished
    if asked["owner"]:
        owner = me if asked["owner"] == "me" else asked["owner"]
        found = [one for one in found if one.owner.lower() == owner.lower()]
    if asked["overdue"]:
        found = [one for one in found if one.is_overdue(now)]
    view = Items(
        rows=rows_of(found, now),
        asked=asked,
        me=me,
        mine=sum(one.owner.lower() == me.lower() for one in unfinished),
        overdue=sum(one.is_overdue(now) for one in unfinished),
        unfinished=len(unfinished),
        states=[one.value for one in ItemState],
    )
    return page(request, "pages/action_items.html", view=view, people=used.callable_people())


async def _change(request: Request) -> Response:
    """Another state, owner or day."""
    given = {name: str(value) for name, value in (await form_of(request)).items()}
    edit = ItemEdit(
        title=given.get("title"),
        owner=given.get("owner"),
        due=given.get("due"),
        state=given.get("state"),
    )
    version = given.get("version", "")
    back = back_of(request, "/postmortems/items")
    try:
        made = await services(request).afterwards.items.change(
            int(str(request.path_params["item"])[:9]),
            edit,
            Author(identity(request).name, "page"),
            version=int(version[:9]) if version.isascii() and version.isdigit() else None,
        )
    except ItemChanged as error:
        return answer_action(request, str(error), back, state="warning")
    except Rejected as error:
        if "hx-request" not in request.headers:
            raise
        return answer_action(request, str(error), back, state="critical", refresh=False)
    return answer_action(request, f"{made.title}: {made.state.value}", back)


ADDRESSES: Addresses = (
    get("/postmortems", _list, Access.READ),
    get("/postmortems/items", _items, Access.READ),
    post("/postmortems/items/{item:int}", _change, Access.RESPOND),
)
