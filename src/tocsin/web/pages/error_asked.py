"""Which issues does the address ask for? `/errors?q=…&project=…&state=open&order=last&page=2`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import urlencode

from tocsin.errortracking.answers import IssuesAsked

Order = Literal["last", "first", "times", "people", "trend"]

PAGE = 50
STATES = {
    "open": "Open",
    "new": "New",
    "regressed": "Regressed",
    "resolved": "Resolved",
    "ignored": "Ignored",
    "all": "All",
}
"""What is asked for by state, and how it is said."""
ORDERS: Mapping[Order, str] = {
    "last": "Last seen",
    "first": "First seen",
    "times": "Events",
    "people": "People",
    "trend": "Trend",
}
LEVELS = {"fatal": 21, "error": 17, "warn": 13, "info": 9}
"""The least severity that is shown, by its word."""
NEW_MS = 86_400_000
"""How long an issue counts as new after it was first seen."""
_FIELDS = ("q", "project", "level", "environment", "release", "assignee")
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, as the page's fields have it."""

    q: str = ""
    project: str = ""
    state: str = "open"
    level: str = ""
    environment: str = ""
    release: str = ""
    assignee: str = ""
    order: Order = "last"
    page: int = 1

    @property
    def is_narrow(self) -> bool:
        """Whether less is asked for than the whole list."""
        return any(getattr(self, name) for name in _FIELDS)

    def query(self, **changes: str | int) -> str:
        """The address with some of it changed; what is as by default is left out."""
        whole = {name: getattr(self, name) for name in (*_FIELDS, "state", "order", "page")}
        whole.update(changes)
        if "page" not in changes:
            whole["page"] = 1
        default = Asked()
        kept = {name: value for name, value in whole.items() if value != getattr(default, name)}
        return f"/errors?{urlencode(kept)}" if kept else "/errors"


def asked_of(query: Mapping[str, str]) -> Asked:
    """What the address asks for; what makes no sense in it is as by default."""
    state, order, level = (query.get(name, "") for name in ("state", "order", "level"))
    number = query.get("page", "")
    is_number = number.isascii() and number.isdigit() and len(number) < 7
    return Asked(
        **{name: query.get(name, "").strip()[:_LONGEST] for name in _FIELDS if name != "level"},
        level=level if level in LEVELS else "",
        state=state if state in STATES else "open",
        order=cast("Order", order) if order in ORDERS else "last",
        page=max(1, int(number)) if is_number else 1,
    )


def issues_asked(asked: Asked, now_ms: int, *, limit: int = PAGE) -> IssuesAsked:
    """What the book is asked. Of a trend nothing is kept: the latest are ordered by it here."""
    words = [asked.q]
    words += [
        f"{name}:{_quoted(value)}"
        for name, value in (("release", asked.release), ("environment", asked.environment))
        if value
    ]
    if asked.state == "regressed":
        words.append("is:regressed")
    states = {"open": ("open",), "new": ("open",), "regressed": ("open",), "all": ()}
    return IssuesAsked(
        words=" ".join(filter(None, words)),
        projects=(asked.project,) if asked.project else (),
        states=states.get(asked.state, (asked.state,)),
        assignee=asked.assignee,
        least_level=LEVELS.get(asked.level, 0),
        new_since_ms=now_ms - NEW_MS if asked.state == "new" else 0,
        order="last" if asked.order == "trend" else asked.order,
        limit=limit,
        offset=0 if asked.order == "trend" else (asked.page - 1) * PAGE,
    )


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value
