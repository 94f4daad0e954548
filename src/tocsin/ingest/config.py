"""What can be set about taking data in?"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tocsin.ingest.limits import LimitsConfig
from tocsin.kit.quantity import Duration, Size

Count = Annotated[int, msgspec.Meta(ge=1)]


class BodyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How large and how slow a request may be."""

    max_size: Size = Size(32 << 20)
    """Bytes of a body as it is sent."""
    max_inflated_size: Size = Size(128 << 20)
    """Bytes of a body once it is decompressed."""
    max_held: Size = Size(256 << 20)
    """Bytes of all bodies above 1MiB that are in work at once, decompressed. Further ones wait some
    seconds, and are to be sent again then; one alone may be larger."""
    timeout: Duration = Duration(30)
    """How long a sender may take for one body."""


class DeriveConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How series are made of events; the events keep everything."""

    drop_tags: tuple[str, ...] = (
        "*user_id*",
        "*userid*",
        "*user",
        "*session*",
        "*email*",
        "*_id",
        "id",
        "*uuid*",
        "*guid*",
        "url",
        "*_url",
        "*uri",
        "*referrer*",
        "*token*",
        "*timestamp*",
        "*message*",
        "*stack*",
        "*ip",
        "*user_agent*",
    )
    """Tags that never become labels: patterns with `*`, compared without case, `userId` as
    `user_id`."""
    keep_tags: tuple[str, ...] = ("component_id",)
    """Tags that become labels although `drop_tags` names them."""
    drop_values: bool = True
    """Drop tags whose value looks like an id, a URL or an address, too."""
    max_value_length: Count = 120
    """Tags with longer values do not become labels."""
    dotted_names: bool = True
    """Write `web_vitals.fcp` beside `web_vitals_fcp`, for those who ask for it in quotes."""
    max_series: Count = 20_000
    """How many counters of events are kept in memory."""
    forget: Duration = Duration(3600)
    """Counters of events that did not happen for so long are no longer written."""


class OtlpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How OpenTelemetry metrics become Prometheus series."""

    promote_resource_attributes: tuple[str, ...] = ()
    """Resource attributes that become labels of every series, e.g. `deployment.environment`."""
    scope_labels: bool = False
    """Add otel_scope_name and otel_scope_version to every series."""
    target_info: bool = True
    """Write target_info with the resource attributes."""
    delta_to_cumulative: bool = True
    """Add up delta sums and histograms; otherwise they are stored as they come."""
    max_delta_series: Count = 100_000
    """How many delta series are added up at once; more are refused."""
    delta_forget: Duration = Duration(3600)
    """A delta series starts again at zero after such a silence."""
    add_suffixes: bool = True
    """Add units and `_total` to names, as Prometheus does."""


class StatsdConfig(msgspec.Struct, frozen=True, kw_only=True):
    """StatsD and DogStatsD over UDP."""

    flush_interval: Duration = Duration(10)
    """How long values are gathered before they become samples."""
    max_series: Count = 50_000
    """How many series one interval may hold; more are refused."""
    forget: Duration = Duration(300)
    """Counters and gauges that were not heard of for so long are no longer written."""


class PushgatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Groups that short-lived jobs push."""

    interval: Duration = Duration(30)
    """How often the last pushed values are written again."""
    max_groups: Count = 5_000
    """How many groups are kept."""
    max_samples_per_group: Count = 10_000
    """How many series one group may hold."""


class IngestConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about taking data in."""

    body: BodyConfig = BodyConfig()
    limits: LimitsConfig = LimitsConfig()
    max_future: Duration = Duration(600)
    """Samples further ahead of the clock are refused."""
    max_past: Duration = Duration(0)
    """Samples older than this are refused; 0 means as old as retention allows."""
    derive: DeriveConfig = DeriveConfig()
    otlp: OtlpConfig = OtlpConfig()
    statsd: StatsdConfig = StatsdConfig()
    pushgateway: PushgatewayConfig = PushgatewayConfig()
