"""The JSON API of users, keys, the audit trail and the configuration in force."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import NotFound, Rejected
from tocsin.state import passwords
from tocsin.state.audit import AuditEntry
from tocsin.state.tokens import Scope, Token
from tocsin.state.users import Role, User
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

T = TypeVar("T")

_DAY_MS = 86_400_000
_LARGEST_ID = (1 << 31) - 1


class Me(msgspec.Struct, frozen=True):
    """Who asks, and what that one may do."""

    kind: str
    name: str
    scopes: list[str]
    user: User | None = None


class NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user to be made; without a password, a one-time password is answered."""

    name: str
    role: Role = Role.MEMBER
    email: str = ""
    password: str = ""


class UserAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user; `one_time_password` is shown this once."""

    user: User
    one_time_password: str = ""


class UserChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed; what is left out stays."""

    role: Role | None = None
    disabled: bool | None = None


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be made; with `origins` it is a browser's public key."""

    name: str
    scopes: list[Scope]
    origins: list[str] = []
    expires_in_days: float | None = None


class TokenAnswer(msgspec.Struct, frozen=True):
    """The new key; its text is shown this once."""

    key: str
    token: Token


async def _me(request: Request) -> Response:
    """Who asks, and what that one may do."""
    who = identity(request)
    scopes = sorted(scope.value for scope in who.scopes)
    return _json(Me(who.kind.value, who.name, scopes, who.user))


async def _users(request: Request) -> Response:
    """Everybody who can log in."""
    return _json(await people(request).users.all())


async def _add_user(request: Request) -> Response:
    """Make a user."""
    new = await _body(request, NewUser)
    password = new.password or passwords.one_time()
    user = await people(request).users.add(
        new.name,
        password,
        role=new.role,
        email=new.email,
        must_change_password=not new.password,
    )
    await _record(request, "user_created", user.name, {"role": user.role.value})
    return _json(UserAnswer(user, "" if new.password else password), 201)


async def _change_user(request: Request) -> Response:
    """Change a user's role, disable or enable the user."""
    change, user_id = await _body(request, UserChange), _id(request)
    users = people(request).users
    user = await users.get(user_id)
    if change.role is not None and change.role is not user.role:
        user = await users.set_role(user_id, change.role)
        await _record(request, "role_changed", user.name, {"role": change.role.value})
    if change.disabled is not None and change.disabled != (user.disabled_at is not None):
        user = await (users.disable(user_id) if change.disabled else users.enable(user_id))
        await _record(request, "user_disabled" if change.disabled else "user_enabled", user.name)
    return _json(UserAnswer(user))


async def _reset_password(request: Request) -> Response:
    """Give a user a one-time password and end the user's sessions."""
    users = people(request).users
    user = await users.get(_id(request))
    once = await users.reset_password(user.name)
    await _record(request, "password_reset", user.name)
    return _json(UserAnswer(await users.get(user.id), once.password))


async def _tokens(request: Request) -> Response:
    """Every key, without its secret."""
    return _json(await people(request).tokens.all())


async def _add_token(request: Request) -> Response:
    """Make a key; its text is answered this once."""
    new = await _body(request, NewToken)
    known = people(request)
    days = new.expires_in_days
    text, token = await known.tokens.create(
        new.name,
        new.scopes,
        created_by=identity(request).name,
        origins=new.origins,
        expires_at=None if days is None else known.clock.now_ms() + _days_ms(days),
    )
    detail = {"scopes": ",".join(scope.value for scope in token.scopes)}
    await _record(request, "token_created", token.name, detail)
    return _json(TokenAnswer(text, token), 201)


async def _revoke_token(request: Request) -> Response:
    """Make a key useless for ever."""
    token = await people(request).tokens.revoke(_id(request))
    await _record(request, "token_revoked", token.name)
    return _json(token)


async def _audit(request: Request) -> Response:
    """Who changed what: the newest entries first, `limit` of them before the id `before`."""
    limit, before = request.query_params.get("limit", "100"), request.query_params.get("before")
    before_id = _number(before, "before") if before else None
    return _json(await people(request).audit.latest(_number(limit, "limit"), before_id=before_id))


async def _config(request: Request) -> Response:
    """The configuration in force, defaults included, secrets hidden."""
    return _json(services(request).config.effective())


def _id(request: Request) -> int:
    found = int(request.path_params["id"])
    if found > _LARGEST_ID:
        raise NotFound(f"there is nothing with the id {found}")
    return found


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Rejected(f"{name} must be a whole number, got {text[:40]!r}")
    return int(text)


def _days_ms(days: float) -> int:
    if not 0 < days <= 36_500:
        raise Rejected("expires_in_days must be more than 0 and at most 36500")
    return round(days * _DAY_MS)


async def _body(request: Request, kind: type[T]) -> T:
    await keep_body(request)
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error


async def _record(
    request: Request, what: str, target: str, detail: dict[str, str] | None = None
) -> None:
    ip = request.client.host if request.client else ""
    await people(request).audit.record(identity(request).name, what, target, detail=detail, ip=ip)


def _json(value: object, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(value),
        status,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


_READ, _ADMIN = Access.READ, Access.ADMIN

ADDRESSES: Addresses = (
    Address("/api/me", _me, _READ, answer=Me),
    Address("/api/users", _users, _ADMIN, answer=list[User]),
    Address("/api/users", _add_user, _ADMIN, ("POST",), NewUser, UserAnswer),
    Address("/api/users/{id:int}", _change_user, _ADMIN, ("PATCH",), UserChange, UserAnswer),
    Address(
        "/api/users/{id:int}/reset-password", _reset_password, _ADMIN, ("POST",), None, UserAnswer
    ),
    Address("/api/tokens", _tokens, _ADMIN, answer=list[Token]),
    Address("/api/tokens", _add_token, _ADMIN, ("POST",), NewToken, TokenAnswer),
    Address("/api/tokens/{id:int}", _revoke_token, _ADMIN, ("DELETE",), None, Token),
    Address("/api/audit", _audit, _ADMIN, answer=list[AuditEntry]),
    Address("/api/config", _config, _ADMIN),
)
