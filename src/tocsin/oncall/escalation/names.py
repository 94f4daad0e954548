"""Whom does a name in a policy mean? A person, a team, a schedule, a channel, a role, a policy."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected
from tocsin.oncall.escalation.policy import Kind, Target
from tocsin.oncall.roster import Roster

_RANKS = {"primary": 0, "secondary": 1}
_OTHERS = re.compile(r"[^a-z0-9]+")
_FIRST = frozenset(
    ("oncall", "oncallengineer", "primary", "primaryoncall", "primaryoncallengineer")
)
_SECOND = frozenset(("secondary", "secondaryoncall", "secondaryoncallengineer", "backup"))
POLICY = "policy"
_KINDS = ("person", "team", "schedule", "channel", "role", POLICY)


@dataclass(frozen=True, slots=True)
class Named:
    """What a name means: somebody, or another policy."""

    target: Target | None = None
    policy: str = ""


class UnknownName(Rejected):
    """A name that means nobody; `near` is what was probably meant."""

    def __init__(self, problem: str, near: str | None = None) -> None:
        super().__init__(problem)
        self.near = near


@dataclass(frozen=True, slots=True)
class Names:
    """Everything that a policy may name. `roles` are what people call each other, as written."""

    roster: Roster
    channels: Collection[str] = ()
    policies: Collection[str] = ()
    roles: Mapping[str, str] = field(default_factory=dict)

    def meant(self, text: str) -> Named:
        """Raises UnknownName for a name that means nobody, or more than one."""
        kind, colon, name = text.strip().partition(":")
        if colon and kind in _KINDS:
            return self._of_kind(kind, name.strip())
        return self._bare(text.strip())

    def _of_kind(self, kind: str, name: str) -> Named:
        if kind == "role":
            role = self._role(name)
            if role is None:
                raise self._unknown(name, "oncall.roles", self.roles)
            return role
        rank = 0
        if kind == "schedule":
            name, colon, word = name.partition(":")
            if colon and word not in _RANKS:
                raise UnknownName(
                    f"expected primary or secondary after schedule:{name}:", "secondary"
                )
            rank = _RANKS.get(word, 0)
            name = name or self.roster.default_schedule
        known, where = self._known(kind)
        if name not in known:
            raise self._unknown(name, where, known)
        if kind == POLICY:
            return Named(policy=name)
        return Named(Target(cast("Kind", kind), name, rank))

    def _bare(self, name: str) -> Named:
        role = self._role(name)
        if role is not None:
            return role
        kinds = [kind for kind in _KINDS if kind != "role" and name in self._known(kind)[0]]
        if len(kinds) > 1 and kinds[0] != "person":
            either = " or ".join(f"{kind}:{name}" for kind in kinds)
            raise UnknownName(f"{name!r} may mean {either}; write which")
        if kinds:
            return self._of_kind(kinds[0], name)
        rank = 0 if _plain(name) in _FIRST else 1 if _plain(name) in _SECOND else None
        if rank is not None and self.roster.default_schedule:
            return Named(Target("schedule", self.roster.default_schedule, rank))
        everything = [one for kind in _KINDS for one in self._known(kind)[0]]
        raise self._unknown(
            name, "oncall (people, teams, schedules, roles) or channels", everything
        )

    def _role(self, name: str) -> Named | None:
        for role, meaning in self.roles.items():
            if _plain(role) == _plain(name) and _plain(meaning) != _plain(name):
                return Names(self.roster, self.channels, self.policies).meant(meaning)
        return None

    def _known(self, kind: str) -> tuple[Collection[str], str]:
        match kind:
            case "person":
                return self.roster.people, "oncall.people"
            case "team":
                return self.roster.teams, "oncall.teams"
            case "schedule":
                return self.roster.schedules, "oncall.schedules"
            case "channel":
                return self.channels, "alerting.channels"
            case "role":
                return self.roles, "oncall.roles"
            case _:
                return self.policies, "oncall.policies"

    def _unknown(self, name: str, where: str, known: Collection[str]) -> UnknownName:
        listed = ", ".join(sorted(known)[:20]) or "nothing"
        problem = f"{name!r} is not in {where}; known there: {listed}"
        return UnknownName(problem, nearest(name, known))


def _plain(name: str) -> str:
    """`engineeringManager`, `engineering-manager` and `Engineering Manager` are one name."""
    return _OTHERS.sub("", name.lower())
