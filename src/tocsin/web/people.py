"""What does the door need: the tables of people and keys, and how careful it must be?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from starlette.requests import Request

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected
from tocsin.state.audit import Audit
from tocsin.state.config import AuthConfig
from tocsin.state.database import Database
from tocsin.state.sessions import Sessions
from tocsin.state.throttle import LoginThrottle
from tocsin.state.tokens import Tokens
from tocsin.state.users import Users


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who may come in. `external_url` is how Tocsin is reached from outside, or empty."""

    clock: Clock
    users: Users
    sessions: Sessions
    tokens: Tokens
    audit: Audit
    throttle: LoginThrottle
    auth_off: bool = False
    external_url: str = ""

    @staticmethod
    def of(database: Database, clock: Clock, auth: AuthConfig, *, external_url: str = "") -> People:
        """Everything over one database."""
        return People(
            clock=clock,
            users=Users(database, clock),
            sessions=Sessions(database, clock, auth.session_days),
            tokens=Tokens(database, clock),
            audit=Audit(database, clock),
            throttle=LoginThrottle(
                clock, attempts=auth.login_attempts, window_seconds=auth.login_window
            ),
            auth_off=auth.is_off,
            external_url=external_url,
        )

    @property
    def external_origin(self) -> str:
        """`scheme://host[:port]` of the outside address, empty when it is not known."""
        parts = urlsplit(self.external_url)
        return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""

    @property
    def version(self) -> tuple[int, int, int]:
        """Changes whenever somebody's rights may have changed in this process."""
        return self.users.changes, self.sessions.changes, self.tokens.changes

    async def flush(self) -> None:
        """Write when keys and sessions were last used; to be called every half minute or so."""
        await self.tokens.flush()
        await self.sessions.flush()


def people(request: Request) -> People:
    """The people of the application that serves this request."""
    return cast("People", request.app.state.people)


async def refuse_disabled(request: Request, *names: str) -> None:
    """Raises Rejected when these are names or mail addresses of users who are all disabled: what
    was signed for them before is of no use any more. Who is no user at all is let through."""
    wanted = {one.casefold() for one in names if one}
    users = [
        one
        for one in await people(request).users.all()
        if one.name.casefold() in wanted or (one.email and one.email.casefold() in wanted)
    ]
    if users and all(one.disabled_at is not None for one in users):
        raise Rejected(f"the account of {users[0].name} is disabled; log in with another")
