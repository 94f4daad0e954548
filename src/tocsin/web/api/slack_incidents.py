"""What do people do with incidents in Slack? Buttons, forms, and `/tocsin incident …`.

https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.requests import Request

from tocsin.incident.book import Author, Draft, IncidentBook, Resolution, status_named
from tocsin.incident.response.update import Update
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Incident
from tocsin.notify.slack_incident import (
    ACK,
    ASSIGN_ME,
    ESCALATE,
    NOTE,
    RESOLVE,
    UNACK,
    UPDATE,
    note_view,
    resolve_view,
    update_view,
)
from tocsin.notify.slack_status import escaped
from tocsin.state.incidents import Asked
from tocsin.web.answer_doors import doors
from tocsin.web.people import people
from tocsin.web.services import services

_LISTED = 20
_OPEN = ("open", "investigating", "identified", "monitoring")
INCIDENT_HELP = (
    "`/tocsin incident list` what is open\n"
    "`/tocsin incident open P1 Checkout is slow` open one\n"
    "`/tocsin incident ack INC-2026-0042` take it on\n"
    "`/tocsin incident note INC-2026-0042 text` write a note\n"
    "`/tocsin incident update INC-2026-0042 text` tell everyone concerned\n"
    "`/tocsin incident resolve INC-2026-0042 how` resolve it\n"
    "`/tocsin oncall` who is on call"
)


class _Choice(msgspec.Struct, frozen=True):
    value: str = ""


class _Field(msgspec.Struct, frozen=True):
    value: str | None = None
    selected_option: _Choice | None = None


class _State(msgspec.Struct, frozen=True):
    values: dict[str, dict[str, _Field]] = {}


class SlackView(msgspec.Struct, frozen=True):
    """A form that was sent; `private_metadata` is the incident's number."""

    callback_id: str = ""
    private_metadata: str = ""
    state: _State = _State()

    @property
    def fields(self) -> dict[str, str]:
        """What was written and chosen, by field."""
        found: dict[str, str] = {}
        for block, elements in self.state.values.items():
            for one in elements.values():
                chosen = one.selected_option.value if one.selected_option else ""
                found[block] = (one.value or chosen).strip()
        return found


async def author_in_slack(request: Request, member_id: str, username: str) -> Author:
    """Who pressed or wrote, under the name that people have in Tocsin. Raises Rejected for a member
    who is nobody there, where only people may."""
    name = await person_in_slack(request, member_id)
    return Author(
        name or await services(request).response.slack_person(member_id, username), "slack"
    )


async def person_in_slack(request: Request, member_id: str) -> str:
    """The person whom a member is found to be, where only people may act (`answers.slack_who`);
    empty where every member may. Raises Rejected for a member who is nobody."""
    if not doors(request).slack_needs_person():
        return ""
    name = await services(request).response.slack_member(member_id)
    if not name:
        raise Rejected(
            "only people of oncall.people may do this from Slack, and you are not found among "
            "them; ask whoever keeps Tocsin's configuration for incidents.response.slack.members"
        )
    return name


async def pressed(request: Request, action: str, number: str, trigger: str, author: Author) -> str:
    """Do what a button says; returns what only whoever pressed is told, empty when the message
    itself shows it."""
    book, response = services(request).incidents, services(request).response
    incident = await book.get(number)
    said = ""
    match action:
        case _ if action == ACK:
            await book.acknowledge(number, author)
        case _ if action == UNACK:
            await book.unacknowledge(number, author)
        case _ if action == ASSIGN_ME:
            await book.assign(number, author.name, author)
        case _ if action == ESCALATE:
            said = f"{number}: {await response.escalate(number, author.name)}."
        case _ if action in _VIEWS:
            await response.open_slack_view(trigger, _VIEWS[action](incident))
            return ""
        case _:
            raise Rejected("this button is not known (any more)")
    await _recorded(request, author, action, number)
    return said


_VIEWS: Mapping[str, Callable[[Incident], dict[str, object]]] = {
    NOTE: note_view,
    UPDATE: update_view,
    RESOLVE: resolve_view,
}


async def submitted(request: Request, view: SlackView, author: Author) -> None:
    """Do what a form says. Raises Rejected for what is missing."""
    book, fields, number = services(request).incidents, view.fields, view.private_metadata
    match view.callback_id:
        case _ if view.callback_id == NOTE:
            await book.note(number, fields.get("text", ""), author)
        case _ if view.callback_id == UPDATE:
            status = fields.get("status", "")
            update = Update(
                text=fields.get("text", ""),
                eta=fields.get("eta", ""),
                public=fields.get("public", ""),
                status=status_named(status) if status else None,
            )
            await services(request).response.update(number, update, author)
        case _ if view.callback_id == RESOLVE:
            how = Resolution(
                resolution=fields.get("resolution", ""),
                root_cause=fields.get("root_cause", ""),
                cause=fields.get("cause", ""),
                measures=tuple(one for one in fields.get("measures", "").splitlines() if one),
            )
            await book.resolve(number, how, author)
        case _:
            raise Rejected("this form is not known (any more)")
    await _recorded(request, author, view.callback_id, number)


async def incident_command(request: Request, text: str, author: Author) -> str:
    """`/tocsin incident …`; returns what whoever wrote it is told."""
    verb, _, rest = text.strip().partition(" ")
    verb, book = verb.lower(), services(request).incidents
    if verb in ("", "list"):
        return await _list(book)
    if verb == "open":
        return await _opened(request, rest, author)
    act = _ACTS.get(verb)
    if act is None:
        return INCIDENT_HELP
    number, _, words = rest.strip().partition(" ")
    if not number:
        raise Rejected(f"which incident? Write /tocsin incident {verb} INC-…")
    said = await act(request, number, words.strip(), author)
    await _recorded(request, author, f"incident_{verb}", number)
    return escaped(said)


async def _acknowledged(request: Request, number: str, words: str, author: Author) -> str:
    one = await services(request).incidents.acknowledge(number, author)
    return f"{one.number} is acknowledged by {one.acknowledged_by}."


async def _noted(request: Request, number: str, words: str, author: Author) -> str:
    one = await services(request).incidents.note(number, words, author)
    return f"Noted on {one.number}."


async def _updated(request: Request, number: str, words: str, author: Author) -> str:
    one = await services(request).response.update(number, Update(text=words), author)
    return f"The update on {one.number} is being sent."


async def _resolved(request: Request, number: str, words: str, author: Author) -> str:
    if not words:
        raise Rejected("how was it resolved? Write it after the number")
    one = await services(request).incidents.resolve(number, Resolution(resolution=words), author)
    return f"{one.number} is resolved."


_Act = Callable[[Request, str, str, Author], Awaitable[str]]
_ACTS: Mapping[str, _Act] = {
    "ack": _acknowledged,
    "acknowledge": _acknowledged,
    "note": _noted,
    "update": _updated,
    "resolve": _resolved,
}


async def _opened(request: Request, rest: str, author: Author) -> str:
    severity, _, title = rest.strip().partition(" ")
    if not title.strip():
        raise Rejected("write the severity and a title: /tocsin incident open P1 Checkout is slow")
    book = services(request).incidents
    one = await book.open(Draft(severity=severity, title=title.strip()), author)
    await _recorded(request, author, "incident_open", one.number)
    return f":rotating_light: Opened {_line(request, one)}."


async def _list(book: IncidentBook) -> str:
    found = await book.find(Asked(statuses=_OPEN, limit=_LISTED))
    if not found:
        return ":white_check_mark: No incident is open."
    return "\n".join(f"• {_line(None, one)}" for one in found)


def _line(request: Request | None, one: Incident) -> str:
    title = escaped(one.title[:150])
    if request is not None and (base := services(request).config.external_url):
        title = f"<{base.rstrip('/')}/incidents/{one.number}|{title}>"
    taken = f"{one.acknowledged_by} has it" if one.acknowledged_by else "nobody has acknowledged"
    return f"*{escaped(one.severity)}* {one.number} {title} · {one.status.value} · {escaped(taken)}"


async def oncall_command(request: Request) -> str:
    """`/tocsin oncall`."""
    shifts = await services(request).response.on_call()
    if not shifts:
        return "Nobody is ever on call: no schedule is configured."
    return "\n".join(
        f"• *{escaped(schedule)}*: {escaped(person or 'nobody')}{_until(ends_ms)}"
        for schedule, person, ends_ms in shifts
    )


def _until(ends_ms: int) -> str:
    if not ends_ms:
        return ""
    seconds = ends_ms // 1000
    return f" until <!date^{seconds}^{{date_short_pretty}} {{time}}|{seconds} s after 1970>"


async def _recorded(request: Request, author: Author, what: str, number: str) -> None:
    ip = request.client.host if request.client else ""
    name = what.removeprefix("tocsin_")
    detail = {"via": "slack"}
    await people(request).audit.record(f"slack:{author.name}", name, number, detail=detail, ip=ip)
