"""Are the receivers there that `alerting` names in `fallback`, `caps` and `canary`?"""

from __future__ import annotations

from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.app.config import Loaded
from tocsin.kit.document import nearest


def check_names(loaded: Loaded, plan: RoutingPlan) -> None:
    """Raises ConfigError for the first that is not."""
    alerting = loaded.config.alerting
    named = {
        ("fallback",): alerting.fallback,
        ("caps", "receivers"): alerting.caps.receivers,
        ("canary", "channels"): alerting.canary.channels,
    }
    for path, names in named.items():
        for name in names:
            if name not in plan.receivers:
                known = ", ".join(plan.receivers)
                problem = f"there is no receiver {name!r}; known here: {known}"
                near = nearest(name, plan.receivers)
                raise loaded.document.error(problem, "alerting", *path, nearest=near)
