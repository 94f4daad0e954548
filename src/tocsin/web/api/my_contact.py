"""How a person wants to be reached: `/api/me/contact`; test pages; escalating by hand."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.kit.quantity import Duration
from tocsin.model.people import NotifyStep, Person
from tocsin.oncall.paging.contacts import Contact
from tocsin.oncall.paging.rules import HIGH, LOW, methods_of, steps_of
from tocsin.oncall.paging.testing import TestPage
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.api.incident_json import as_json, body_of
from tocsin.web.identity import identity
from tocsin.web.me import myself
from tocsin.web.pager import pager
from tocsin.web.people import people
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_TESTS, _TESTS_MS = 5, 600_000
"""So many test pages of one person: each rings everywhere."""


class WayShown(msgspec.Struct, frozen=True, kw_only=True):
    """One way; `own` ones can be removed, those of the configuration cannot."""

    name: str
    kind: str
    address: str
    own: bool
    verified: bool


class RuleShown(msgspec.Struct, frozen=True, kw_only=True):
    """By that way, so long after being paged, such as `2m`."""

    method: str
    after: str = "0"


class ContactShown(msgspec.Struct, frozen=True, kw_only=True):
    """Everything; `callable` says whether the configuration has a person of that name. Rules are
    those in force, `own_rules` names the urgencies for which they are the person's own."""

    person: str
    callable: bool
    ways: list[WayShown]
    high: list[RuleShown]
    low: list[RuleShown]
    own_rules: list[str]


class WayGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to be added; it counts once the code that is sent there came back."""

    kind: str
    address: str
    name: str = ""


class CodeGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The six digits that were sent."""

    code: str


class RulesGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which ways, when; null: as the configuration says; what is not given stays."""

    high: list[RuleShown] | msgspec.UnsetType | None = msgspec.UNSET
    low: list[RuleShown] | msgspec.UnsetType | None = msgspec.UNSET


class TestGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets a test page, by every way at once."""

    __test__ = False

    person: str


class Said(msgspec.Struct, frozen=True):
    """What came of it."""

    done: str


class EscalationShown(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next, and when; empty when nothing escalates."""

    policy: str = ""
    next: str = ""
    at: str = ""


async def shown_contact(request: Request, name: str) -> ContactShown:
    """How somebody is reached now."""
    door = pager(request)
    person, contact = await door.book.person(name), await door.contacts.of(name)
    proved = {one.name for one in contact.methods if one.verified_ms}
    ways = [
        WayShown(
            name=one.name,
            kind=one.kind,
            address=one.address,
            own=one.name in proved,
            verified=True,
        )
        for one in methods_of(person)
    ]
    ways += [
        WayShown(name=one.name, kind=one.kind, address=one.address, own=True, verified=False)
        for one in contact.methods
        if not one.verified_ms
    ]
    return ContactShown(
        person=name,
        callable=door.book.is_callable(name),
        ways=ways,
        high=_rules(person, HIGH),
        low=_rules(person, LOW),
        own_rules=_own(contact),
    )


def _own(contact: Contact) -> list[str]:
    pairs = ((HIGH, contact.high), (LOW, contact.low))
    return [urgency for urgency, rules in pairs if rules is not None]


def _rules(person: Person, urgency: str) -> list[RuleShown]:
    return [
        RuleShown(method=one.method, after=str(Duration(one.after_ms / 1000)))
        for one in steps_of(person, urgency)
    ]


async def add_way(request: Request, person: str, name: str, kind: str, address: str) -> str:
    """Add a way and send it its code; returns its name. Raises as the sender, and then it is not
    added."""
    door = pager(request)
    door.attempts.count(f"codes {person}")
    made, code = await door.contacts.add(await door.book.person(person), name, kind, address)
    try:
        await door.send_code(person, made.kind, made.address, code)
    except Fault:
        await door.contacts.remove(person, made.name)
        raise
    await _recorded(request, person, "contact_added", made.name)
    return made.name


async def send_code_again(request: Request, person: str, name: str) -> None:
    """Raises as the sender."""
    door = pager(request)
    door.attempts.count(f"codes {person}")
    made, code = await door.contacts.send_again(person, name)
    await door.send_code(person, made.kind, made.address, code)


async def verify_way(request: Request, person: str, name: str, code: str) -> None:
    """Raises Rejected for another code."""
    door = pager(request)
    door.attempts.count(f"code {person}")
    await door.contacts.verify(person, name, code)
    await _recorded(request, person, "contact_verified", name)


async def remove_way(request: Request, person: str, name: str) -> None:
    """Raises NotFound."""
    await pager(request).contacts.remove(person, name)
    await _recorded(request, person, "contact_removed", name)


async def set_rules(
    request: Request, person: str, urgency: str, rules: list[RuleShown] | None
) -> None:
    """Raises Rejected for a way that is not there, or a time that is none."""
    door = pager(request)
    steps = None
    if rules is not None:
        steps = [
            NotifyStep(method=one.method, after_ms=Duration.from_config(one.after).ms)
            for one in rules
        ]
    await door.contacts.set_rules(await door.book.person(person), urgency, steps)
    await _recorded(request, person, "contact_rules_set", urgency)


async def test_page(request: Request, name: str) -> TestPage:
    """Page somebody as a test, by every way. Raises NotFound, Rejected."""
    door = pager(request)
    person = await door.book.person(name)
    if not (door.book.is_callable(name) or methods_of(person)):
        raise NotFound(f"there is no person {name[:40]!r} in oncall.people")
    door.attempts.count(f"test {name}")
    since = services(request).clock.now_ms() - _TESTS_MS
    if sum(one.person == name and one.at_ms > since for one in await door.tests.all()) >= _TESTS:
        raise Rejected(f"{name} had {_TESTS} test pages within ten minutes; wait a little")
    done = await door.tests.run(person, identity(request).name)
    await _recorded(request, name, "test_page_sent", done.id)
    return done


async def escalate(request: Request, number: str) -> str:
    """Call whoever comes next now; what came of it. Raises NotFound, Rejected."""
    who = identity(request).name
    words = await pager(request).answers.escalate(number, who, "page")
    await _recorded(request, who, "incident_escalated", number)
    return words


async def _get(request: Request) -> Response:
    """How you are reached."""
    return as_json(await shown_contact(request, myself(request)))


async def _add(request: Request) -> Response:
    """Add a way; a code is sent there."""
    given, me = await body_of(request, WayGiven), myself(request)
    await add_way(request, me, given.name, given.kind, given.address)
    return as_json(await shown_contact(request, me), 201)


async def _code(request: Request) -> Response:
    """Send the code again."""
    await send_code_again(request, myself(request), str(request.path_params["name"]))
    return Response(status_code=204)


async def _verify(request: Request) -> Response:
    """Prove that a way reaches you."""
    given, me = await body_of(request, CodeGiven), myself(request)
    await verify_way(request, me, str(request.path_params["name"]), given.code)
    return as_json(await shown_contact(request, me))


async def _remove(request: Request) -> Response:
    """Remove a way of your own."""
    await remove_way(request, myself(request), str(request.path_params["name"]))
    return Response(status_code=204)


async def _set(request: Request) -> Response:
    """Say by which ways you are called, and when."""
    given, me = await body_of(request, RulesGiven), myself(request)
    for urgency, rules in ((HIGH, given.high), (LOW, given.low)):
        if not isinstance(rules, msgspec.UnsetType):
            await set_rules(request, me, urgency, rules)
    return as_json(await shown_contact(request, me))


async def _test(request: Request) -> Response:
    """Page somebody as a test, measured."""
    given = await body_of(request, TestGiven)
    return as_json(await test_page(request, given.person))


async def _tests(request: Request) -> Response:
    """What came of test pages, the newest first."""
    return as_json((await pager(request).tests.all())[:200])


async def _escalate(request: Request) -> Response:
    """Call whoever comes next at once."""
    return as_json(Said(await escalate(request, str(request.path_params["number"]).upper())))


async def _escalation(request: Request) -> Response:
    """What comes next for an incident, and when."""
    number = str(request.path_params["number"]).upper()
    await services(request).incidents.get(number)
    waiting = await pager(request).waiting(number)
    if waiting is None:
        return as_json(EscalationShown())
    state, at_ms = waiting
    return as_json(EscalationShown(policy=state.policy.name, next=state.words, at=iso(at_ms)))


async def _recorded(request: Request, person: str, what: str, target: str) -> None:
    ip = request.client.host if request.client else ""
    who = identity(request).name
    await people(request).audit.record(who, what, target, detail={"person": person}, ip=ip)


_WAYS = "/api/me/contact/ways"

ADDRESSES: Addresses = (
    Address("/api/me/contact", _get, Access.READ, answer=ContactShown),
    Address(_WAYS, _add, Access.READ, ("POST",), WayGiven, ContactShown),
    Address(f"{_WAYS}/{{name}}", _remove, Access.READ, ("DELETE",)),
    Address(f"{_WAYS}/{{name}}/code", _code, Access.READ, ("POST",)),
    Address(f"{_WAYS}/{{name}}/verify", _verify, Access.READ, ("POST",), CodeGiven, ContactShown),
    Address("/api/me/contact/rules", _set, Access.READ, ("PUT",), RulesGiven, ContactShown),
    Address("/api/oncall/test-pages", _tests, Access.READ, answer=list[TestPage]),
    Address("/api/oncall/test-pages", _test, Access.RESPOND, ("POST",), TestGiven, TestPage),
    Address("/api/incidents/{number}/escalation", _escalation, Access.READ, answer=EscalationShown),
    Address("/api/incidents/{number}/escalate", _escalate, Access.RESPOND, ("POST",), None, Said),
)
