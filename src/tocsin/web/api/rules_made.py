"""The alerting rules that people made here: `/api/rules/made`, and all of them as a rule file."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.rules.made_rules import MadeRule, WrongRule, file_text
from tocsin.kit.fault import Rejected
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services


class MadeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule to be made, or another version of one; durations as in rule files. `message` becomes
    the annotation `summary`, `runbook` `runbook_url`, `severity` the label."""

    name: str
    expr: str
    for_: str = msgspec.field(default="0s", name="for")
    keep_firing_for: str = "0s"
    recover: str = ""
    severity: str = ""
    message: str = ""
    runbook: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    disabled: bool = False


class MadeShown(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was made here, and who changed it when."""

    id: str
    name: str
    expr: str
    for_: str = msgspec.field(name="for")
    keep_firing_for: str
    recover: str
    severity: str
    message: str
    runbook: str
    labels: dict[str, str]
    annotations: dict[str, str]
    disabled: bool
    made_by: str
    made_at: str
    changed_by: str
    changed_at: str


class MadeProblem(msgspec.Struct, frozen=True):
    """What is wrong with a field; `start` and `end` are characters of the expression."""

    field: str
    words: str
    start: int
    end: int


class MadeProblems(msgspec.Struct, frozen=True):
    """Why a rule is not kept."""

    error: str
    problems: list[MadeProblem]


def shown(one: MadeRule) -> MadeShown:
    """As the API tells it."""
    return MadeShown(
        id=one.id,
        name=one.name,
        expr=one.expr,
        for_=one.hold,
        keep_firing_for=one.keep_firing_for,
        recover=one.recover,
        severity=one.severity,
        message=one.message,
        runbook=one.runbook,
        labels=one.labels,
        annotations=one.annotations,
        disabled=one.disabled,
        made_by=one.made_by,
        made_at=iso(one.made_ms),
        changed_by=one.changed_by,
        changed_at=iso(one.changed_ms),
    )


async def keep(request: Request, made: MadeRule) -> MadeRule:
    """Keep a rule in the name of whoever asks, and write it into the audit trail."""
    kept = await services(request).made_rules.put(made, identity(request).name)
    await _record(request, "rule_changed" if made.id else "rule_made", kept)
    return kept


async def switch(request: Request, name: str, *, disabled: bool) -> MadeRule:
    """As `keep`, with the rule switched off or on."""
    rules, who = services(request).made_rules, identity(request).name
    kept = await rules.switch(name, who, disabled=disabled)
    await _record(request, "rule_disabled" if disabled else "rule_enabled", kept)
    return kept


async def remove(request: Request, name: str) -> MadeRule:
    """Forget a rule in the name of whoever asks."""
    gone = await services(request).made_rules.remove(name, identity(request).name)
    await _record(request, "rule_removed", gone)
    return gone


async def _record(request: Request, what: str, one: MadeRule) -> None:
    ip = request.client.host if request.client else ""
    detail = {"name": one.name, "expr": one.expr[:500], "for": one.hold}
    await people(request).audit.record(identity(request).name, what, one.id, detail=detail, ip=ip)


async def _list(request: Request) -> Response:
    """Every rule that was made here, switched off ones too."""
    return _json([shown(one) for one in services(request).made_rules.all])


async def _file(request: Request) -> Response:
    """The rules that were made here as a rule file of Prometheus, to be moved into git."""
    headers = {"Content-Disposition": 'attachment; filename="made.yml"'}
    text = file_text(services(request).made_rules.all)
    return Response(text, 200, headers, media_type="application/yaml")


async def _get(request: Request) -> Response:
    """One rule that was made here."""
    return _json(shown(services(request).made_rules.get(_id(request))))


async def _post(request: Request) -> Response:
    """Make an alerting rule; it is evaluated from now on."""
    return await _kept(request, "", 201)


async def _put(request: Request) -> Response:
    """Change a rule that was made here; `disabled` switches it off and keeps it."""
    services(request).made_rules.get(_id(request))
    return await _kept(request, _id(request), 200)


async def _delete(request: Request) -> Response:
    """Forget a rule that was made here; its alerts are over."""
    return _json(shown(await remove(request, _id(request))))


async def _kept(request: Request, name: str, status: int) -> Response:
    await keep_body(request)
    try:
        body = msgspec.json.decode(await request.body(), type=MadeBody)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error
    made = MadeRule(
        id=name,
        name=body.name.strip(),
        expr=body.expr.strip(),
        hold=body.for_,
        keep_firing_for=body.keep_firing_for,
        recover=body.recover,
        severity=body.severity,
        message=body.message,
        runbook=body.runbook,
        labels=body.labels,
        annotations=body.annotations,
        disabled=body.disabled,
    )
    try:
        return _json(shown(await keep(request, made)), status)
    except WrongRule as error:
        problems = [MadeProblem(o.field, o.words, o.start, o.end) for o in error.problems]
        return _json(MadeProblems(str(error), problems), 400)


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _json(value: object, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(value),
        status,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


ADDRESSES: Addresses = (
    Address("/api/rules/made", _list, Access.READ, answer=list[MadeShown]),
    Address("/api/rules/made", _post, Access.RESPOND, ("POST",), MadeBody, MadeShown),
    Address("/api/rules/made.yml", _file, Access.READ),
    Address("/api/rules/made/{id}", _get, Access.READ, answer=MadeShown),
    Address("/api/rules/made/{id}", _put, Access.RESPOND, ("PUT",), MadeBody, MadeShown),
    Address("/api/rules/made/{id}", _delete, Access.RESPOND, ("DELETE",), None, MadeShown),
)
