"""What stands under `alerting` in `tocsin.yaml`? What Alertmanager's file has no word for."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

import msgspec

from tocsin.alert.attention.maintenance_config import MaintenanceConfig
from tocsin.alert.delivering.canary_config import CanaryConfig
from tocsin.alert.delivering.caps import CapsConfig
from tocsin.alert.delivering.heartbeat import HeartbeatConfig
from tocsin.alert.delivering.history import HistoryConfig
from tocsin.alert.routing.calendar import TimeInterval
from tocsin.alert.routing.matchers import parse_matchers
from tocsin.alert.rules.immediate_config import ImmediateRule
from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.model.labels import Matcher


@lru_cache(maxsize=1000)
def _parsed(text: str) -> tuple[Matcher, ...]:
    """Conditions are asked for with every alert that comes."""
    return parse_matchers(text)


class Condition(str):
    """Conditions on an alert's labels, in Alertmanager's notation."""

    __slots__ = ()
    EXPECTED = 'conditions such as alertname="DatabaseDown" or service=~"api|web"'

    @classmethod
    def from_config(cls, text: str) -> Condition:
        """Raises Rejected when it is none."""
        if not parse_matchers(text):
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        return cls(text)

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """What must hold, all of it."""
        return _parsed(str(self))


class FlappingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that begins and ends too often is told once as flapping, then when it is steady."""

    enabled: bool = False
    """Off: alerts are told as Alertmanager tells them. On is recommended."""
    changes: Annotated[int, msgspec.Meta(ge=3, le=1000)] = 6
    """How many times an alert must have begun or ended within `within` to count as flapping."""
    within: Duration = Duration(3600)
    """The time over which changes are counted."""
    quiet: Duration = Duration(900)
    """How long it must stay as it is to count as steady again; then its real state is told."""

    def __post_init__(self) -> None:
        for name in ("within", "quiet"):
            if getattr(self, name) <= 0:
                raise Rejected(f"{name} must be longer than 0")


class DependencyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """While an alert of `when` fires, alerts of `suppress` are not told: they follow from it.

    What is suppressed so may itself be the `when` of another: the reason shown is the root cause.
    """

    when: tuple[Condition, ...]
    """Conditions of the cause, all of which must hold."""
    suppress: tuple[Condition, ...]
    """Conditions of what follows from it, all of which must hold."""
    equal: tuple[str, ...] = ()
    """Labels that cause and consequence must have in common."""
    name: str = ""
    """What people call it, shown as the reason."""

    def __post_init__(self) -> None:
        if not self.when or not self.suppress:
            raise Rejected("when and suppress need at least one condition each")


class AlertingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Beyond Alertmanager: what is told, and what is held back for which reason."""

    tell_resolved_under_silence: bool = True
    """Tell who was told that an alert fires of its end even though a silence matches by then.
    Alertmanager drops that message."""
    flapping: FlappingConfig = FlappingConfig()
    dependencies: tuple[DependencyConfig, ...] = ()
    """What follows from what: a list of `{when, suppress, equal, name}`."""
    maintenance: tuple[MaintenanceConfig, ...] = ()
    """Windows in which work is done, once or again and again: what they cover is held back."""
    announce_silences: Duration = Duration(900)
    """How long before its end the author of a silence is told (alert `SilenceEnding`); 0: never."""
    heartbeat: HeartbeatConfig = HeartbeatConfig()
    channels: dict[str, Document] = {}
    """Ways of telling that `severities` may name: `{slack: {api_url: …}, wake: {kind: pagerduty,
    routing_key: …}}`, with the keys of the kind's `slack_configs` in an `alertmanager.yml`."""
    default_severity: str = ""
    """The level by which alerts without a known severity are told: `medium`, or the first one.
    With an `alertmanager.yml` its first route tells of them, unless this is given."""
    time_intervals: dict[str, tuple[TimeInterval, ...]] = {}
    """Times by name, for `mute_time_intervals` and `active_time_intervals` of `severities`, each a
    list of Alertmanager's `{times, weekdays, days_of_month, months, years, location}`."""
    fallback: tuple[str, ...] = ()
    """Receivers that are told instead, in this order, when a channel has not taken a message for
    half a minute. What `severities` says of a channel is tried before."""
    caps: CapsConfig = CapsConfig()
    """The most messages of a channel within an hour; the others wait for one digest."""
    canary: CanaryConfig = CanaryConfig()
    """Test messages through the real channels."""
    history: HistoryConfig = HistoryConfig()
    """For how long it is kept what became of each message."""
    immediate: tuple[ImmediateRule, ...] = ()
    """Pushed metrics that fire as they arrive: a list such as `{metric: "*error*", above: 0}`."""
