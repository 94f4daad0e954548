"""What was learnt of one incident? Its document, written by several, and what is to be done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.incident.afterwards.action_items import ItemDraft, ItemState
from tocsin.incident.afterwards.documents import (
    Document,
    DocumentChanged,
    State,
    Version,
    difference,
)
from tocsin.incident.afterwards.markdown import html
from tocsin.incident.afterwards.response_times import DEFINITIONS, MEASURES, times_of
from tocsin.incident.request import Author
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.incidents import Incident
from tocsin.state.incidents import Attachment
from tocsin.state.postmortems import AlreadyWritten
from tocsin.web.api.incident_json import number_of
from tocsin.web.api.postmortems import answer_export, document_state
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.postmortems import TONES, ItemRow, rows_of
from tocsin.web.pages.render import answer_action, page
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services


@dataclass(frozen=True, slots=True)
class View:
    """The page; `document` None while nothing is written."""

    incident: Incident
    document: Document | None
    tone: str
    body: Markup
    items: Sequence[ItemRow]
    versions: Sequence[Version]
    evidence: Sequence[Attachment]
    times: Sequence[tuple[str, str, int | None]]
    """Name, definition, ms."""
    states: Sequence[str]
    item_states: Sequence[str]


async def _view(request: Request) -> View:
    used, number = services(request), number_of(request)
    desk = used.afterwards
    incident = await used.incidents.get(number)
    try:
        document = await desk.documents.get(number)
    except NotFound:
        document = None
    measured = times_of(incident)
    return View(
        incident=incident,
        document=document,
        tone=TONES[document.state.value] if document else "",
        # A long document takes seconds, in which others are answered.
        body=await asyncio.to_thread(html, document.text) if document else Markup(),
        items=rows_of(await desk.items.of(incident), used.clock.now_ms()),
        versions=await desk.documents.versions(number),
        evidence=await desk.evidence(number),
        times=[(name, DEFINITIONS[name], read(measured)) for name, read in MEASURES.items()],
        states=[one.value for one in State],
        item_states=[one.value for one in ItemState],
    )


async def _page(request: Request) -> Response:
    view = await _view(request)
    people = services(request).callable_people()
    return page(request, "pages/postmortem.html", view=view, people=people)


async def _moved(request: Request) -> Response:
    return RedirectResponse(f"/postmortems/{quote(number_of(request))}", 307)


async def _draft(request: Request) -> Response:
    await form_of(request)
    number = number_of(request)
    with suppress(AlreadyWritten):  # by somebody else, a moment ago: it is shown
        await services(request).afterwards.drafting.draft(number, _author(request))
    return RedirectResponse(f"/postmortems/{quote(number)}", 303)


async def _edit(request: Request) -> Response:
    document = await services(request).afterwards.documents.get(number_of(request))
    return _editor(request, document, document.text, document.version)


def _editor(
    request: Request,
    document: Document,
    text: str,
    version: int,
    changed: DocumentChanged | None = None,
    problem: str = "",
) -> Response:
    """The form; with `changed`, what somebody else wrote meanwhile stands beside it."""
    others = difference(text, changed.now.text) if changed else []
    return page(
        request,
        "pages/postmortem_edit.html",
        status=409 if changed else 400 if problem else 200,
        document=document,
        text=text,
        version=version,
        changed=changed.now if changed else None,
        others=others,
        problem=problem,
        body=html(text),
    )


async def _save(request: Request) -> Response:
    given, number = await form_of(request), number_of(request)
    text, version = (
        str(given.get("text") or "").replace("\r\n", "\n"),
        _version(given.get("version")),
    )
    documents = services(request).afterwards.documents
    try:
        await documents.save(number, text, version, _author(request))
    except DocumentChanged as error:
        # What is saved next replaces what is shown now, and nothing that comes after it.
        return _editor(request, error.now, text, error.now.version, error)
    except NotFound:
        raise
    except Rejected as error:
        return _editor(request, await documents.get(number), text, version, problem=str(error))
    return RedirectResponse(f"/postmortems/{quote(number)}", 303)


async def _preview(request: Request) -> Response:
    given = await form_of(request)
    body = await asyncio.to_thread(html, str(given.get("text") or ""))
    return page(request, "parts/written.html", body=body)


async def _state(request: Request) -> Response:
    given, number = await form_of(request), number_of(request)
    back = f"/postmortems/{quote(number)}"
    state = document_state(str(given.get("state") or ""))
    documents = services(request).afterwards.documents
    try:
        made = await documents.set_state(
            number, state, _version(given.get("version")), _author(request)
        )
    except DocumentChanged as error:
        return answer_action(request, str(error), back, state="warning")
    return answer_action(request, f"The post-mortem is {made.state.value} now.", back)


async def _add_item(request: Request) -> Response:
    given, number = await form_of(request), number_of(request)
    draft = ItemDraft(
        title=str(given.get("title") or ""),
        owner=str(given.get("owner") or ""),
        due=str(given.get("due") or ""),
        url=str(given.get("url") or ""),
    )
    await services(request).afterwards.items.add(number, draft, _author(request))
    return RedirectResponse(f"/postmortems/{quote(number)}#items", 303)


async def _one_version(request: Request) -> Response:
    number, version = number_of(request), int(str(request.path_params["version"])[:9])
    documents = services(request).afterwards.documents
    document = await documents.get(number)
    one = await documents.version(number, version)
    return page(
        request,
        "pages/postmortem_version.html",
        document=document,
        one=one,
        body=await asyncio.to_thread(html, one.text),
        since=difference(one.text, document.text),
    )


async def _export(request: Request) -> Response:
    return await answer_export(request, str(request.path_params["form"]))


async def _evidence(request: Request) -> Response:
    used, number = services(request), number_of(request)
    incident = await used.incidents.get(number)
    found = await used.afterwards.evidence(number)
    return page(request, "pages/incident_evidence.html", incident=incident, files=found)


def _author(request: Request) -> Author:
    return Author(identity(request).name, "page")


def _version(given: object) -> int:
    text = str(given or "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Rejected("the form lacks the version that it was made of: open the page again")
    return int(text)


_ONE = "/postmortems/{number}"

ADDRESSES: Addresses = (
    get("/incidents/{number}/postmortem", _moved, Access.READ),
    get("/incidents/{number}/evidence", _evidence, Access.READ),
    get(_ONE, _page, Access.READ),
    post(f"{_ONE}/draft", _draft, Access.RESPOND),
    get(f"{_ONE}/edit", _edit, Access.RESPOND),
    post(f"{_ONE}/edit", _save, Access.RESPOND),
    post(f"{_ONE}/preview", _preview, Access.RESPOND),
    post(f"{_ONE}/state", _state, Access.RESPOND),
    post(f"{_ONE}/items", _add_item, Access.RESPOND),
    get(f"{_ONE}/versions/{{version:int}}", _one_version, Access.READ),
    get(f"{_ONE}/export.{{form}}", _export, Access.READ),
)
