"""What does a sentence of a playbook ask for? "Page on-call engineer immediately" pages.

A sentence whose meaning nothing is configured for, like any other, is what people do: a task.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tocsin.incident.response.known import Known
from tocsin.incident.response.settings import ResponseConfig
from tocsin.incident.response.steps import (
    Mail,
    Note,
    Page,
    Post,
    SlackChannel,
    StatusPage,
    Step,
    Task,
    Ticket,
)

_TIMELINE = "The timeline of {incident_id} is kept here by itself; notes and pictures add to it."
_LOOSE = re.compile(r"[^a-z0-9]+")

Understood = tuple[Step, str]
"""The step, and what is missing for what the sentence asks; empty when nothing is."""

Reader = Callable[[str, Known, ResponseConfig], Understood]


def understood(sentence: str, known: Known, config: ResponseConfig) -> Understood:
    """What the sentence comes to."""
    text = " ".join(sentence.split())
    for pattern, reader in _READERS:
        if pattern.search(text):
            return reader(text, known, config)
    return Task(text=text), ""


def _page(text: str, known: Known, config: ResponseConfig) -> Understood:
    if known.policies:
        return Page(name=text), ""
    pagers = [name for name, kind in known.channels.items() if kind in ("pagerduty", "opsgenie")]
    if pagers:
        return Post(name=text, channels=tuple(pagers)), ""
    return Task(text=text), "define an escalation policy under oncall.policies"


def _pagerduty(text: str, known: Known, config: ResponseConfig) -> Understood:
    names = tuple(name for name, kind in known.channels.items() if kind == "pagerduty")
    if names:
        return Post(name=text, channels=names), ""
    return Task(text=text), "define a channel of the kind pagerduty under alerting.channels"


def _slack_channel(text: str, known: Known, config: ResponseConfig) -> Understood:
    if known.has_slack:
        return SlackChannel(name=text, invite=("on_call", "assignee")), ""
    return Task(text=text), "give a Slack bot's token under incidents.response.slack"


def _status_page(text: str, known: Known, config: ResponseConfig) -> Understood:
    if known.has_status_page:
        return StatusPage(name=text), ""
    return Task(text=text), "configure status_page"


def _timeline(text: str, known: Known, config: ResponseConfig) -> Understood:
    return Note(name=text, text=_TIMELINE), ""


def _ticket(text: str, known: Known, config: ResponseConfig) -> Understood:
    if config.trackers:
        return Ticket(name=text), ""
    return Task(text=text), "define a tracker under incidents.response.trackers"


def _mail(text: str, known: Known, config: ResponseConfig) -> Understood:
    found = _named(text, tuple(config.lists))
    if found and known.has_mail:
        return Mail(name=text, to=found), ""
    remedy = "define the list it names under incidents.response.lists, and a mail server"
    return Task(text=text), remedy


def _tell(text: str, known: Known, config: ResponseConfig) -> Understood:
    """Channels that the sentence names, else a list that it names, else the team's."""
    named = _named(text, tuple(known.channels))
    if named:
        return Post(name=text, channels=named), ""
    lists = _named(text, tuple(config.lists))
    if lists and known.has_mail:
        return Mail(name=text, to=lists), ""
    if config.channels:
        return Post(name=text, channels=config.channels), ""
    return Task(text=text), "name the team's channels in incidents.response.channels"


def _named(text: str, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that stand in the sentence, `engineering-team` as "engineering team"."""
    loose = f" {_LOOSE.sub(' ', text.lower()).strip()} "
    return tuple(name for name in names if f" {_LOOSE.sub(' ', name.lower()).strip()} " in loose)


_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (re.compile(r"\bpager ?duty\b", re.I), _pagerduty),
    (re.compile(r"^(?:please )?page\b|\bpage (?:the )?on.?call\b", re.I), _page),
    (re.compile(r"\b(?:create|open|start|make)\b.*\bslack\b", re.I), _slack_channel),
    (
        re.compile(r"\b(?:create|open|start|make)\b.*\b(?:incident|war) (?:channel|room)\b", re.I),
        _slack_channel,
    ),
    (
        re.compile(r"\b(?:begin|start|open|create|update|post)\b.*\bstatus ?page\b", re.I),
        _status_page,
    ),
    (re.compile(r"\b(?:start|begin|keep|open)\b.*\b(?:timeline|documentation)\b", re.I), _timeline),
    (re.compile(r"\b(?:create|open|file|raise)\b.*\b(?:ticket|issue)\b", re.I), _ticket),
    (re.compile(r"^(?:send )?(?:an? )?e-?mail\b", re.I), _mail),
    (re.compile(r"^(?:alert|notify|tell|inform|post|send)\b", re.I), _tell),
)
