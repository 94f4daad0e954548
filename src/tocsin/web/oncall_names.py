"""How are people on call named and coloured on pages?"""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.oncall.roster import Roster

_COLOURS = 12


@dataclass(frozen=True, slots=True)
class OnCallNow:
    """Who is on call by the default schedule, for the frame of every page; `person` is empty while
    nobody is, `words` say it of every schedule."""

    person: str
    name: str
    initials: str
    words: str


def known_as(roster: Roster, person: str) -> str:
    """The full name when it is known."""
    known = roster.people.get(person)
    return (known.full_name if known else "") or person


def colour_of(roster: Roster, person: str) -> str:
    """The class of a person's colour: by their place in the configuration, so that the first twelve
    differ; empty for nobody."""
    names = list(roster.people)
    return f"who-{names.index(person) % _COLOURS + 1}" if person in roster.people else ""


def now_of(roster: Roster, now_ms: int) -> OnCallNow | None:
    """For the frame; None without any schedule."""
    if not roster.schedules:
        return None
    who = {name: roster.on_call(name, now_ms) or "" for name in roster.schedules}
    person = who[roster.schedule("").name]
    name = known_as(roster, person)
    words = "; ".join(
        f"{schedule}: {known_as(roster, one) or 'nobody'}" for schedule, one in who.items()
    )
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    return OnCallNow(person, name, initials or "–", f"On call now – {words}")
