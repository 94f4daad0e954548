"""Making, extending and ending silences and maintenance windows on pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.labels import Labels
from tocsin.model.notices import fingerprint
from tocsin.web.api.maintenance import put_window, record
from tocsin.web.api.maintenance_calendar import feed_url, import_windows
from tocsin.web.api.silences import record_silence
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.acknowledge import back_of
from tocsin.web.pages.render import answer_action, page
from tocsin.web.pages.silence_form import LENGTHS, Typed, length_ms, silence_of, typed, window_of
from tocsin.web.pages.silences import Row, rows_of
from tocsin.web.preview import Preview, matchers_of, preview
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

_LISTED = 20


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the conditions of a form would hide; `problem` says why that cannot be told."""

    problem: str = ""
    count: int = 0
    week: int | None = None
    alerts: Sequence[tuple[str, Labels, float]] = ()
    more: int = 0
    is_asked: bool = True


async def hidden(request: Request, form: Typed) -> Hidden:
    """The preview of a form."""
    if not form.conditions:
        return Hidden(is_asked=False)
    try:
        return shown_preview(await preview(request, matchers_of(form.conditions)))
    except Rejected as error:
        return Hidden(problem=str(error))


def shown_preview(found: Preview) -> Hidden:
    """The first alerts by their beginning, and how many more there are."""
    alerts = [
        (fingerprint(one.alert.labels), one.alert.labels, one.alert.starts_ms / 1000)
        for one in found.now[:_LISTED]
    ]
    return Hidden(
        count=len(found.now),
        week=found.week,
        alerts=alerts,
        more=max(0, len(found.now) - _LISTED),
    )


async def _new(request: Request) -> Response:
    return await _form(request, typed(request.query_params))


async def _form(request: Request, form: Typed, problem: str = "") -> Response:
    return page(
        request,
        "pages/silence_new.html",
        status=400 if problem else 200,
        form=form,
        problem=problem,
        lengths=LENGTHS,
        hidden=await hidden(request, form),
    )


async def _preview(request: Request) -> Response:
    """The part of the form that says what would be hidden, as it is typed."""
    return page(
        request,
        "parts/silence_preview.html",
        hidden=await hidden(request, typed(request.query_params)),
    )


async def _create(request: Request) -> Response:
    given = await form_of(request)
    form, used, who = typed(given), services(request), identity(request).name
    if given.get("act") == "preview":
        return await _form(request, form)
    now = used.clock.now_ms()
    try:
        if form.kind == "maintenance":
            window = await put_window(request, window_of(form, now, who))
            return RedirectResponse(f"/silences/{window.id}", 303)
        silence = await used.alerts.silences.set(silence_of(form, now, who))
    except Rejected as error:
        return await _form(request, form, str(error))
    await record_silence(request, "silence_set", silence)
    return RedirectResponse(f"/silences/{silence.id}", 303)


async def _one(request: Request) -> Response:
    row = _row(request)
    found = Hidden(is_asked=False)
    if row.state != "expired":
        found = shown_preview(await preview(request, matchers_of(row.conditions)))
    return page(request, "pages/silence.html", row=row, hidden=found)


async def _expire(request: Request) -> Response:
    """End a silence, or what is open of a window, now."""
    await form_of(request)
    used, row = services(request), _row(request)
    if row.kind == "silence":
        await used.alerts.silences.expire(row.id)
        await record_silence(request, "silence_expired", used.alerts.silences.get(row.id))
        words = "The silence has ended; what still fires is told as its route says."
    else:
        await record(request, "maintenance_ended", await used.maintenance.end_now(row.id))
        words = "The window has ended" + ("; it comes again at its next time." if row.when else ".")
    return answer_action(request, words, back_of(request, "/silences"))


async def _extend(request: Request) -> Response:
    given = await form_of(request)
    text = str(given.get("by") or "1h")
    used = services(request)
    silence = await used.alerts.silences.extend(str(request.path_params["id"]), length_ms(text))
    await record_silence(request, "silence_extended", silence)
    return answer_action(
        request, f"The silence lasts {text} longer.", back_of(request, "/silences")
    )


async def _remove(request: Request) -> Response:
    await form_of(request)
    window = await services(request).maintenance.remove(str(request.path_params["id"]))
    await record(request, "maintenance_removed", window)
    if "hx-request" in request.headers:  # the window's own page would have nothing to show
        return Response(status_code=204, headers={"HX-Redirect": "/silences"})
    return RedirectResponse("/silences", 303)


async def _import_page(request: Request) -> Response:
    return await _calendars(request)


async def _calendars(
    request: Request, *, said: str = "", problem: str = "", text: str = "", feed: str = ""
) -> Response:
    status = 400 if problem else 200
    return page(
        request,
        "pages/silence_calendars.html",
        status=status,
        said=said,
        problem=problem,
        text=text,
        feed=feed,
    )


async def _import(request: Request) -> Response:
    given = await form_of(request)
    file, text = given.get("file"), str(given.get("text") or "")
    data = await file.read() if isinstance(file, UploadFile) and file.size else text.encode()
    try:
        windows, over = await import_windows(
            request,
            data,
            time_zone=str(given.get("time_zone") or ""),
            matchers=str(given.get("matchers") or ""),
        )
    except Rejected as error:
        return await _calendars(request, problem=str(error), text=text)
    words = f"{len(windows)} window{'' if len(windows) == 1 else 's'} taken over"
    words += f", {over} left out because they are over." if over else "."
    return await _calendars(request, said=words)


async def _feed(request: Request) -> Response:
    given = await form_of(request)
    return await _calendars(request, feed=await feed_url(request, renew=given.get("renew") == "1"))


def _row(request: Request) -> Row:
    used, wanted = services(request), str(request.path_params["id"])
    found = next((row for row in rows_of(used, used.clock.now_ms()) if row.id == wanted), None)
    if found is None:
        raise NotFound(
            f"there is no silence or maintenance window {wanted[:60]}; those that ended more than "
            "five days ago are forgotten"
        )
    return found


ADDRESSES: Addresses = (
    get("/silences/new", _new, Access.READ),
    post("/silences/new", _create, Access.RESPOND),
    get("/silences/preview", _preview, Access.READ),
    get("/silences/calendars", _import_page, Access.RESPOND),
    post("/silences/calendars", _import, Access.RESPOND),
    post("/silences/feed", _feed, Access.RESPOND),
    get("/silences/{id}", _one, Access.READ),
    post("/silences/{id}/expire", _expire, Access.RESPOND),
    post("/silences/{id}/extend", _extend, Access.RESPOND),
    post("/silences/{id}/remove", _remove, Access.RESPOND),
)
