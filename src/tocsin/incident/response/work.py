"""What is one action about, while it is being done, and what comes of it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from tocsin.incident.response.actions import Action
from tocsin.incident.words.catalog import Audience, Catalog, Moment, Said
from tocsin.incident.words.fields import Value
from tocsin.incident.words.template import template_of
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Entry, Incident, Link

DONE, LEFT_OUT, FAILING, FAILED = "done", "left out", "failing", "failed"
"""What an entry says came of an action."""
CLOSE = "close"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """An errand's content: which action, at which moment, and what was said then."""

    identity: str
    shown: str
    moment: str
    """A `Moment`'s value, or "close"."""
    at_ms: int
    text: str = ""
    eta: str = ""
    author: str = ""
    public: str = ""
    """What was written for those outside; empty when nothing was."""
    tried_again: bool = False
    """Whether people asked for it after it had failed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: a sentence for people, and what programs need of it later."""

    text: str
    data: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[Link] = ()
    """What was made and belongs to the incident from now on."""
    state: str = DONE


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that doing an action needs."""

    key: str
    """The errand's: the same for every attempt, so that what was made is recognised."""
    action: Action
    job: Job
    incident: Incident
    entries: Sequence[Entry]
    values: Mapping[str, Value]
    catalog: Catalog
    attempts: int = 1

    @property
    def moment(self) -> Moment:
        """When it is; closing says nothing of its own and counts as the end."""
        return Moment.RESOLUTION if self.job.moment == CLOSE else Moment(self.job.moment)

    def say(self, audience: Audience, *, text: str = "", subject: str = "") -> Said:
        """The words for an audience; `text` and `subject` are templates of the action's own, for
        the beginning. Raises Rejected when they cannot be made."""
        values = dict(self.values)
        if audience is not Audience.INTERNAL:
            # Nobody outside reads what was written for colleagues.
            values["update"] = values["progress_description"] = self.job.public
        said = self.catalog.say(self.moment, audience, values)
        if self.moment is not Moment.INITIAL:
            return said
        return Said(
            template_of(text).fill(values) if text else said.text,
            " ".join(template_of(subject).fill(values).split()) if subject else said.subject,
        )

    def fill(self, source: str) -> str:
        """A template of the action's own."""
        return template_of(source).fill(self.values)

    def made(self, name: str) -> str:
        """What an earlier action left under that name, the newest; empty when none did."""
        return made(self.entries, name)


class Doer(Protocol):
    """Does the actions of one kind."""

    async def do(self, work: Work) -> Outcome:
        """Raises Temporary (it is tried again), Rejected or Permanent (a person must act). It must
        end within 40 s, and done twice it must do no harm."""


def made(entries: Sequence[Entry], name: str) -> str:
    """What actions left on the timeline under that name, the newest; empty when none did."""
    found = (
        entry.data[name]
        for entry in reversed(entries)
        if entry.kind == "action" and entry.data.get(name)
    )
    return next(found, "")


def has_outcome(entries: Sequence[Entry], key: str) -> bool:
    """Whether that errand came to its end, and only the note of it was lost."""
    return any(
        entry.kind == "action"
        and entry.data.get("errand") == key
        and entry.data.get("outcome") in (DONE, LEFT_OUT)
        for entry in entries
    )


def was_done(entries: Sequence[Entry], identity: str) -> bool:
    """Whether the action was done when the incident began, in whatever severity."""
    return any(
        entry.kind == "action"
        and entry.data.get("action") == identity
        and entry.data.get("outcome") == DONE
        and entry.data.get("moment") == Moment.INITIAL.value
        for entry in entries
    )


def decoded(content: bytes) -> Job:
    """Raises Rejected for what no version of Tocsin wrote."""
    try:
        return msgspec.json.decode(content, type=Job)
    except msgspec.MsgspecError as error:
        raise Rejected(f"this action cannot be read: {error}") from error
