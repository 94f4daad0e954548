"""What can be set about errors and projects?"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Size

AlertOn = Literal["new", "regressed"]


class ProjectConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One project: an application whose errors belong together."""

    number: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0
    """What its DSN ends with; 0 takes the next free one. It cannot change afterwards."""
    platform: str = ""
    """Such as python, javascript, node or java; for the hints on its page."""
    services: tuple[str, ...] = ()
    """Services whose log lines and spans belong to it; `*` stands for all that belong to no other
    project."""
    alert_on: tuple[AlertOn, ...] = ("new", "regressed")
    """When an alert fires at once: an issue is `new`, or came back after it was resolved."""
    severity: str = "low"
    """The label `severity` of these alerts; of a fatal error it is `critical`. As shipped `low`
    opens no incident: a new error is told, and wakes nobody."""
    origins: tuple[str, ...] = ()
    """Sites whose pages may send to it, such as `https://shop.example.com`; empty: those of the
    key."""


class ErrorsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How errors are taken in."""

    max_event: Size = Size(1 << 20)
    """A larger event is refused."""
    max_content: Size = Size(256 << 10)
    """What is kept of an event beside its columns; variables, packages and the like go first."""
    keep_per_minute: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 100
    """So many errors of an issue are kept whole each minute, of more only one of several. All are
    counted."""
    max_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 60_000
    """Errors of one project beyond so many in a minute are refused with 429; 0: no bound."""
    kinds_per_hour: Annotated[int, msgspec.Meta(ge=0)] = 1_000
    """So many new kinds of errors a project may have in an hour; what is beyond is counted in one
    issue of its own; 0: no bound."""
    from_logs: bool = True
    """Take errors from log lines that hold an exception."""
    from_spans: bool = True
    """Take errors from spans that recorded an exception."""
    create_projects: bool = True
    """Make a project when an event comes for a number that is unknown; a browser's public key
    makes none."""


def check_projects(projects: dict[str, ProjectConfig]) -> None:
    """Raises Rejected for names and numbers that cannot be."""
    numbers: dict[int, str] = {}
    services: dict[str, str] = {}
    for name, one in projects.items():
        if not 0 < len(name) <= 100 or name.isdigit() or "/" in name:
            raise Rejected(f"a project's name has 1 to 100 characters and no /, not {name[:40]!r}")
        if one.number and one.number in numbers:
            raise Rejected(f"{name} and {numbers[one.number]} have the same number {one.number}")
        numbers[one.number] = name
        for service in one.services:
            if service in services:
                raise Rejected(f"the service {service} belongs to {services[service]} and {name}")
            services[service] = name
