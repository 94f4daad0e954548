"""Saved views of logs: a question with a name, for everybody."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.query.logs.parse import parse
from tocsin.web.csrf import form_of
from tocsin.web.pages.log_asked import VIEWS, SavedView
from tocsin.web.pages.render import answer_action, viewer
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.services import services

_MOST = 200


async def _save(request: Request) -> Response:
    given = services(request)
    form = await form_of(request)
    name = str(form.get("name", "")).strip()[:80]
    question = str(form.get("q", "")).strip()
    if not name:
        raise Rejected("a saved view needs a name")
    parse(question)
    views = await given.settings.get(VIEWS, list[SavedView], [])
    known = next((one for one in views if one.name == name), None)
    who = viewer(request).name
    new = SavedView(
        id=known.id if known else secrets.token_hex(4),
        name=name,
        q=question,
        columns=str(form.get("columns", ""))[:500],
        by=who,
    )
    kept = [one for one in views if one.id != new.id]
    if len(kept) >= _MOST:
        raise Rejected(f"{_MOST} views are kept; delete one first")
    await given.settings.set(VIEWS, sorted([*kept, new], key=lambda one: one.name), by=who)
    return answer_action(request, f"Saved as {name}.", new.path)


async def _delete(request: Request) -> Response:
    given = services(request)
    wanted = str((await form_of(request)).get("id", ""))
    views = await given.settings.get(VIEWS, list[SavedView], [])
    kept = [one for one in views if one.id != wanted]
    await given.settings.set(VIEWS, kept, by=viewer(request).name)
    return answer_action(request, "The view is deleted.", "/logs")


ADDRESSES: Addresses = (
    post("/logs/views", _save, Access.RESPOND),
    post("/logs/views/delete", _delete, Access.RESPOND),
)
