"""What stands under `incidents` in `tocsin.yaml`?"""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.alert.config import Condition
from tocsin.alert.routing.matchers import matches_all
from tocsin.incident.response.settings import ResponseConfig
from tocsin.incident.severity import NOBODY, SHIPPED, SeverityLevel, completed
from tocsin.kit.document import Document, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration, Size
from tocsin.model.labels import Labels, get

LABEL = "incident"
"""The label of an alert that says its incident's severity, or `none`."""

HeldBack = Literal["inhibition", "silence", "maintenance", "time", "dependency"]


class OpenOn(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that open an incident of a severity."""

    match: tuple[Condition, ...] | Condition
    """Conditions on their labels, all of which must hold, such as `severity=~"critical|page"`."""
    severity: str
    """One of `severities`; `none`: they open no incident."""

    def __post_init__(self) -> None:
        if not self.match:
            raise Rejected('match needs at least one condition, such as severity="critical"')

    def matches(self, labels: Labels) -> bool:
        """Whether it speaks of an alert of these labels."""
        conditions = (self.match,) if isinstance(self.match, str) else self.match
        return all(matches_all(one.matchers, labels) for one in conditions)


class JoinConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts belong to one incident."""

    by: tuple[str, ...] = ("service",)
    """Labels whose values they have in common; an alert that lacks one of them joins by its group
    alone. Empty: by groups alone."""
    group: bool = True
    """Alerts that are routed as one group belong together as well."""
    window: Duration = Duration(1800)
    """How long after the last of an incident's alerts fired or ended another one joins it. While
    one of them fires, others always join."""
    reopen: Duration = Duration(1800)
    """An alert that fires so soon after such an incident was resolved opens it again; 0: never."""

    def __post_init__(self) -> None:
        if not self.by and not self.group:
            raise Rejected("by needs at least one label when alerts of a group do not join")


def _shipped_openings() -> tuple[OpenOn, ...]:
    values = (("critical", "P0"), ("high", "P1"), ("medium", "P2"), ("warning", "P2"))
    # An incident about a channel would be told through the same channels.
    channels = OpenOn(match=Condition('alertname="NotificationChannelFailing"'), severity=NOBODY)
    return (
        channels,
        *(
            OpenOn(match=Condition(f'severity=~"(?i:{value})"'), severity=severity)
            for value, severity in values
        ),
    )


class IncidentsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes an incident, what its severities mean, and what follows by itself."""

    enabled: bool = True
    """Off: alerts open no incidents; people may still open them."""
    severities: dict[str, SeverityLevel] = {}
    """By name, the most severe first: `P0: {name, description, criteria, response_time,
    update_every, escalation, urgency, actions}`. Names other than P0 to P3 replace the shipped."""
    open_on: tuple[OpenOn, ...] = _shipped_openings()
    """The first that matches an alert says its incident's severity: a list of `{match, severity}`.
    As shipped critical opens P0, high P1, medium and warning P2, but Tocsin's own alert about a
    channel that fails opens none. An alert's label `incident: P1`, or `incident: none`, wins over
    all of them."""
    even_when: tuple[HeldBack, ...] = ()
    """Reasons for which an alert is told nobody and opens an incident all the same."""
    join: JoinConfig = JoinConfig()
    auto_resolve: Duration = Duration(900)
    """How long after all of its alerts have resolved an incident is resolved; 0: only by people."""
    webhook_limit: int = 20
    """So many incidents may one key open by the webhook within an hour; what it tells beyond that
    joins the newest of them that is open, and is refused for a while when none is."""
    roles: tuple[str, ...] = ("commander", "communications")
    """What people do in an incident, as the pages offer it."""
    largest_image: Size = Size(10 << 20)
    """What a picture on a timeline may have."""
    templates: Document | None = None
    """What is told to others at which moment: `{initial, update, resolution}`, each a template or
    `{text, subject, public, customers, customers_subject, notation}`."""
    response: ResponseConfig = ResponseConfig()
    """What the severities' `actions` need to reach others."""
    post_mortem: Document | None = None
    """How documents about resolved incidents come about."""

    def __post_init__(self) -> None:
        if self.webhook_limit < 1:
            raise Rejected("webhook_limit must be at least 1")
        levels = completed(self.severities)
        msgspec.structs.force_setattr(self, "severities", levels)
        if self.open_on == _shipped_openings() and not set(SHIPPED) <= set(levels):
            msgspec.structs.force_setattr(self, "open_on", _by_rank(tuple(levels)))

    def level(self, severity: str) -> SeverityLevel:
        """What that severity means; nothing in particular when it is not configured any more."""
        return self.severities.get(severity) or SeverityLevel(name=severity)

    def rank(self, severity: str) -> int:
        """0 for the most severe; one that is not configured comes last."""
        names = list(self.severities)
        return names.index(severity) if severity in self.severities else len(names)

    def worst(self, *severities: str) -> str:
        """The most severe of them."""
        return min(severities, key=self.rank)

    def checked(self, severity: str) -> str:
        """The severity as it is configured, however it is capitalised. Raises Rejected."""
        for name in self.severities:
            if name.lower() == severity.strip().lower():
                return name
        known = ", ".join(self.severities)
        raise Rejected(f"there is no severity {severity[:40]!r}; known are {known}")

    def severity_of(self, labels: Labels) -> str:
        """Of the incident that an alert of these labels opens; empty when it opens none."""
        if (said := get(labels, LABEL).strip()) and said.lower() == NOBODY:
            return ""
        for name in self.severities:
            if said.lower() == name.lower():
                return name
        found = next((one.severity for one in self.open_on if one.matches(labels)), NOBODY)
        return "" if found == NOBODY else found


def _by_rank(levels: tuple[str, ...]) -> tuple[OpenOn, ...]:
    """As shipped, for levels of other names: the first for critical, the second for high."""
    ranks = {NOBODY: NOBODY, **dict(zip(SHIPPED, levels, strict=False))}
    return tuple(
        OpenOn(match=one.match, severity=ranks[one.severity])
        for one in _shipped_openings()
        if one.severity in ranks
    )


def check_severities(document: Document, config: IncidentsConfig) -> None:
    """Raises ConfigError when `incidents.open_on` names a severity that is not there."""
    levels = config.severities
    for number, one in enumerate(config.open_on):
        if one.severity != NOBODY and one.severity not in levels:
            problem = f"there is no severity {one.severity!r} in incidents.severities; known are "
            problem += f"{', '.join(levels)}, or {NOBODY} for no incident"
            path = ("incidents", "open_on", number, "severity")
            raise document.error(problem, *path, nearest=nearest(one.severity, levels))
