"""What do `oncall.policies` and `oncall.escalation_matrix` come to? Every mistake told at load."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from tocsin.alert.policy.severity import ResponseTime
from tocsin.kit.document import ConfigError, Document, Entries, Scalar, nearest
from tocsin.kit.yaml import decode
from tocsin.oncall.escalation.names import Named, Names, UnknownName
from tocsin.oncall.escalation.policy import PATIENCE_MS, Policy, Step, Target
from tocsin.oncall.mistakes import Mistakes
from tocsin.oncall.roster import Roster

DEFAULT = "default"
_LONGEST = 50
"""Steps of a policy, those of the policies that it names included."""


class StepEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One step: who is told at once."""

    notify: str | tuple[str, ...]
    """People, teams, `schedule:NAME`, `schedule:NAME:secondary`, roles, `channel:NAME`; or one
    other policy, whose steps stand here."""
    timeout: ResponseTime | None = None
    """How long an answer is waited for; as the severity says without it (15 min for P0, 30 for
    P1, else 60)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Whom it names."""
        return (self.notify,) if isinstance(self.notify, str) else self.notify


class PolicyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One policy."""

    name: str = ""
    description: str = ""
    steps: tuple[StepEntry, ...] = ()
    repeat: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    """How often the steps are gone through again."""
    at_end: Literal["stay", "everyone"] = "everyone"
    """When nobody answered: `stay` leaves it at that, `everyone` pages everybody."""
    fallback: tuple[str, ...] = ()
    """Who is told at the end too, such as `channel:NAME`."""
    urgency: Literal["", "high", "low"] = ""
    """By which of their own rules people are reached; as the severity says without it."""


class MatrixEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a matrix: whom somebody escalates to, and after what time."""

    role: str = ""
    escalate_after: ResponseTime | None = None
    escalate_to: str = ""


@dataclass(frozen=True, slots=True)
class Policies:
    """Every policy by name, and what names mean."""

    by_name: Mapping[str, Policy] = field(default_factory=dict)
    names: Names = field(default_factory=lambda: Names(Roster()))

    def targets(self, name: str) -> Policy | None:
        """What a name of `severities` means as a policy: a policy itself, or one step to somebody;
        None when it means nobody here."""
        try:
            found = self.names.meant(name)
        except UnknownName:
            return None
        if found.policy:
            return self.by_name[found.policy]
        if found.target is None or found.target.kind == "channel":
            return None
        return Policy(name=name, steps=(Step((found.target,)),), at_end="stay")


def read_policies(
    policies: Document | None,
    matrix: Document | None,
    roles: Mapping[str, str],
    roster: Roster,
    channels: Collection[str] = (),
    roles_at: Document | None = None,
) -> Policies:
    """The configured policies, and where these say nothing, P0 to P2 as shipped: who is on call,
    then who is second, twice, then everyone. Raises OnCallError with every mistake."""
    mistakes = Mistakes()
    entries: dict[str, tuple[Document, PolicyEntry]] = {}
    for name, part, entry in mistakes.entries(policies, PolicyEntry, "policy"):
        if not name:
            mistakes.add(part, "the policy has no name; add the key name")
            continue
        entries[name] = part, entry
    names = Names(roster, channels, (*entries, *((DEFAULT,) if matrix else ())), roles)
    compiler = _Compiler(names, entries, mistakes)
    found = {name: made for name in entries if (made := compiler.policy(name)) is not None}
    if matrix is not None and matrix.data is not None:
        if DEFAULT in found:
            problem = "oncall.policies has a policy `default` already; remove it or the matrix"
            mistakes.add(matrix, problem)
        found.setdefault(DEFAULT, _of_matrix(matrix, names, mistakes))
    _check_roles(names, roles_at, mistakes)
    mistakes.raise_any()
    if DEFAULT not in found and roster.default_schedule:
        found = {**_shipped(roster.default_schedule), **found}
    return Policies(found, Names(roster, channels, tuple(found), roles))


def _check_roles(names: Names, place: Document | None, mistakes: Mistakes) -> None:
    for role in names.roles:
        try:
            names.meant(f"role:{role}")
        except UnknownName as error:
            if place is None:
                raise
            mistakes.add(place, str(error), role, near=error.near)


def _shipped(schedule: str) -> dict[str, Policy]:
    first, second = Target("schedule", schedule), Target("schedule", schedule, 1)
    return {
        severity: Policy(
            name=severity,
            steps=(Step((first,)), Step((second,))),
            repeat=1,
            description="As shipped: who is on call, who is second, both again, then everyone",
        )
        for severity in (*PATIENCE_MS, "P2")
    }


class _Compiler:
    """Puts the steps of named policies where they are named."""

    def __init__(
        self,
        names: Names,
        entries: Mapping[str, tuple[Document, PolicyEntry]],
        mistakes: Mistakes,
    ) -> None:
        self._names = names
        self._entries = entries
        self._mistakes = mistakes

    def policy(self, name: str) -> Policy | None:
        """None when it is wrong; the mistakes say why."""
        part, entry = self._entries[name]
        before = len(self._mistakes.found)
        steps = tuple(self._steps(name, (name,)))
        if not entry.steps:
            self._mistakes.add(part, "the policy has no steps; name at least one", "steps")
        elif len(steps) > _LONGEST:
            self._mistakes.add(part, f"{len(steps)} steps are too many; at most {_LONGEST}")
        fallback = tuple(
            target
            for number, text in enumerate(entry.fallback)
            if (target := self._target(text, part, "fallback", number)) is not None
        )
        if len(self._mistakes.found) > before or not steps:
            return None
        return Policy(
            name=name,
            steps=steps,
            repeat=entry.repeat,
            at_end=entry.at_end,
            fallback=fallback,
            urgency=entry.urgency,
            description=entry.description,
        )

    def _steps(self, name: str, way: tuple[str, ...]) -> Iterator[Step]:
        part, entry = self._entries[name]
        for number, step in enumerate(entry.steps):
            named = [
                (place, found)
                for place, text in enumerate(step.names)
                if (found := self._meant(text, part, *_path(step, number, place))) is not None
            ]
            if not step.names:
                self._mistakes.add(part, "the step tells nobody; name somebody", "steps", number)
            others = [found.policy for _, found in named if found.policy]
            if others and len(step.names) > 1:
                problem = f"the policy {others[0]!r} must be alone in its step"
                self._mistakes.add(part, problem, "steps", number, "notify")
            elif others:
                yield from self._spliced(others[0], part, number, way)
            elif targets := tuple(found.target for _, found in named if found.target is not None):
                timeout = step.timeout.ms if step.timeout else 0
                yield Step(tuple(dict.fromkeys(targets)), timeout)

    def _spliced(
        self, other: str, part: Document, number: int, way: tuple[str, ...]
    ) -> Iterator[Step]:
        if other in way:
            circle = " → ".join((*way[way.index(other) :], other))
            problem = f"the policies go round in a circle: {circle}; take one of these steps out"
            self._mistakes.add(part, problem, "steps", number, "notify")
        elif other in self._entries:
            yield from self._steps(other, (*way, other))
        else:
            problem = "the escalation matrix cannot be a step of a policy"
            self._mistakes.add(part, problem, "steps", number, "notify")

    def _meant(self, text: str, part: Document, *path: str | int) -> Named | None:
        try:
            return self._names.meant(text)
        except UnknownName as error:
            self._mistakes.add(part, str(error), *path, near=error.near)
            return None

    def _target(self, text: str, part: Document, *path: str | int) -> Target | None:
        found = self._meant(text, part, *path)
        if found is not None and found.target is None:
            self._mistakes.add(part, "a policy cannot stand here", *path)
        return found.target if found else None


def _path(step: StepEntry, number: int, place: int) -> tuple[str | int, ...]:
    path = ("steps", number, "notify")
    return path if isinstance(step.notify, str) else (*path, place)


def _of_matrix(matrix: Document, names: Names, mistakes: Mistakes) -> Policy:
    """`{primaryOnCall: {escalateAfter: 15 minutes, escalateTo: secondaryOnCall}, …}`: from whoever
    nobody escalates to, along the chain."""
    entries = dict(_matrix_entries(matrix, mistakes))
    reached = {entry.escalate_to for _, entry in entries.values()}
    first = next((name for name in entries if name not in reached), "")
    if not first:
        circle = " → ".join(_circle(entries))
        problem = f"the matrix goes round in a circle: {circle}; take one of these out"
        mistakes.add(matrix, problem)
        return Policy(name=DEFAULT, steps=(Step(()),))
    steps: list[Step] = []
    seen: set[str] = set()
    name = first
    while name and name not in seen:
        seen.add(name)
        part, entry = entries.get(name, (matrix, MatrixEntry()))
        try:
            found = names.meant(name)
        except UnknownName as error:
            problem = f"{error}; say who that is: oncall.roles.{name}: …"
            mistakes.add(part, problem, near=error.near)
        else:
            after = entry.escalate_after.ms if entry.escalate_after else 0
            steps += [Step((found.target,), after)] if found.target else []
        name = entry.escalate_to
    if name:
        mistakes.add(matrix, f"the matrix comes back to {name!r}; end it instead", name)
    for lost in entries.keys() - seen:
        near = nearest(lost, reached)
        mistakes.add(matrix, f"nobody escalates to {lost!r}; remove it", lost, near=near)
    return Policy(name=DEFAULT, steps=tuple(steps) or (Step(()),), description="The matrix")


def _circle(entries: Mapping[str, tuple[Document, MatrixEntry]]) -> list[str]:
    """Where everybody is escalated to by somebody: a way that comes back, its end its beginning."""
    way: list[str] = []
    name = next(iter(entries), "")
    while name and name not in way:
        way.append(name)
        name = entries[name][1].escalate_to if name in entries else ""
    return [*way[way.index(name) :], name] if name else way


def _matrix_entries(
    matrix: Document, mistakes: Mistakes
) -> Iterator[tuple[str, tuple[Document, MatrixEntry]]]:
    if not isinstance(matrix.node, Entries):
        mistakes.add(matrix, "expected {who: {escalate_after: 15 minutes, escalate_to: who}}")
        return
    spelled = {"escalateAfter": "escalate_after", "escalateTo": "escalate_to"}
    for name, node in matrix.node.nodes.items():
        part = Document(node, (*matrix.path, name))
        if isinstance(node, Entries):
            nodes = {spelled.get(key, key): child for key, child in node.nodes.items()}
            keys = {spelled.get(key, key): place for key, place in node.keys.items()}
            part = Document(Entries(node.place, nodes, keys), part.path)
        elif isinstance(node, Scalar) and node.value is None:
            yield name, (part, MatrixEntry())
            continue
        try:
            yield name, (part, decode(part, MatrixEntry))
        except ConfigError as error:
            mistakes.found.append(error)
