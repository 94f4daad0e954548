"""Where is kept what people change, and how are people known?"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration


class StateConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The SQL database of users, tokens and settings. May be written short: `state: URL`."""

    url: str = ""
    """`sqlite:///path/to/file.db` or `postgresql://user:password@host/database`; empty means
    `state.db` in the data folder."""

    @classmethod
    def from_config(cls, text: str) -> StateConfig:
        """The short form, a URL."""
        if text and not text.startswith(("sqlite", "postgresql", "postgres")):
            raise Rejected("expected a URL that starts with sqlite:/// or postgresql://")
        return cls(url=text)

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("sqlite", "postgresql", "postgres")):
            raise Rejected("expected a url that starts with sqlite:/// or postgresql://")


class AuthConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Login. May be written short: `auth: off`, which is for loopback addresses only."""

    mode: Literal["on", "off"] = "on"
    """`off` lets everybody who reaches the port do everything; every page says so."""
    session_days: Annotated[float, msgspec.Meta(gt=0, le=3650)] = 30
    """How many days a login lasts when it is not used."""
    login_attempts: Annotated[int, msgspec.Meta(ge=1)] = 10
    """How many wrong passwords an account, and an address, may give within `login_window`."""
    login_window: Duration = Duration(300)
    """How long wrong passwords are remembered."""

    @classmethod
    def from_config(cls, text: str) -> AuthConfig:
        """The short form, `on` or `off`."""
        match text.lower():
            case "on" | "true" | "yes":
                return cls(mode="on")
            case "off" | "false" | "no":
                return cls(mode="off")
            case _:
                raise Rejected(f'expected "on", "off" or a mapping, got {text!r}')

    @property
    def is_off(self) -> bool:
        """Whether nobody needs to log in."""
        return self.mode == "off"
