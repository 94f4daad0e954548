"""Who can be called, and how?"""

from __future__ import annotations

import msgspec


class ContactMethod(msgspec.Struct, frozen=True, kw_only=True):
    """One way to reach a person: `kind` is "push", "sms", "call", "email", "slack", "telegram",
    "channel" (one of `alerting.channels`) …; `address` what that kind needs (a number, an address,
    a member's id, a channel's name); empty for push, which reaches every browser that the person
    has allowed to be rung."""

    name: str
    kind: str
    address: str = ""


class NotifyStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a person's own rules: by that method, so long after being paged."""

    method: str
    """The name of one of the person's methods."""
    after_ms: int = 0


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can be on call; `name` is also the login, when there is one."""

    name: str
    full_name: str = ""
    email: str = ""
    timezone: str = "UTC"
    methods: tuple[ContactMethod, ...] = ()
    rules: tuple[NotifyStep, ...] = ()
    """By urgency "high", in order; empty: every method at once."""
    low_rules: tuple[NotifyStep, ...] = ()
    """By urgency "low"; empty: only the first method."""


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """People who are called together."""

    name: str
    members: tuple[str, ...]
    description: str = ""


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which one person is on call; ms since the epoch, the end not included."""

    schedule: str
    layer: str
    """The layer or "override" that says so."""
    person: str
    starts_ms: int
    ends_ms: int
