"""What is monitored: the rules that `monitors` and `heartbeats` of `tocsin.yaml` come to."""

from __future__ import annotations

from tocsin.alert.rules.rule_file import RuleGroup
from tocsin.app.config import Loaded
from tocsin.kit.document import Place
from tocsin.kit.fault import Rejected
from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.heartbeats.config import HeartbeatConfig
from tocsin.uptime.heartbeats.watching import heartbeat_rules
from tocsin.uptime.rules import monitor_rules


def monitor_groups(loaded: Loaded) -> list[RuleGroup]:
    """Their rules. Raises ConfigError for what one of them by itself does not tell."""
    monitors, heartbeats = loaded.config.monitors, loaded.config.heartbeats
    _check_names(loaded, "monitors", [one.name for one in monitors])
    _check_names(loaded, "heartbeats", [one.name for one in heartbeats])
    _check_keys(loaded, heartbeats)
    _check_files(loaded, monitors)
    file = loaded.document.name
    return [
        *monitor_rules(monitors, _places(loaded, "monitors", len(monitors)), file),
        *heartbeat_rules(heartbeats, _places(loaded, "heartbeats", len(heartbeats)), file),
    ]


def _check_names(loaded: Loaded, section: str, names: list[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            problem = f"one called {name!r} stands above; give each its own name"
            raise loaded.document.error(problem, section, number, "name")


def _check_keys(loaded: Loaded, heartbeats: tuple[HeartbeatConfig, ...]) -> None:
    keys = [one.key.reveal() if one.key else "" for one in heartbeats]
    for number, key in enumerate(keys):
        if key and key in keys[:number]:
            problem = "another one has this key; give each its own"
            raise loaded.document.error(problem, "heartbeats", number, "key")


def _check_files(loaded: Loaded, monitors: tuple[MonitorConfig, ...]) -> None:
    for number, one in enumerate(monitors):
        try:
            one.tls_config.context(loaded.folder)
        except Rejected as error:
            raise loaded.document.error(str(error), "monitors", number, "tls_config") from error


def _places(loaded: Loaded, section: str, count: int) -> list[Place]:
    return [loaded.document.place(section, number) for number in range(count)]
