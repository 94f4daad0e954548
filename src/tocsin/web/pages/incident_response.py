"""The response on an incident's page: updates that are sent, tasks, and what is done by itself."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.book import Author, status_named
from tocsin.incident.response.update import Update
from tocsin.kit.fault import Rejected
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.render import answer_action, page
from tocsin.web.pages.timerange import moment
from tocsin.web.routing import Access, Addresses, Handler, get, post
from tocsin.web.services import services

Form = Mapping[str, str]
_SHOWN = ("waiting", "failing", "failed")


async def _read(request: Request) -> tuple[str, Form, Author]:
    form = {key: str(value) for key, value in (await form_of(request)).items()}
    number = str(request.path_params["number"])
    return number, form, Author(identity(request).name, "page")


async def _update(request: Request) -> Response:
    """Send an update to everyone concerned."""
    number, form, author = await _read(request)
    now = services(request).clock.now()
    wanted, status = form.get("next", "").strip(), form.get("status", "")
    update = Update(
        text=form.get("text", ""),
        eta=form.get("eta", ""),
        public=form.get("public", ""),
        status=status_named(status) if status else None,
        next_update_ms=round(moment(wanted, now) * 1000) if wanted else 0,
    )
    await services(request).response.update(number, update, author)
    return answer_action(request, "The update is being sent.", f"/incidents/{number}")


async def _task(request: Request) -> Response:
    """A task is done, or not after all."""
    number, form, author = await _read(request)
    is_done = not form.get("off")
    await services(request).response.tick(number, form.get("task", ""), author, is_done=is_done)
    words = "Done." if is_done else "Not done after all."
    return answer_action(request, words, f"/incidents/{number}")


async def _again(request: Request) -> Response:
    """An action that failed for good is done again."""
    number, form, author = await _read(request)
    action = form.get("action", "")
    if not (action.isascii() and action.isdigit() and len(action) < 12):
        raise Rejected("which action is to be done again is not said")
    await services(request).response.again(number, int(action), author)
    return answer_action(request, "It is tried again.", f"/incidents/{number}")


def _told(act: Handler) -> Handler:
    """A mistake is said beside the button, where there is script."""

    async def handler(request: Request) -> Response:
        try:
            return await act(request)
        except Rejected as error:
            if "hx-request" not in request.headers:
                raise
            return answer_action(request, str(error), "", state="warning", refresh=False)

    return handler


async def _panel(request: Request) -> Response:
    """What people do and what is done by itself, for the page once it is there."""
    given = services(request)
    incident = await given.incidents.get(str(request.path_params["number"]))
    actions = await given.response.actions(incident.number)
    return page(
        request,
        "parts/incident_response.html",
        one=incident,
        todos=await given.response.todos(incident.number),
        actions=[one for one in actions if one.state in _SHOWN],
        done=sum(one.state == "done" for one in actions),
    )


ADDRESSES: Addresses = (
    get("/incidents/{number}/response", _panel, Access.READ),
    post("/incidents/{number}/update", _told(_update), Access.RESPOND),
    post("/incidents/{number}/task", _told(_task), Access.RESPOND),
    post("/incidents/{number}/again", _told(_again), Access.RESPOND),
)
