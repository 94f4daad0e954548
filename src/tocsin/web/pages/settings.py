"""Keys, people, one's own password, and the configuration in force."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.state import passwords
from tocsin.state.tokens import Scope, Token, TokenKind
from tocsin.state.users import Role, User
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages import connect
from tocsin.web.pages.connect import Snippet
from tocsin.web.pages.render import page
from tocsin.web.people import People, people
from tocsin.web.routing import Access, Addresses, Handler, get, post
from tocsin.web.services import services

_DAY_MS = 86_400_000
_LIFETIMES = ("", "30", "90", "365")
_LARGEST_ID = (1 << 31) - 1
_SECTIONS = {
    "pages/settings_keys.html": "/settings",
    "pages/settings_people.html": "/settings/people",
    "pages/settings_me.html": "/settings/me",
    "pages/settings_connect.html": "/settings/connect",
    "pages/settings_configuration.html": "/settings/configuration",
}


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that is shown once, and how it is used."""

    title: str
    text: str
    usage: Sequence[Snippet] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an action: what is said above the page."""

    said: str = ""
    problem: str = ""
    secret: Secret | None = None


_NOTHING = Outcome()
Show = Callable[[Request, Outcome], Awaitable[Response]]
Act = Callable[[Request, People, FormData], Awaitable[Outcome]]


def _render(
    request: Request,
    template: str,
    outcome: Outcome,
    **values: Any,  # Any: each template has its own values
) -> Response:
    return page(
        request,
        template,
        status=400 if outcome.problem else 200,
        said=outcome.said,
        problem=outcome.problem,
        secret=outcome.secret,
        section=_SECTIONS[template],
        **values,
    )


async def _keys(request: Request, outcome: Outcome = _NOTHING) -> Response:
    keys = sorted(await people(request).tokens.all(), key=lambda key: key.revoked_at is not None)
    return _render(request, "pages/settings_keys.html", outcome, keys=keys)


async def _users(request: Request, outcome: Outcome = _NOTHING) -> Response:
    users = await people(request).users.all()
    roles = [role.value for role in Role]
    return _render(request, "pages/settings_people.html", outcome, users=users, roles=roles)


async def _me(request: Request) -> Response:
    who = identity(request)
    sessions = await people(request).sessions.of_user(who.user.id) if who.user else []
    here = who.session.hash if who.session else ""
    return _render(
        request,
        "pages/settings_me.html",
        _NOTHING,
        user=who.user,
        sessions=sessions,
        here=here,
    )


async def _configuration(request: Request) -> Response:
    config = services(request).config
    return _render(
        request,
        "pages/settings_configuration.html",
        _NOTHING,
        warnings=config.warnings(),
        effective=yaml.safe_dump(config.effective(), sort_keys=False, allow_unicode=True),
        prometheus=config.prometheus_text(),
    )


async def _create_key(request: Request, known: People, form: FormData) -> Outcome:
    scopes = [_scope(str(value)) for value in form.getlist("scope")]
    days = str(form.get("days") or "")
    if days not in _LIFETIMES:
        raise Rejected(
            f"a key ends after one of {', '.join(filter(None, _LIFETIMES))} days, or never"
        )
    ends = known.clock.now_ms() + int(days) * _DAY_MS if days else None
    who = identity(request).name
    text, token = await known.tokens.create(
        str(form.get("name", "")),
        scopes,
        created_by=who,
        origins=str(form.get("origins", "")).replace(",", " ").split(),
        expires_at=ends,
    )
    await known.audit.record(who, "token_created", token.name, detail=_detail(token))
    return Outcome(secret=_shown_once(request, text, token))


def _detail(token: Token) -> dict[str, str]:
    return {"scopes": " ".join(scope.value for scope in token.scopes), "kind": token.kind.value}


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError as error:
        raise Rejected(f"{text!r} is not a scope; choose ingest, read or admin") from error


def _shown_once(request: Request, text: str, token: Token) -> Secret:
    base, statsd = connect.address_of(request), connect.statsd_of(request)
    usage: list[Snippet] = []
    if token.kind is TokenKind.BROWSER:
        usage.append(connect.browser(base, text))
    elif Scope.INGEST in token.scopes or Scope.ADMIN in token.scopes:
        usage += connect.sending(base, text, statsd)
    if Scope.READ in token.scopes or Scope.ADMIN in token.scopes:
        usage += connect.asking(base, text)
    return Secret(f"The key of {token.name}", text, usage)


async def _connect(request: Request) -> Response:
    base, key = connect.address_of(request), connect.PLACEHOLDER
    return _render(
        request,
        "pages/settings_connect.html",
        _NOTHING,
        scraping=connect.scraping(),
        sending=connect.sending(base, key, connect.statsd_of(request)),
        asking=connect.asking(base, key),
        key=key,
    )


async def _revoke_key(request: Request, known: People, _form: FormData) -> Outcome:
    token = await known.tokens.revoke(_id(request))
    await known.audit.record(identity(request).name, "token_revoked", token.name)
    return Outcome(said=f"The key of {token.name} is refused from now on.")


def _id(request: Request) -> int:
    number = int(request.path_params["id"])
    if number > _LARGEST_ID:
        raise NotFound(f"there is nothing with the id {number}")
    return number


async def _create_user(request: Request, known: People, form: FormData) -> Outcome:
    password = passwords.one_time()
    user = await known.users.add(
        str(form.get("name", "")),
        password,
        role=_role(str(form.get("role", ""))),
        email=str(form.get("email", "")),
        must_change_password=True,
    )
    await known.audit.record(identity(request).name, "user_created", user.name)
    return Outcome(secret=Secret(f"The one-time password of {user.name}", password))


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise Rejected(f"{text!r} is not a role; choose admin, member or viewer") from error


async def _set_role(request: Request, known: People, form: FormData) -> Outcome:
    role = _role(str(form.get("role", "")))
    user = await known.users.set_role(_id(request), role)
    await _recorded(request, known, "role_set", user, role=role.value)
    return Outcome(said=f"{user.name} is {role.value} now.")


async def _reset(request: Request, known: People, _form: FormData) -> Outcome:
    user = await known.users.get(_id(request))
    made = await known.users.reset_password(user.name)
    await _recorded(request, known, "password_reset", user)
    return Outcome(secret=Secret(f"The one-time password of {made.user}", made.password))


async def _disable(request: Request, known: People, _form: FormData) -> Outcome:
    user = await known.users.disable(_id(request))
    await _recorded(request, known, "user_disabled", user)
    return Outcome(said=f"{user.name} cannot log in from now on.")


async def _enable(request: Request, known: People, _form: FormData) -> Outcome:
    user = await known.users.enable(_id(request))
    await _recorded(request, known, "user_enabled", user)
    return Outcome(said=f"{user.name} can log in again.")


async def _recorded(request: Request, known: People, what: str, user: User, **detail: str) -> None:
    await known.audit.record(identity(request).name, what, user.name, detail=detail)


def _then(act: Act, show: Show) -> Handler:
    """Do what a form asks for, then show its page with what became of it."""

    async def handler(request: Request) -> Response:
        form = await form_of(request)
        try:
            outcome = await act(request, people(request), form)
        except Fault as fault:
            outcome = Outcome(problem=f"{str(fault)[:1].upper()}{str(fault)[1:]}.")
        return await show(request, outcome)

    return handler


ADDRESSES: Addresses = (
    get("/settings", _keys, Access.ADMIN),
    get("/settings/keys", _keys, Access.ADMIN),
    get("/settings/people", _users, Access.ADMIN),
    get("/settings/me", _me, Access.READ),
    get("/settings/connect", _connect, Access.READ),
    get("/settings/configuration", _configuration, Access.ADMIN),
    post("/settings/keys", _then(_create_key, _keys), Access.ADMIN),
    post("/settings/keys/{id:int}/revoke", _then(_revoke_key, _keys), Access.ADMIN),
    post("/settings/people", _then(_create_user, _users), Access.ADMIN),
    post("/settings/people/{id:int}/role", _then(_set_role, _users), Access.ADMIN),
    post("/settings/people/{id:int}/reset", _then(_reset, _users), Access.ADMIN),
    post("/settings/people/{id:int}/disable", _then(_disable, _users), Access.ADMIN),
    post("/settings/people/{id:int}/enable", _then(_enable, _users), Access.ADMIN),
)
