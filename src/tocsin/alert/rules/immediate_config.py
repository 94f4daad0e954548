"""What stands under `alerting.immediate`? Pushed values that fire when they arrive."""

from __future__ import annotations

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration

PROTOCOLS = ("push", "datadog", "statsd", "otlp", "pushgateway", "remote_write")


class ImmediateRule(msgspec.Struct, frozen=True, kw_only=True):
    """A pushed metric that fires at once when its value is too high, not at the next evaluation."""

    metric: str = "*error*"
    """A pattern of names: `*` is any text, `?` any character."""
    above: float = 0.0
    """Values above this fire; of a counter, what it has grown by."""
    name: str = "PushedError"
    """The alert's name."""
    severity: str = "high"
    """The label `severity`."""
    message: str = ""
    """What is said, else the metric and its value."""
    runbook: str = ""
    """An address; becomes the annotation `runbook_url`."""
    quiet: Duration = Duration(300)
    """The alert is over when nothing fired it for that long."""
    protocols: tuple[str, ...] = ("push",)
    """Where it is looked for: `push` (`/api/metrics`), `datadog`, `statsd`, `otlp`, `pushgateway`,
    `remote_write`."""
    labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        if not self.metric or not self.name:
            raise Rejected("metric and name must not be empty")
        if self.quiet <= 0:
            raise Rejected("quiet must be longer than 0")
        for one in self.protocols:
            if one not in PROTOCOLS:
                raise Rejected(f"protocols: expected some of {', '.join(PROTOCOLS)}, got {one!r}")
