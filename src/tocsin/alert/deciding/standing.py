"""Does an alert fire, in which groups, and does anything hold it back on all of its routes?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tocsin.alert.deciding.circumstances import Circumstances
from tocsin.alert.deciding.holding import fires, flaps, holds
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.routing.group import group_key, group_labels
from tocsin.alert.routing.route import matching, why_muted
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert at one moment. `held` has for each of its routes, or once when there are none, the
    stages that hold it back there."""

    alert: Alert
    fires: bool
    flaps: bool
    held: tuple[frozenset[str], ...]

    def is_held(self, even_when: Collection[str] = ()) -> bool:
        """Whether nobody would be told of it on any route, for reasons beside these."""
        return all(stages - set(even_when) for stages in self.held)


def standing(alert: Alert, plan: RoutingPlan | None, around: Circumstances, now: int) -> Standing:
    """What becomes of the alert at that moment, leaving apart what was told before."""
    basis, facts = around.basis, around.facts(alert, alert.fingerprint, now)
    routes = matching(plan.root, alert.labels) if plan else []
    muted = [why_muted(route, basis.intervals, now) for route in routes] or [""]
    return Standing(
        alert=alert,
        fires=fires(basis, facts),
        flaps=flaps(basis, facts),
        held=tuple(
            frozenset(hold.stage.value for hold in holds(basis, facts, why)) for why in muted
        ),
    )


def group_keys(plan: RoutingPlan | None, labels: Labels) -> tuple[str, ...]:
    """The groups that an alert of these labels belongs to; those that all alerts belong to are left
    out."""
    if plan is None:
        return ()
    found = []
    for route in matching(plan.root, labels):
        by = group_labels(route, labels)
        if by:
            found.append(group_key(route, by))
    return tuple(dict.fromkeys(found))
