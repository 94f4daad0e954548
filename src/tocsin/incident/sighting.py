"""What do alerts that fire come to: which incident do they join, and which do they open? Pure."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tocsin.incident import bounds
from tocsin.incident.config import LABEL, IncidentsConfig
from tocsin.incident.request import Author, Draft, Firing
from tocsin.model.alerts import Alert
from tocsin.model.incidents import Incident, Link
from tocsin.model.labels import Labels, get

_LONGEST_KEY = 200
_DRILL = "drill"
_TITLES = ("summary", "title", "message")
_DESCRIPTIONS = ("description", "message", "summary")

GroupKeys = Callable[[Labels], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Sighted:
    """An alert that fires, the severity of the incident it belongs to, and by which keys others
    belong to the same, the most telling first."""

    alert: Alert
    severity: str
    keys: tuple[str, ...]
    is_quiet: bool = False
    taken: Author | None = None
    """Who took it on before any incident was there."""

    @property
    def ref(self) -> str:
        """Its fingerprint."""
        return self.alert.fingerprint


@dataclass(frozen=True, slots=True)
class Joining:
    """These join that incident; `reopens` when it was resolved a moment ago."""

    number: str
    alerts: tuple[Sighted, ...]
    reopens: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """These open one."""

    alerts: tuple[Sighted, ...]


@dataclass(slots=True)
class _Cluster:
    """What belongs together: alerts, and perhaps an incident that is there."""

    order: int
    incident: Incident | None = None
    alerts: list[Sighted] = field(default_factory=list)


def severity_of(labels: Labels, config: IncidentsConfig) -> str:
    """Of the incident that an alert of these labels opens; empty when it opens none. A drill's
    opens one only when its label `incident` says so."""
    if get(labels, _DRILL) and not get(labels, LABEL):
        return ""
    return config.severity_of(labels)


def keys_of(labels: Labels, config: IncidentsConfig, groups: GroupKeys) -> tuple[str, ...]:
    """By what others belong to the same incident, the most telling first; never empty."""
    values = [(name, get(labels, name)) for name in config.join.by]
    found: list[str] = []
    if values and all(value for _, value in values):
        found.append(_key(",".join(f"{name}={value}" for name, value in values)))
    if config.join.group:
        found += [_key(f"group {key}") for key in groups(labels)]
    drill = get(labels, _DRILL)
    prefix = f"drill {drill} " if drill else ""
    return tuple(
        f"{prefix}{one}"[:_LONGEST_KEY]
        for one in found or (_key(f"alertname={get(labels, 'alertname')}"),)
    )


def _key(text: str) -> str:
    if len(text) <= _LONGEST_KEY // 2:
        return text
    return text[: _LONGEST_KEY // 4] + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def judge(
    sighted: Iterable[Sighted],
    incidents: Sequence[Incident],
    config: IncidentsConfig,
    groups: GroupKeys,
    now: int,
) -> list[Joining | Opening]:
    """What becomes of alerts that no open incident has as firing. `incidents` are those that are
    open, or were resolved since the alerts began or within `join.reopen`.

    An alert of an incident that people resolved while it went on belongs there and opens nothing.
    """
    table = _Clusters(config, groups, now)
    for incident in sorted(incidents, key=lambda one: (one.is_over, one.id)):
        if not incident.merged_into:
            table.add(incident)
    for one in sorted(sighted, key=lambda one: (config.rank(one.severity), one.alert.starts_ms)):
        table.place(one)
    return [_act(cluster) for cluster in table.all if cluster.alerts]


class _Clusters:
    """Clusters, found by the alerts they have and by the keys of these."""

    def __init__(self, config: IncidentsConfig, groups: GroupKeys, now: int) -> None:
        self.all: list[_Cluster] = []
        self._config = config
        self._groups = groups
        self._now = now
        self._by_ref: dict[str, _Cluster] = {}
        self._by_key: dict[str, _Cluster] = {}
        self._seen: dict[str, int] = {}
        """When alerts began to fire, as of now, that were part of what people resolved."""

    def add(self, one: Incident) -> None:
        """An incident that is there; those that are open come before those that are over."""
        cluster = self._new(one)
        alerts = one.of_kind("alert")
        for link in alerts:
            if not one.is_over:
                self._by_ref.setdefault(link.ref, cluster)
            elif not link.ends_ms:
                self._seen[link.ref] = max(link.starts_ms, self._seen.get(link.ref, 0))
        if _takes(one, self._config, self._now):
            for key in _incident_keys(one, self._config, self._groups):
                self._by_key.setdefault(key, cluster)

    def place(self, one: Sighted) -> None:
        """Where the alert belongs; nowhere when it was seen already."""
        if one.ref not in self._by_ref and one.alert.starts_ms <= self._seen.get(one.ref, -1):
            return
        cluster = self._by_ref.get(one.ref)
        if cluster is None:
            found = [self._by_key[key] for key in one.keys if key in self._by_key]
            cluster = min(found, key=lambda each: each.order) if found else self._new(None)
        for key in one.keys:
            self._by_key.setdefault(key, cluster)
        cluster.alerts.append(one)

    def _new(self, one: Incident | None) -> _Cluster:
        cluster = _Cluster(len(self.all), one)
        self.all.append(cluster)
        return cluster


def _act(cluster: _Cluster) -> Joining | Opening:
    alerts, incident = tuple(cluster.alerts), cluster.incident
    if incident is None:
        return Opening(alerts)
    return Joining(incident.number, alerts, reopens=incident.is_over)


def _incident_keys(one: Incident, config: IncidentsConfig, groups: GroupKeys) -> set[str]:
    labels = {link.labels for link in itertools.islice(one.of_kind("alert"), 200)}
    keys = {key for each in labels for key in keys_of(each, config, groups)}
    if one.join_key:
        keys.add(one.join_key)
    if config.join.by == ("service",) and not one.is_drill:
        keys |= {_key(f"service={name}") for name in one.services}
    return keys


def _takes(one: Incident, config: IncidentsConfig, now: int) -> bool:
    """Whether an alert that belongs there may still join it, or open it again."""
    if one.is_over:
        return bool(config.join.reopen) and now - one.resolved_ms <= config.join.reopen.ms
    alerts = one.of_kind("alert")
    if any(not link.ends_ms for link in alerts):
        return True
    last = max((one.opened_ms, *(max(link.starts_ms, link.ends_ms) for link in alerts)))
    return now - last <= config.join.window.ms


def link_of(alert: Alert) -> Link:
    """An alert as an incident has it."""
    return Link(
        kind="alert",
        ref=alert.fingerprint,
        title=bounds.cut(get(alert.labels, "alertname"), bounds.NAME) or "an alert",
        url=bounds.address(alert.generator_url),
        labels=alert.labels,
        starts_ms=alert.starts_ms,
        is_moment=alert.is_moment,
    )


def firing_of(alerts: Sequence[Sighted], config: IncidentsConfig) -> Firing:
    """These as they join an incident."""
    return Firing(
        links=tuple(link_of(one.alert) for one in alerts),
        severity=config.worst(*(one.severity for one in alerts)),
        services=_services(alerts),
        is_quiet=all(one.is_quiet for one in alerts),
        taken=_taken(alerts, config),
    )


def draft_of(alerts: Sequence[Sighted], config: IncidentsConfig) -> Draft:
    """The incident that these open; the worst of them, then the first, names it."""
    first = min(alerts, key=lambda one: (config.rank(one.severity), one.alert.starts_ms))
    labels = first.alert.labels
    is_drill = bool(get(labels, _DRILL))
    title = _title(first.alert)
    return Draft(
        severity=first.severity,
        title=f"DRILL: {title}"[: bounds.TITLE] if is_drill else title,
        description=bounds.cut(_annotation(first.alert, _DESCRIPTIONS), bounds.TEXT),
        services=_services(alerts),
        links=tuple(link_of(one.alert) for one in alerts)[: bounds.MOST_LINKS],
        join_key=first.keys[0],
        started_ms=min(one.alert.starts_ms for one in alerts),
        is_drill=is_drill,
        taken=_taken(alerts, config),
    )


def _taken(alerts: Sequence[Sighted], config: IncidentsConfig) -> Author | None:
    """Who took on one of the worst of them: who knows of a lesser one does not know of these."""
    worst = min(config.rank(one.severity) for one in alerts)
    return next(
        (one.taken for one in alerts if one.taken and config.rank(one.severity) == worst), None
    )


def _title(alert: Alert) -> str:
    said = bounds.cut(_annotation(alert, _TITLES), bounds.TITLE)
    if said:
        return said
    name, service = get(alert.labels, "alertname"), get(alert.labels, "service")
    whole = f"{name or 'An alert'} on {service}" if service else name or "An alert"
    return bounds.cut(whole, bounds.TITLE)


def _annotation(alert: Alert, names: Sequence[str]) -> str:
    return next((text for name in names if (text := get(alert.annotations, name).strip())), "")


def _services(alerts: Sequence[Sighted]) -> tuple[str, ...]:
    found = (bounds.cut(get(one.alert.labels, "service"), bounds.WORD) for one in alerts)
    return tuple(dict.fromkeys(one for one in found if one))[: bounds.MOST_SERVICES]
