"""Alertmanager's API, version 2: silences."""

from __future__ import annotations

import uuid

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.attention.silence import Silence, Silences
from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.model.labels import Matcher
from tocsin.web.api.alertmanager import both, dispatcher, filters
from tocsin.web.api.alertmanager_json import PostedSilence, posted_silence, shown_silence
from tocsin.web.body import read_body
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.routing import Access, Addresses
from tocsin.web.services import services


def _json(value: object, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(value),
        status,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


def _silences(request: Request) -> Silences:
    return dispatcher(request).silences


def _is_asked(silences: Silences, silence: Silence, wanted: tuple[Matcher, ...]) -> bool:
    """Whether every filter is one of the silence's own conditions, or holds for its value."""
    by_name = {matcher.name: matcher for matcher in silences.matchers(silence)}
    for matcher in wanted:
        own = by_name.get(matcher.name)
        if own is None:
            if not matcher.matches(""):
                return False
        elif own != matcher and not (own.op.value in ("=", "=~") and matcher.matches(own.value)):
            return False
    return True


async def _list(request: Request) -> Response:
    """Every silence, those that ended less than five days ago too."""
    wanted = filters(request.query_params.getlist("filter"))
    silences, now = _silences(request), services(request).clock.now_ms()
    return _json(
        [
            shown_silence(silence, now)
            for silence in silences.all()
            if _is_asked(silences, silence, wanted)
        ]
    )


async def _post(request: Request) -> Response:
    """Create or change one."""
    body = await read_body(request, services(request).config.ingest.body)
    try:
        posted = msgspec.json.decode(body, type=PostedSilence)
    except msgspec.ValidationError as error:
        if "missing required" not in str(error):
            raise Rejected(f"the body is not a silence: {error}") from error
        return _invalid(602, f"the body is not a silence: {error}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not a silence: {error}") from error
    if not posted.matchers:
        return _invalid(612, "matchers in body should have at least 1 items")
    try:
        silence = await _silences(request).set(posted_silence(posted))
    except NotFound:
        return _json(f"silence {posted.id} not found", 404)
    await record_silence(request, "silence_set", silence)
    return _json({"silenceID": silence.id})


async def _get(request: Request) -> Response:
    """One silence."""
    try:
        silence = _silences(request).get(_id(request))
    except NotFound:
        return Response(status_code=404)
    except Rejected as error:
        return _wrong_id(error)
    return _json(shown_silence(silence, services(request).clock.now_ms()))


async def _delete(request: Request) -> Response:
    """End one now."""
    silences = _silences(request)
    try:
        silence = silences.get(_id(request))
    except NotFound:
        return Response(status_code=404)
    except Rejected as error:
        return _wrong_id(error)
    await silences.expire(silence.id)
    await record_silence(request, "silence_expired", silence)
    return Response(status_code=200)


def _id(request: Request) -> str:
    text = str(request.path_params["id"])
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise Rejected(f'silenceID in path must be of type uuid: "{text[:80]}"') from error


def _wrong_id(error: Fault) -> Response:
    return _invalid(601, str(error))


def _invalid(code: int, words: str) -> Response:
    """What Alertmanager refuses by its schema, with the codes of go-openapi's `errors`."""
    return _json({"code": code, "message": words}, 422)


async def record_silence(request: Request, what: str, silence: Silence) -> None:
    """Into the audit trail."""
    ip = request.client.host if request.client else ""
    conditions = ",".join(f"{m.name}{m.op}{m.value}" for m in silence.matchers)
    detail = {"matchers": conditions[:500], "comment": silence.comment[:500]}
    await people(request).audit.record(
        identity(request).name, what, silence.id, detail=detail, ip=ip
    )


ADDRESSES: Addresses = (
    *both("/silences", _list, Access.READ),
    *both("/silences", _post, Access.RESPOND, "POST"),
    *both("/silence/{id}", _get, Access.READ),
    *both("/silence/{id}", _delete, Access.RESPOND, "DELETE"),
)
