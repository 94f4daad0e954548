"""What is told of incidents, tried with real data before it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.words.catalog import Audience, Moment
from tocsin.incident.words.fields import FIELDS, PUBLIC
from tocsin.kit.fault import Fault
from tocsin.state.incidents import Asked
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.render import page
from tocsin.web.response import Preview, Previewed
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

Form = Mapping[str, str]
_LISTED = 50


async def _templates(request: Request) -> Response:
    """Templates in force, and one's own to be tried with real data."""
    asked: Form = dict(request.query_params)
    if request.method == "POST":
        asked = {key: str(value) for key, value in (await form_of(request)).items()}
    wanted = _wanted(asked, identity(request).name)
    shown, problem = Previewed(text=""), ""
    try:
        shown = await services(request).response.preview(wanted)
    except Fault as error:
        problem = str(error)
    incidents = await services(request).incidents.find(Asked(limit=_LISTED))
    return page(
        request,
        "pages/incident_templates.html",
        wanted=wanted,
        shown=shown,
        problem=problem,
        moments=[one.value for one in Moment],
        audiences=[one.value for one in Audience],
        incidents=incidents,
        fields=[(name, meaning, name in PUBLIC) for name, meaning in FIELDS.items()],
    )


def _wanted(asked: Form, author: str) -> Preview:
    """What is asked, each choice the first one when it is none of those that there are."""
    known_moments = [one.value for one in Moment]
    said = asked.get("moment", "")
    chosen = said if said in known_moments else known_moments[0]
    audience = asked.get("audience", "")
    audience = audience if audience in {one.value for one in Audience} else Audience.INTERNAL.value
    return Preview(
        template=asked.get("template", "").replace("\r\n", "\n"),
        moment=cast("Literal['initial', 'update', 'resolution']", chosen),
        audience=cast("Literal['internal', 'public', 'customers']", audience),
        incident=asked.get("incident", ""),
        text=asked.get("text", ""),
        author=author,
    )


ADDRESSES: Addresses = (
    get("/incidents/templates", _templates, Access.READ),
    post("/incidents/templates", _templates, Access.READ),
)
