"""What is true of an alert just now? The state of every room that may hold it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.alert.attention.silence import Silences
from tocsin.alert.config import AlertingConfig
from tocsin.alert.deciding.dependency import Dependencies, root_cause
from tocsin.alert.deciding.flap import FlapKeeper, Flaps
from tocsin.alert.deciding.holding import Acked, Basis, Facts, basis_of
from tocsin.alert.deciding.receipt import ReceiptKeeper
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.routing.inhibit import Inhibitor
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels


class Acknowledgement(Protocol):
    """Who said that they know of an alert; `until_ms` 0 means until it is over."""

    @property
    def by(self) -> str: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def until_ms(self) -> int: ...
    @property
    def note(self) -> str: ...


class Acknowledgements(Protocol):
    """Which alerts somebody has taken on."""

    def of(self, fingerprint: str, now_ms: int) -> Acknowledgement | None:
        """Who has; None when nobody has, or no longer."""

    async def forget(self, fingerprints: Iterable[str]) -> None:
        """These alerts are over. Raises Temporary when that cannot be kept."""


class Maintenance(Protocol):
    """When is what being worked on?"""

    def covering(self, labels: Labels, now_ms: int) -> Sequence[str]:
        """The names of the windows that hold such an alert back."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """What routing works with that Alertmanager does not have; None where there is none."""

    acknowledgements: Acknowledgements | None = None
    maintenance: Maintenance | None = None
    flaps: FlapKeeper | None = None
    receipts: ReceiptKeeper | None = None


class Circumstances:
    """Everything that decisions look at, looked up by alert."""

    def __init__(self, silences: Silences, beyond: Beyond) -> None:
        self.silences = silences
        self.acknowledgements = beyond.acknowledgements
        self.flaps = Flaps(beyond.flaps)
        self.basis = Basis()
        self._maintenance = beyond.maintenance
        self._inhibitor = Inhibitor(())
        self._dependencies = Dependencies(())

    def configure(self, plan: RoutingPlan | None, config: AlertingConfig | None) -> None:
        """Put a configuration in force; every alert is to be shown (`saw`) again."""
        self.basis = basis_of(
            plan.root if plan else None,
            plan.intervals if plan else {},
            plan.inhibit_rules if plan else (),
            config,
        )
        self._inhibitor = Inhibitor(self.basis.inhibit_rules)
        self._dependencies = Dependencies(self.basis.dependencies)
        self.flaps.rule = self.basis.flapping

    def saw(self, alert: Alert, now_ms: int) -> None:
        """An alert is new or changed."""
        self._inhibitor.saw(alert)
        self._dependencies.saw(alert)
        self.flaps.saw(alert, now_ms)

    def forget(self, labels: Labels) -> None:
        """An alert is gone."""
        self._inhibitor.forget(labels)
        self._dependencies.forget(labels)

    def inhibited_by(self, alert: Alert, now_ms: int) -> Alert | None:
        """The firing alert that holds this one back by a rule of inhibition, if there is one."""
        return self._inhibitor.inhibited_by(alert.labels, now_ms)

    def follows_from(self, alert: Alert, now_ms: int) -> Alert | None:
        """The firing alert from which this one follows in the end, if there is one."""
        causes = self._dependencies.causes_of(alert.labels, now_ms)
        found = root_cause(self.basis.dependencies, alert, causes, now_ms) if causes else None
        return found.cause if found is not None else None

    def facts(self, alert: Alert, name: str, now_ms: int) -> Facts:
        """All that holding the alert back depends on; `name` is its fingerprint."""
        labels = alert.labels
        source = self._inhibitor.inhibited_by(labels, now_ms)
        silences = self.silences.silenced_by(labels, now_ms)
        windows = self._maintenance.covering(labels, now_ms) if self._maintenance else ()
        found = None
        if self.acknowledgements is not None:
            found = self.acknowledgements.of(name, now_ms)
        return Facts(
            alert=alert,
            at_ms=now_ms,
            sources=(source,) if source is not None else (),
            silences=tuple(self.silences.get(one) for one in silences) if silences else (),
            maintenance=tuple(windows),
            causes=self._dependencies.causes_of(labels, now_ms),
            flap=self.flaps.of(name),
            acknowledgement=_acked(found) if found is not None else None,
        )


def _acked(found: Acknowledgement) -> Acked:
    return Acked(by=found.by, at_ms=found.at_ms, until_ms=found.until_ms, note=found.note)
