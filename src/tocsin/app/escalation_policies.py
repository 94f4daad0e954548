"""Which escalation policies does a configuration have, and whom do severities call by name?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocsin.alert.policy.severity import Level, StepConfig
from tocsin.app.config import Loaded
from tocsin.app.oncall import on_call_plan
from tocsin.incident.severity import NOBODY
from tocsin.kit.document import Document, nearest
from tocsin.oncall.escalation.config import Policies, read_policies
from tocsin.oncall.roster import Roster


def read_escalations(loaded: Loaded, roster: Roster) -> Policies:
    """The policies of a configuration. Raises ConfigError or OnCallError."""
    config = loaded.config
    given = config.oncall
    matrix, channels = given.escalation_matrix, _channels(loaded)
    roles = loaded.document.get("oncall", "roles")
    policies = read_policies(given.policies, matrix, given.roles, roster, channels, roles)
    for severity, level in config.incidents.severities.items():
        name = level.escalation
        if name in ("", NOBODY) or policies.targets(name) is not None:
            continue
        known = sorted(policies.by_name)
        problem = (
            f"{name!r} is no policy of oncall.policies, and nobody's name in oncall; known "
            f"policies: {', '.join(known) or 'none'}"
        )
        path = ("incidents", "severities", severity, "escalation")
        raise loaded.document.error(problem, *path, nearest=nearest(name, known))
    return policies


def names_called(loaded: Loaded, levels: Sequence[Level]) -> tuple[str, ...]:
    """Those of the names to which `severities` escalate that mean somebody in `oncall`. Raises as
    `read_escalations`."""
    said = {
        step.to if isinstance(step, StepConfig) else step
        for level in levels
        for step in level.said.escalation
    }
    given = loaded.config.oncall
    if not said or (given.people is None and given.schedules is None):
        return ()
    # Who is on call when does not matter to what a name means.
    policies = read_escalations(loaded, on_call_plan(loaded, 0).roster)
    return tuple(sorted(name for name in said if policies.targets(name) is not None))


def _channels(loaded: Loaded) -> tuple[str, ...]:
    receivers = loaded.alertmanager.get("receivers") if loaded.alertmanager else None
    return (*loaded.config.alerting.channels, *_names(receivers))


def _names(receivers: Document | None) -> list[str]:
    listed = receivers.data if receivers else None
    entries = listed if isinstance(listed, list) else []
    return [
        str(one["name"])
        for one in entries
        if isinstance(one, dict) and one.get("name") and _tells(one)
    ]


def _tells(receiver: Mapping[str, object]) -> bool:
    """Whether it has a way of telling anybody: one without cannot be paged."""
    return any(key.endswith("_configs") and ways for key, ways in receiver.items())
