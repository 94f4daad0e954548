"""What would the routes in force look like as an `alertmanager.yml`? For `amtool` and its like.

Routes of `severities` are among them. `amtool config routes test` finds the same receivers by it,
with one exception: where a route of the file says `continue: true`, Alertmanager's format has no
word for what no route before has taken.
"""

from __future__ import annotations

from typing import Any

import yaml

from tocsin.alert.routing.matchers import matcher_text
from tocsin.alert.routing.route import Route
from tocsin.app.config import Loaded
from tocsin.app.effective import shown_yaml
from tocsin.app.receivers import routing_of
from tocsin.kit.quantity import Duration


def routing_text(loaded: Loaded) -> str:
    """YAML with its secrets hidden: the file as it stands when there are no severities, empty when
    there are no routes at all. Raises ConfigError."""
    plan = routing_of(loaded)
    if plan is None or not any(route.otherwise for route in plan.root.walk()):
        return shown_yaml(loaded.alertmanager)
    shown: dict[str, Any] = (  # Any: whatever the file holds
        yaml.safe_load(shown_yaml(loaded.alertmanager)) if loaded.alertmanager else {}
    )
    shown["route"] = _route(plan.root)
    named = list(shown.get("receivers") or ())
    known = {one.get("name") for one in named}
    named += [{"name": name} for name in plan.receivers if name not in known]
    shown["receivers"] = named
    own = loaded.document.get("alerting", "time_intervals")
    data = own.data if own else {}
    intervals = list(shown.get("time_intervals") or ())
    if isinstance(data, dict):
        intervals += [{"name": name, "time_intervals": one} for name, one in data.items()]
    if intervals:
        shown["time_intervals"] = intervals
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)


def _route(route: Route) -> dict[str, object]:
    by = ["..."] if route.group_by is None else sorted(route.group_by)
    found: dict[str, object] = {
        "receiver": route.receiver,
        "matchers": [matcher_text(matcher) for matcher in route.matchers],
        "group_by": by,
        "group_wait": str(Duration(route.group_wait_ms / 1000)),
        "group_interval": str(Duration(route.group_interval_ms / 1000)),
        "repeat_interval": str(Duration(route.repeat_interval_ms / 1000)),
        "mute_time_intervals": list(route.mute),
        "active_time_intervals": list(route.active),
        "continue": route.goes_on,
        "routes": [_route(child) for child in route.routes],
    }
    return {key: value for key, value in found.items() if value or key == "group_by"}
