"""The button Acknowledge of a page: taking an alert on, and giving it back."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import NotFound
from tocsin.web.api.acknowledgements import acknowledge, firing, give_back
from tocsin.web.csrf import form_of
from tocsin.web.pages.render import answer_action
from tocsin.web.routing import Access, Addresses, post


def back_of(request: Request, otherwise: str) -> str:
    """The page of ours that the button was on, for those without script."""
    parts = urlsplit(request.headers.get("referer", ""))
    if parts.netloc != request.headers.get("host", "") or not parts.path.startswith("/"):
        return otherwise
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def _take(request: Request) -> Response:
    form = await form_of(request)
    alert = firing(request).get(str(request.path_params["fingerprint"]))
    if alert is None:
        raise NotFound("this alert does not fire any more")
    (made,) = await acknowledge(
        request,
        [alert],
        note=str(form.get("note") or ""),
        until=str(form.get("until") or ""),
        source="page",
    )
    until = "until it resolves" if not made.until_ms else f"for {form.get('until')}"
    words = f"Acknowledged {until}. Nobody is told of it again while it fires."
    return answer_action(request, words, back_of(request, "/alerts"))


async def _give_back(request: Request) -> Response:
    await form_of(request)
    await give_back(request, [str(request.path_params["fingerprint"])], "page")
    return answer_action(
        request, "Given back: it is told again as its route says.", back_of(request, "/alerts")
    )


ADDRESSES: Addresses = (
    post("/alerts/{fingerprint}/acknowledge", _take, Access.RESPOND),
    post("/alerts/{fingerprint}/give-back", _give_back, Access.RESPOND),
)
