"""How am I reached, and by which browsers? Two pages that everybody has for themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.kit.fault import Fault, Rejected
from tocsin.kit.quantity import Duration
from tocsin.oncall.paging.contacts import OWN_KINDS
from tocsin.oncall.paging.rules import HIGH, LOW
from tocsin.web.api import my_contact
from tocsin.web.api.my_contact import RuleShown, shown_contact
from tocsin.web.csrf import form_of
from tocsin.web.me import myself
from tocsin.web.pager import pager
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, Handler, get, post

WAYS, DEVICES = "/settings/notifications", "/settings/devices"
_SPARE_ROWS = 2
_MOST_ROWS = 20
_KINDS: Mapping[str, str] = {
    "sms": "Text message",
    "call": "Call",
    "email": "Mail",
    "slack": "Slack message (your member id)",
    "telegram": "Telegram (your chat id)",
    "pagerduty": "PagerDuty (your integration key)",
}

Act = Callable[[Request, str, FormData], Awaitable[str]]


async def _ways(request: Request, said: str = "", problem: str = "", me: str = "") -> Response:
    me = me or myself(request)
    contact = await shown_contact(request, me)
    mine = [one for one in await pager(request).tests.all() if one.person == me][:5]
    return page(
        request,
        "pages/settings_notifications.html",
        status=400 if problem else 200,
        section=WAYS,
        said=said,
        problem=problem,
        secret=None,
        contact=contact,
        rules=(
            (HIGH, "Urgent", _minutes(contact.high)),
            (LOW, "Not urgent", _minutes(contact.low)),
        ),
        spare=_SPARE_ROWS,
        kinds={kind: _KINDS[kind] for kind in OWN_KINDS},
        tests=mine,
        person=me,
    )


def _minutes(rules: Sequence[RuleShown]) -> list[tuple[str, int]]:
    return [(one.method, round(Duration.from_config(one.after) / 60)) for one in rules]


async def _devices(request: Request, said: str = "", problem: str = "", me: str = "") -> Response:
    me = me or myself(request)
    return page(
        request,
        "pages/settings_devices.html",
        status=400 if problem else 200,
        section=DEVICES,
        said=said,
        problem=problem,
        secret=None,
        devices=await pager(request).devices.of(me),
        push_key=pager(request).push_key(),
        is_callable=pager(request).book.is_callable(me),
        person=me,
    )


async def _add(request: Request, me: str, form: FormData) -> str:
    kind, address = str(form.get("kind", "")), str(form.get("address", ""))
    await my_contact.add_way(request, me, str(form.get("name", "")), kind, address)
    return "A code was sent there. The way counts once you have typed it in."


async def _code(request: Request, me: str, form: FormData) -> str:
    await my_contact.send_code_again(request, me, str(form.get("name", "")))
    return "Another code was sent."


async def _verify(request: Request, me: str, form: FormData) -> str:
    name = str(form.get("name", ""))
    await my_contact.verify_way(request, me, name, str(form.get("code", "")))
    return f"{name} counts from now on."


async def _remove(request: Request, me: str, form: FormData) -> str:
    name = str(form.get("name", ""))
    await my_contact.remove_way(request, me, name)
    return f"{name} is removed."


async def _rules(request: Request, me: str, form: FormData) -> str:
    urgency = str(form.get("urgency", ""))
    if urgency not in (HIGH, LOW):
        raise Rejected("urgency is high or low")
    if form.get("do") == "reset":
        await my_contact.set_rules(request, me, urgency, None)
        return "As the configuration says from now on."
    rules = []
    for row in range(_MOST_ROWS):
        method, after = str(form.get(f"method{row}", "")), str(form.get(f"after{row}", "") or "0")
        if method:
            if not (after.isdecimal() and len(after) < 5):
                raise Rejected(f"{after[:20]!r} is no number of minutes")
            rules.append(RuleShown(method=method, after=f"{after}m"))
    if not rules:
        raise Rejected("name at least one way; with none nobody would reach you")
    await my_contact.set_rules(request, me, urgency, rules)
    return "Kept. The next page follows these rules."


async def _test(request: Request, me: str, form: FormData) -> str:
    done = await my_contact.test_page(request, me)
    failed = [f"{one.method}: {one.error}" for one in done.ways if one.error]
    if failed:
        raise Rejected(f"not every way works: {'; '.join(failed)}")
    return f"A test page went out by {', '.join(one.method for one in done.ways)}: acknowledge it."


async def _forget(request: Request, me: str, form: FormData) -> str:
    devices = pager(request).devices
    found = await devices.get(me, str(form.get("id", "")))
    await devices.remove(found)
    return f"{found.name} does not ring any more."


async def _ring(request: Request, me: str, form: FormData) -> str:
    found = await pager(request).devices.get(me, str(form.get("id", "")))
    await pager(request).ring(found, me)
    return f"A test page is on its way to {found.name}."


async def _escalate(request: Request) -> Response:
    """The button of an incident's page."""
    number = str(request.path_params["number"])
    await my_contact.escalate(request, number)
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": f"/incidents/{number}"})
    return RedirectResponse(f"/incidents/{number}", 303)


def _then(act: Act, show: Callable[..., Awaitable[Response]]) -> Handler:
    """Do what a form asks for, then show its page with what became of it."""

    async def handler(request: Request) -> Response:
        form = await form_of(request)
        me = myself(request, str(form.get("person", "")))
        try:
            return await show(request, said=await act(request, me, form), me=me)
        except Fault as fault:
            words = str(fault)
            return await show(request, problem=f"{words[:1].upper()}{words[1:]}.", me=me)

    return handler


ADDRESSES: Addresses = (
    get(WAYS, _ways, Access.READ),
    get(DEVICES, _devices, Access.READ),
    post(f"{WAYS}/add", _then(_add, _ways), Access.READ),
    post(f"{WAYS}/code", _then(_code, _ways), Access.READ),
    post(f"{WAYS}/verify", _then(_verify, _ways), Access.READ),
    post(f"{WAYS}/remove", _then(_remove, _ways), Access.READ),
    post(f"{WAYS}/rules", _then(_rules, _ways), Access.READ),
    post(f"{WAYS}/test", _then(_test, _ways), Access.READ),
    post(f"{DEVICES}/remove", _then(_forget, _devices), Access.READ),
    post(f"{DEVICES}/test", _then(_ring, _devices), Access.READ),
    post("/incidents/{number}/escalate", _escalate, Access.RESPOND),
)
