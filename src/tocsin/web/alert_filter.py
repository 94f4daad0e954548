"""Which alerts are asked for? State, severity, receiver, words and conditions on labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tocsin.alert.routing.matchers import matcher_text, matches_all, parse_matchers
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels, Matcher, MatchOp
from tocsin.web.alert_board import BoardAlert

STATES = ("", "firing", "pending", "acknowledged", "held", "all")
"""Empty: whatever fires or is pending and is not held back."""
GROUPINGS = ("rule", "service", "severity", "route", "none")
_LONGEST = 1000
_MOST_PAGES = 100_000
_PART = re.compile(
    r"""(?P<condition>[\w.:/-]+(?:=~|!~|!=|=)(?:"(?:\\.|[^"\\])*"|\S*))|"(?P<quoted>[^"]*)"|(?P<word>\S+)"""
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for. `words` are in lower case; one that begins with `-` must not be
    there. `problem` says what is wrong with `q`: then it is not used. `page` counts from 1."""

    state: str = ""
    severity: str = ""
    receiver: str = ""
    q: str = ""
    by: str = "rule"
    group: str = ""
    page: int = 1
    words: tuple[str, ...] = ()
    matchers: tuple[Matcher, ...] = ()
    problem: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether anything is asked for beyond the usual."""
        return bool(self.state or self.severity or self.receiver or self.q or self.group)


def asked_of(query: Mapping[str, str]) -> Asked:
    """What a query string means; what is not understood is left out, with a word for `q`."""
    state, by, number = query.get("state", ""), query.get("by", ""), query.get("page", "")
    q = query.get("q", "")[:_LONGEST].strip()
    words: tuple[str, ...] = ()
    matchers: tuple[Matcher, ...] = ()
    problem = ""
    try:
        words, matchers = read_text(q)
    except Rejected as error:
        problem = str(error)
    is_page = number.isascii() and number.isdigit() and len(number) < 7
    return Asked(
        state=state if state in STATES else "",
        severity=query.get("severity", "")[:_LONGEST],
        receiver=query.get("receiver", "")[:_LONGEST],
        q=q,
        by=by if by in GROUPINGS else "rule",
        group=query.get("group", "")[:_LONGEST],
        page=min(max(1, int(number)), _MOST_PAGES) if is_page else 1,
        words=words,
        matchers=matchers,
        problem=problem,
    )


def read_text(text: str) -> tuple[tuple[str, ...], tuple[Matcher, ...]]:
    """Words and conditions of what a person typed: `disk service="db" instance=~"db.*"`. Raises
    Rejected for a condition that is none."""
    words: list[str] = []
    matchers: list[Matcher] = []
    for found in _PART.finditer(text):
        if found["condition"]:
            matchers += parse_matchers(found["condition"])
        else:
            words.append((found["quoted"] or found["word"] or "").lower())
    return tuple(word for word in words if word), tuple(matchers)


def is_of_state(state: str, alert: BoardAlert) -> bool:
    """Whether a list of that state has the alert."""
    match state:
        case "":
            return not alert.held
        case "held":
            return bool(alert.held)
        case "acknowledged":
            return alert.ack is not None
        case "all":
            return True
        case _:
            return alert.phase == state and not alert.held


def is_asked(asked: Asked, alert: BoardAlert) -> bool:
    """Whether all but the state, group and page hold for an alert."""
    if asked.severity and alert.severity != asked.severity.lower():
        return False
    if asked.receiver and asked.receiver not in alert.receivers:
        return False
    if asked.matchers and not matches_all(asked.matchers, alert.labels):
        return False
    return not asked.words or _has(asked.words, alert)


def _has(words: Sequence[str], alert: BoardAlert) -> bool:
    said = (f"{name}={value}" for name, value in (*alert.labels, *alert.annotations))
    text = "\n".join(said).lower()
    return all(
        word[1:] not in text if word.startswith("-") and len(word) > 1 else word in text
        for word in words
    )


def condition(name: str, value: str) -> str:
    """The condition that a label has this value, as it is typed."""
    return matcher_text(Matcher(name, MatchOp.EQUAL, value))


def silence_address(labels: Labels) -> str:
    """The form of a silence for alerts with these labels."""
    pairs = [("matcher", condition(name, value)) for name, value in labels]
    return f"/silences/new?{urlencode(pairs)}"
