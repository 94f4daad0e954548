"""The buttons and fields of an incident's page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.incident.book import Author, Conflict, Edit, IncidentBook, Resolution, status_named
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Incident, Link
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.incidents import listed
from tocsin.web.pages.render import answer_action, page
from tocsin.web.pages.timerange import moment
from tocsin.web.routing import Access, Addresses, Handler, get, post
from tocsin.web.services import services

Form = Mapping[str, str]
Act = Callable[[IncidentBook, str, Form, Author], Awaitable[str]]
"""Does something to the incident of that number; returns the words that say what happened."""


async def _acknowledge(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    await book.acknowledge(number, author)
    return "Acknowledged: nobody else is called for it."


async def _give_back(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    await book.unacknowledge(number, author)
    return "Given back: it escalates anew."


async def _assign(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    person = author.name if form.get("me") else form.get("person", "")
    one = await book.assign(number, person, author)
    return f"Assigned to {one.assignee or 'nobody'}."


async def _role(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    role, person = " ".join(form.get("role", "").split()), form.get("person", "")
    one = await book.set_role(number, role, person, author)
    return f"{role.capitalize()}: {one.roles.get(role, 'nobody')}."


async def _severity(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    one = await book.set_severity(number, form.get("severity", ""), author, why=form.get("why", ""))
    return f"It is {one.severity} now."


async def _status(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    status = status_named(form.get("status", ""))
    await book.set_status(number, status, author, text=form.get("text", ""))
    return f"It is {status.value} now."


async def _note(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    await book.note(number, form.get("text", ""), author)
    return "Noted."


async def _pin(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    entry = form.get("entry", "")
    if not (entry.isascii() and entry.isdigit() and len(entry) < 12):
        raise Rejected("which entry is to be pinned is not said")
    if form.get("off"):
        await book.unpin(number, int(entry), author)
        return "Not pinned any more."
    await book.pin(number, int(entry), author)
    return "Pinned above the timeline."


async def _resolve(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    how = Resolution(
        resolution=form.get("resolution", ""),
        root_cause=form.get("root_cause", ""),
        cause=form.get("cause", ""),
        measures=_lines(form.get("measures", "")),
    )
    await book.resolve(number, how, author)
    return "Resolved. The post-mortem is being drafted."


async def _reopen(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    await book.reopen(number, author, form.get("why", ""))
    return "Open again."


async def _close(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    await book.close(number, author)
    return "Closed."


async def _link(book: IncidentBook, number: str, form: Form, author: Author) -> str:
    kind, ref = form.get("kind", "url"), form.get("ref", "").strip()
    if not ref:
        raise Rejected("what is to be linked is not said")
    link = Link(kind=kind, ref=ref, title=form.get("title", "").strip(), url=_address(kind, ref))
    await book.link(number, (link,), author)
    return "Linked."


def _address(kind: str, ref: str) -> str:
    """Where a link leads; empty where there is no page for its kind yet."""
    match kind:
        case "url":
            return ref
        case "log":
            return f"/logs?{urlencode({'q': ref})}"
        case "trace":
            return f"/traces/{quote(ref, safe='')}"
        case "error":
            return f"/errors/{ref}" if ref.isascii() and ref.isdigit() else ""
        case "graph":
            return f"/explore?{urlencode({'a': ref})}"
    return ""


_ACTS: Mapping[str, Act] = {
    "acknowledge": _acknowledge,
    "give-back": _give_back,
    "assign": _assign,
    "role": _role,
    "severity": _severity,
    "status": _status,
    "note": _note,
    "pin": _pin,
    "resolve": _resolve,
    "reopen": _reopen,
    "close": _close,
    "link": _link,
}


async def _act(request: Request) -> Response:
    """Do what the address says in the name of whoever asks."""
    number = str(request.path_params["number"])
    act = _ACTS[request.url.path.rpartition("/")[2]]
    form = {key: str(value) for key, value in (await form_of(request)).items()}
    author = Author(identity(request).name, "page")
    words = await act(services(request).incidents, number, form, author)
    return answer_action(request, words, f"/incidents/{number}")


def _toasted(act: Handler) -> Handler:
    """A mistake is said beside the button, where there is script."""

    async def handler(request: Request) -> Response:
        try:
            return await act(request)
        except Rejected as error:
            if "hx-request" not in request.headers:
                raise
            return answer_action(request, str(error), "", state="warning", refresh=False)

    return handler


async def _merge(request: Request) -> Response:
    number = str(request.path_params["number"])
    form = await form_of(request)
    author = Author(identity(request).name, "page")
    into = str(form.get("into") or "").strip()
    one = await services(request).incidents.merge(number, into, author)
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": f"/incidents/{one.number}"})
    return RedirectResponse(f"/incidents/{one.number}", 303)


def _values(one: Incident) -> dict[str, str]:
    """The fields of the form as the incident has them."""
    return {
        "title": one.title,
        "description": one.description,
        "services": ", ".join(one.services),
        "tags": ", ".join(one.tags),
        "cause": one.cause,
        "root_cause": one.root_cause,
        "resolution": one.resolution,
        "measures": "\n".join(one.measures),
        "started": datetime.fromtimestamp(one.started_ms / 1000, UTC).isoformat(" ", "seconds"),
    }


async def _edit_form(request: Request) -> Response:
    one = await services(request).incidents.get(str(request.path_params["number"]))
    return _edit_page(request, one, _values(one))


def _edit_page(
    request: Request, one: Incident, values: Form, error: Rejected | None = None
) -> Response:
    status = 200 if error is None else 409 if isinstance(error, Conflict) else 400
    return page(
        request,
        "pages/incident_edit.html",
        status=status,
        incident=one,
        values=values,
        known=_values(one),
        problem=str(error or ""),
        conflict=error if isinstance(error, Conflict) else None,
    )


async def _edit(request: Request) -> Response:
    book = services(request).incidents
    number = str(request.path_params["number"])
    form = {key: str(value) for key, value in (await form_of(request)).items()}
    author, version = Author(identity(request).name, "page"), form.get("version", "")
    known = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None
    try:
        changes = _changed(form, services(request).clock.now())
        await book.edit(number, changes, author, version=known)
    except Rejected as error:
        # What was typed stays; sent once more it replaces what the others wrote, now seen.
        one = await book.get(number)
        return _edit_page(request, one, {**_values(one), **_typed(form)}, error)
    return RedirectResponse(f"/incidents/{number}", 303)


def _typed(form: Form) -> Form:
    """What the person changed of what the form said at first: the rest is left to others."""
    return {
        key: text
        for key, value in form.items()
        if f"was_{key}" in form
        and (text := value.replace("\r\n", "\n").strip())
        != form[f"was_{key}"].replace("\r\n", "\n").strip()
    }


def _changed(form: Form, now: float) -> Edit:
    typed = _typed(form)
    started = typed.get("started")
    return Edit(
        title=typed.get("title"),
        description=typed.get("description"),
        cause=typed.get("cause"),
        root_cause=typed.get("root_cause"),
        resolution=typed.get("resolution"),
        services=listed(typed["services"]) if "services" in typed else None,
        tags=listed(typed["tags"]) if "tags" in typed else None,
        measures=_lines(typed["measures"]) if "measures" in typed else None,
        started_ms=round(moment(started, now) * 1000) if started else None,
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(one for line in text.splitlines() if (one := line.strip()))


ADDRESSES: Addresses = (
    *(post(f"/incidents/{{number}}/{name}", _toasted(_act), Access.RESPOND) for name in _ACTS),
    post("/incidents/{number}/merge", _toasted(_merge), Access.RESPOND),
    get("/incidents/{number}/edit", _edit_form, Access.RESPOND),
    post("/incidents/{number}/edit", _edit, Access.RESPOND),
)
