"""Who asks, and what may that one do?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from starlette.requests import Request

from tocsin.state.sessions import Session
from tocsin.state.tokens import Scope, Token
from tocsin.state.users import Role, User
from tocsin.web.routing import Access


class Kind(Enum):
    """How the caller is known."""

    NOBODY = "nobody"
    LOCAL = "local"
    """Login is off: whoever reaches this machine's loopback."""
    SESSION = "session"
    """A person on a browser, by cookie."""
    PASSWORD = "password"
    """A person's name and password sent with each request."""
    TOKEN = "token"
    BROWSER_KEY = "browser-key"
    """A public key; its request's Origin was found to be allowed."""


_ROLE_SCOPES = {
    Role.ADMIN: frozenset(Scope),
    Role.MEMBER: frozenset((Scope.INGEST, Scope.READ)),
    Role.VIEWER: frozenset((Scope.READ,)),
}

_ACCESS_SCOPES = {
    Access.READ: Scope.READ,
    Access.INGEST: Scope.INGEST,
    Access.BROWSER_INGEST: Scope.INGEST,
    Access.RESPOND: Scope.ADMIN,
    Access.ADMIN: Scope.ADMIN,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller. `problem` says why a credential that was sent did not count."""

    kind: Kind = Kind.NOBODY
    name: str = ""
    scopes: frozenset[Scope] = frozenset()
    user: User | None = None
    session: Session | None = None
    token: Token | None = None
    problem: str = ""

    def allows(self, access: Access) -> bool:
        """Whether the caller holds what such an address asks for."""
        if access is Access.PUBLIC:
            return True
        if self.kind is Kind.BROWSER_KEY and access is not Access.BROWSER_INGEST:
            return False
        if access is Access.RESPOND and self.may_respond:
            return True
        return Scope.ADMIN in self.scopes or _ACCESS_SCOPES[access] in self.scopes

    @property
    def is_ambient(self) -> bool:
        """Whether a browser may send the credential by itself, for any page that asks it to."""
        return self.kind in (Kind.SESSION, Kind.PASSWORD, Kind.LOCAL)

    @property
    def may_respond(self) -> bool:
        """Whether the caller may acknowledge, silence and plan maintenance."""
        is_member = self.user is not None and self.user.role is Role.MEMBER
        return is_member or self.is_admin

    @property
    def is_admin(self) -> bool:
        """Whether the caller may administer."""
        return Scope.ADMIN in self.scopes


NOBODY = Identity()
LOCAL = Identity(Kind.LOCAL, "local", frozenset(Scope))


def refused(problem: str) -> Identity:
    """Nobody, because the credential that was sent is wrong."""
    return Identity(problem=problem)


def of_session(session: Session) -> Identity:
    """The person of a session."""
    scopes = _ROLE_SCOPES[session.user.role]
    return Identity(Kind.SESSION, session.user.name, scopes, session.user, session)


def of_user(user: User) -> Identity:
    """The person whose password it was."""
    return Identity(Kind.PASSWORD, user.name, _ROLE_SCOPES[user.role], user)


def of_token(token: Token) -> Identity:
    """The holder of a secret key."""
    return Identity(Kind.TOKEN, token.name, frozenset(token.scopes), token=token)


def of_browser_key(token: Token) -> Identity:
    """A page that holds a public key, at an allowed origin."""
    return Identity(Kind.BROWSER_KEY, token.name, frozenset((Scope.INGEST,)), token=token)


def identity(request: Request) -> Identity:
    """Who sent this request; nobody when no guard has looked at it."""
    found = getattr(request.state, "identity", None)
    return found if isinstance(found, Identity) else NOBODY


def scope_of(access: Access) -> Scope | None:
    """The scope that a key needs there; None when it needs none."""
    return _ACCESS_SCOPES.get(access)
