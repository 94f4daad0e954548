"""What is monitored: the jobs and the rules that `monitors` of `tocsin.yaml` comes to."""

from __future__ import annotations

from tocsin.alert.rules.rule_file import RuleGroup
from tocsin.app.config import Loaded
from tocsin.kit.document import Place
from tocsin.kit.fault import Rejected
from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.rules import monitor_rules


def monitor_groups(loaded: Loaded) -> list[RuleGroup]:
    """Their rules. Raises ConfigError for what one monitor by itself does not tell."""
    monitors = loaded.config.monitors
    _check(loaded, monitors)
    places = [_place(loaded, number) for number in range(len(monitors))]
    return monitor_rules(monitors, places, loaded.document.name)


def _check(loaded: Loaded, monitors: tuple[MonitorConfig, ...]) -> None:
    seen: set[str] = set()
    for number, one in enumerate(monitors):
        if one.name in seen:
            problem = f"a monitor called {one.name!r} stands above; give each its own name"
            raise loaded.document.error(problem, "monitors", number, "name")
        seen.add(one.name)
        try:
            one.tls_config.context(loaded.folder)
        except Rejected as error:
            raise loaded.document.error(str(error), "monitors", number, "tls_config") from error


def _place(loaded: Loaded, number: int) -> Place:
    return loaded.document.place("monitors", number)
