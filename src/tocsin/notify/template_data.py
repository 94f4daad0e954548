"""What does a notification's template see? Alertmanager's data.

https://prometheus.io/docs/alerting/latest/notifications/#data
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tocsin.kit.go_time import GoTime
from tocsin.model.labels import Labels
from tocsin.model.notices import Notice, NoticeAlert

_QUOTED = re.compile(r"([\\.+*?()|\[\]{}^$])")


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and its value."""

    Name: str
    Value: str


class Pairs(list[Pair]):
    """Pairs in order."""

    def Names(self) -> list[str]:  # noqa: N802 - the name in templates
        """Their names."""
        return [pair.Name for pair in self]

    def Values(self) -> list[str]:  # noqa: N802 - the name in templates
        """Their values."""
        return [pair.Value for pair in self]


class Labelled(dict[str, str]):
    """Labels or annotations; one that is not there renders as nothing."""

    def SortedPairs(self) -> Pairs:  # noqa: N802 - the name in templates
        """By name, `alertname` first."""
        names = sorted(self, key=lambda name: (name != "alertname", name))
        return Pairs(Pair(name, self[name]) for name in names)

    def Remove(self, names: Iterable[str]) -> Labelled:  # noqa: N802 - the name in templates
        """Without these."""
        unwanted = set(names)
        return Labelled({name: self[name] for name in self if name not in unwanted})

    def Names(self) -> list[str]:  # noqa: N802 - the name in templates
        """The names, in the order of SortedPairs."""
        return self.SortedPairs().Names()

    def Values(self) -> list[str]:  # noqa: N802 - the name in templates
        """The values, in the order of SortedPairs."""
        return self.SortedPairs().Values()

    def __gotemplate_lookup__(self, name: str) -> object:
        """A method, as Go has it, before a key."""
        if name in ("SortedPairs", "Remove", "Names", "Values"):
            return getattr(self, name)
        return self.get(name, "")

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class AlertData:
    """One alert, under the names that templates use."""

    Status: str
    Labels: Labelled
    Annotations: Labelled
    StartsAt: GoTime
    EndsAt: GoTime
    GeneratorURL: str
    Fingerprint: str


class Alerts(list[AlertData]):
    """Alerts in the order in which they are told."""

    def Firing(self) -> Alerts:  # noqa: N802 - the name in templates
        """Those that fire."""
        return Alerts(alert for alert in self if alert.Status == "firing")

    def Resolved(self) -> Alerts:  # noqa: N802 - the name in templates
        """Those that are over."""
        return Alerts(alert for alert in self if alert.Status == "resolved")


@dataclass(frozen=True, slots=True)
class Data:
    """The whole message, under the names that templates use."""

    Receiver: str
    Status: str
    Alerts: Alerts
    GroupLabels: Labelled
    CommonLabels: Labelled
    CommonAnnotations: Labelled
    ExternalURL: str
    Actions: Pairs = field(default_factory=Pairs)
    """What can be done by following a link: words and address. Alertmanager has no such thing."""


def data_of(notice: Notice, external_url: str, actions: Pairs | None = None) -> Data:
    """What templates see of a message. Receiver is quoted as a regular expression, as there."""
    alerts = notice.alerts
    return Data(
        Receiver=_QUOTED.sub(r"\\\1", notice.receiver),
        Status=notice.status,
        Alerts=Alerts(_alert(alert) for alert in alerts),
        GroupLabels=Labelled(notice.group_labels),
        CommonLabels=_common([alert.labels for alert in alerts]),
        CommonAnnotations=_common([alert.annotations for alert in alerts]),
        ExternalURL=external_url,
        Actions=actions or Pairs(),
    )


def _alert(alert: NoticeAlert) -> AlertData:
    return AlertData(
        Status=alert.status,
        Labels=Labelled(alert.labels),
        Annotations=Labelled(alert.annotations),
        StartsAt=GoTime(alert.starts_ms),
        EndsAt=GoTime(alert.ends_ms or None),
        GeneratorURL=alert.generator_url,
        Fingerprint=alert.fingerprint,
    )


def _common(sets: Sequence[Labels]) -> Labelled:
    """What all have in common."""
    if not sets:
        return Labelled()
    shared = set(sets[0]).intersection(*sets[1:])
    return Labelled(sorted(shared))
