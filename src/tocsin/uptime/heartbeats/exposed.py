"""How are the programs, as series?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tocsin.uptime.heartbeats.config import HeartbeatConfig
from tocsin.uptime.heartbeats.pulse import Pulse, State, deadline_ms, state_of

_Value = Callable[[HeartbeatConfig, Pulse, int], float | None]

_FAMILIES: Final[tuple[tuple[str, str, _Value], ...]] = (
    (
        "heartbeat_missing",
        "Whether it should have been heard of by now, its grace included.",
        lambda config, pulse, now: float(state_of(config, pulse, now) is State.MISSING),
    ),
    (
        "heartbeat_failed",
        "Whether it said that it failed.",
        lambda _config, pulse, _now: float(pulse.has_failed),
    ),
    (
        "heartbeat_last_success_timestamp_seconds",
        "When it ran well last.",
        lambda _config, pulse, _now: pulse.success_ms / 1000 or None,
    ),
    (
        "heartbeat_deadline_timestamp_seconds",
        "When it is missing if nothing is heard of it by then.",
        lambda config, pulse, _now: deadline_ms(config, pulse) / 1000 or None,
    ),
    (
        "heartbeat_duration_seconds",
        "How long it ran last, if it says when it begins.",
        lambda _config, pulse, _now: pulse.took_ms / 1000 or None,
    ),
)


def exposition(found: Iterable[tuple[HeartbeatConfig, Pulse]], now_ms: int) -> bytes:
    """All of them as text 0.0.4; what is not known of one is left out."""
    known = list(found)
    lines: list[str] = []
    for name, about, value_of in _FAMILIES:
        lines += (f"# HELP {name} {about}", f"# TYPE {name} gauge")
        for config, pulse in known:
            value = value_of(config, pulse, now_ms)
            if value is not None:
                lines.append(f"{name}{{{_labels(config)}}} {value!r}")
    return ("\n".join(lines) + "\n").encode()


def _labels(config: HeartbeatConfig) -> str:
    pairs = {**config.labels, "heartbeat": config.name}
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items())


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
