"""Alerts that are told together, while they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from tocsin.alert.routing.group import told_order
from tocsin.alert.routing.route import Route
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels


@dataclass(slots=True)
class Group:
    """Alerts that are told together; `due_ms` is when they are looked at next."""

    route: Route
    labels: Labels
    key: str
    due_ms: int
    alerts: dict[Labels, Alert] = field(default_factory=dict)
    was_told: bool = False
    is_busy: bool = False

    def in_order(self) -> list[Alert]:
        """Its alerts as they are told: by job, then instance, then the whole label set."""
        return sorted(self.alerts.values(), key=lambda alert: told_order(alert.labels))
