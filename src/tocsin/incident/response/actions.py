"""What is done for each severity? `incidents.severities.<P>.actions`, read and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from tocsin.incident.config import IncidentsConfig
from tocsin.incident.response.checking import Check
from tocsin.incident.response.known import Known
from tocsin.incident.response.sentences import understood
from tocsin.incident.response.settings import ResponseConfig
from tocsin.incident.response.steps import (
    AnyStep,
    Assign,
    Mail,
    Page,
    Post,
    SlackChannel,
    StatusPage,
    Step,
    Task,
    Ticket,
    kind_of,
)
from tocsin.kit.document import Document, Items, Scalar
from tocsin.kit.secret import Secret
from tocsin.kit.typed import decode

_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a severity. `identity` names what it does: the same action of another severity
    has the same one, so that it is not done twice when the severity changes."""

    identity: str
    step: Step
    index: int = 0

    @property
    def kind(self) -> str:
        """What stands after `do`."""
        return kind_of(self.step)

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.step.name or _title(self.step)


@dataclass(frozen=True, slots=True)
class Playbook:
    """The actions in force, by severity, and what their author should know."""

    actions: Mapping[str, tuple[Action, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def of(self, severity: str) -> tuple[Action, ...]:
        """Those of a severity, in order."""
        return self.actions.get(severity, ())

    def find(self, identity: str) -> Action | None:
        """The action of that identity; None when no severity has it any more."""
        every = (one for many in self.actions.values() for one in many)
        return next((one for one in every if one.identity == identity), None)


def playbook_of(incidents: IncidentsConfig, response: ResponseConfig, known: Known) -> Playbook:
    """Every severity's actions; raises ConfigError with place and remedy for the first mistake."""
    found: dict[str, tuple[Action, ...]] = {}
    warnings: list[str] = []
    for severity, level in incidents.severities.items():
        part = level.actions
        if part is None or part.data is None:
            continue
        if not isinstance(part.node, Items):
            raise part.error("expected a list of actions, such as [{do: page}, {do: post, …}]")
        usual = level.policy(severity, known.policies)
        found[severity] = tuple(_each(part, response, known, usual, warnings))
    return Playbook(found, tuple(warnings))


def _each(
    part: Document, response: ResponseConfig, known: Known, usual: str, warnings: list[str]
) -> Iterator[Action]:
    seen: dict[str, int] = {}
    count = len(part.node.nodes) if isinstance(part.node, Items) else 0
    for index in range(count):
        one = part.get(index)
        if one is None:
            continue
        if isinstance(one.node, Scalar):
            step, missing = understood(decode(one, str), known, response)
            if missing:
                warnings.append(
                    f"{one.node.place}: {one.node.text!r} is shown as a task for people; to have "
                    f"it done by itself, {missing}"
                )
        else:
            step = _decoded(one)
        Check(one, response, known, usual).step(step)
        for single in _singles(step):
            identity = _identity(single)
            seen[identity] = seen.get(identity, 0) + 1
            if seen[identity] > 1:
                identity = f"{identity}-{seen[identity]}"
            yield Action(identity, single, index)


def _singles(step: Step) -> tuple[Step, ...]:
    """One step for each channel, so that one that fails repeats no other."""
    if not isinstance(step, Post) or len(step.names) == 1:
        return (step,)
    return tuple(
        msgspec.structs.replace(
            step,
            channel=name,
            channels=(),
            name=f"{step.name} ({name})" if step.name else "",
        )
        for name in dict.fromkeys(step.names)
    )


def _decoded(part: Document) -> Step:
    kind: type[Step] = AnyStep  # type: ignore[assignment]  # a union, which decode takes as well
    return decode(part, kind)


def _identity(step: Step) -> str:
    said = msgspec.to_builtins(step, enc_hook=_revealed)
    said.pop("name", None)
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()[:_DIGITS]


def _revealed(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else str(value)


def _title(step: Step) -> str:
    match step:
        case Page(policy=policy):
            return f"Page {policy or 'on-call'}"
        case Post():
            return f"Post to {', '.join(step.names)}"
        case SlackChannel():
            return "Create a channel in Slack"
        case Mail():
            return f"Mail {', '.join(step.names)}"
        case StatusPage():
            return "Tell the status page"
        case Ticket(tracker=tracker):
            return f"Create a ticket{f' in {tracker}' if tracker else ''}"
        case Assign(to=to, role=role):
            return f"Assign {role or 'the incident'} to {to}"
        case Task(text=text):
            return text
        case _:
            return {"webhook": "Call a webhook", "note": "Write a note"}[kind_of(step)]
