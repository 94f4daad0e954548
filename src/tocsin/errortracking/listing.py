"""Which issues does a question ask for? What people type, as conditions of the table of issues."""

from __future__ import annotations

import shlex

from tocsin.errortracking.answers import IssuesAsked
from tocsin.kit.fault import Rejected
from tocsin.model.logs import level_of
from tocsin.state.error_issues import Wanted

_DAY_MS = 86_400_000
_MOST = 1_000
_STATES = {
    "open": "open",
    "unresolved": "open",
    "resolved": "resolved",
    "ignored": "ignored",
    "archived": "ignored",
}
_TOKENS = ("release", "environment", "platform", "service", "kind")
_ALIASES = {
    "env": "environment",
    "error.type": "kind",
    "first-release": "release",
    "firstrelease": "release",
}


class _Words:
    """What a question's words say."""

    def __init__(self, asked: IssuesAsked, now_ms: int) -> None:
        self.now_ms = now_ms
        self.states = list(asked.states)
        self.projects = list(asked.projects)
        self.assignee = asked.assignee
        self.least_level = asked.least_level
        self.since_ms = asked.new_since_ms
        self.tokens: list[str] = []

    def read(self, word: str) -> None:
        """One word. Raises Rejected for a name with a value that it cannot have."""
        name, colon, value = word.partition(":")
        name = _ALIASES.get(name.lower(), name.lower())
        if not colon or not value:
            self.tokens.append(word)
        elif name == "is":
            self._is(value.lower())
        elif name == "level":
            self.least_level = level_of(value)
            if not self.least_level:
                raise Rejected(f"level:{value[:40]}: levels are debug, info, warning, error, fatal")
        elif name == "project":
            self.projects.append(value)
        elif name in ("assignee", "assigned"):
            self.assignee = "-" if value in ("none", "nobody", "-") else value
        elif name in _TOKENS:
            self.tokens.append(f"{name}:{value}")
        else:
            self.tokens.append(word)

    def _is(self, value: str) -> None:
        if value in _STATES:
            self.states.append(_STATES[value])
        elif value == "new":
            self.since_ms = max(self.since_ms, self.now_ms - _DAY_MS)
        elif value in ("regressed", "unhandled"):
            self.tokens.append(f"is:{value}")
        elif value == "unassigned":
            self.assignee = "-"
        else:
            raise Rejected(
                f"is:{value[:40]}: known are open, resolved, ignored, new, regressed, unhandled "
                "and unassigned"
            )


def wanted(asked: IssuesAsked, now_ms: int) -> Wanted:
    """Raises Rejected with what is wrong."""
    if not 0 <= asked.limit <= _MOST or not 0 <= asked.offset <= 1_000_000:
        raise Rejected(f"at most {_MOST:,} issues at a time can be asked for")
    for state in asked.states:
        if state not in _STATES:
            raise Rejected(f"there is no state {state[:40]!r}; known are open, resolved, ignored")
    words = _Words(asked, now_ms)
    for word in split(asked.words):
        words.read(word)
    return Wanted(
        states=tuple(_STATES[one] for one in words.states),
        projects=tuple(words.projects),
        assignee=words.assignee,
        least_level=words.least_level,
        tokens=tuple(words.tokens),
        first_since_ms=words.since_ms,
        last_since_ms=asked.seen_since_ms,
        last_until_ms=asked.seen_until_ms,
        order=asked.order,
        limit=asked.limit,
        offset=asked.offset,
    )


def split(text: str) -> list[str]:
    """Words, and quoted texts as one word."""
    try:
        return shlex.split(text[:2_000]) if '"' in text else text[:2_000].split()
    except ValueError:
        return text[:2_000].split()
