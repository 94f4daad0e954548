"""What can be set about taking spans in?"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration, Size

Count = Annotated[int, msgspec.Meta(ge=1)]


class SpanLimit(msgspec.Struct, frozen=True, kw_only=True):
    """What one key may send."""

    spans_per_second: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Spans a second, on average; 0 is as many as it likes."""
    bytes_per_second: Size = Size(0)
    """Bytes of requests a second, on average; 0 is as many as it likes."""
    burst: Duration = Duration(30)
    """So many seconds' worth may come at once."""


class SpanDrop(msgspec.Struct, frozen=True, kw_only=True):
    """Spans that are not kept, such as those of health checks; `*` stands for any characters."""

    service: str = "*"
    """The service's name."""
    name: str = "*"
    """The span's name."""

    def __post_init__(self) -> None:
        if self.service == "*" and self.name == "*":
            raise Rejected("traces.drop: name a service or a span; this would drop all of them")


class SpanSample(msgspec.Struct, frozen=True, kw_only=True):
    """A noisy service, of which only a share of the traces is kept."""

    service: str
    """The service's name; `*` stands for any characters."""
    keep: Annotated[float, msgspec.Meta(gt=0, le=1)]
    """The share that is kept, such as 0.1; each span then stands for ten."""
    slower_than: Duration = Duration(1)
    """Spans of this and more are kept, as are failed ones, with all that their traces say in the
    same request."""


class SpanMetricsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Series made of spans, with the names that Tempo's metrics-generator gives them."""

    enabled: bool = True
    """Make any."""
    interval: Duration = Duration(15)
    """How often they are written."""
    buckets: tuple[float, ...] = (
        *(0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512),
        *(1.024, 2.048, 4.096, 8.192, 16.384),
    )
    """Upper bounds of `traces_spanmetrics_latency`'s buckets, in seconds, ascending."""
    dimensions: tuple[str, ...] = ()
    """Attributes of spans or resources that become labels too, such as `http.request.method`."""
    max_operations: Count = 5_000
    """Combinations of labels; the spans of further ones are counted under the name `other`."""
    max_age: Duration = Duration(120)
    """Spans that ended longer ago are kept and not counted, as they would make a rate of now."""
    forget: Duration = Duration(900)
    """What was not heard of for so long is no longer written."""
    service_graph: bool = True
    """Also pair the spans of callers and of called into `traces_service_graph_…`."""
    pair_wait: Duration = Duration(15)
    """How long one half of a pair waits for the other."""
    max_waiting: Count = 20_000
    """How many halves wait."""

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.buckets, self.buckets[1:], strict=False))
        if not rising or not all(0 < one < float("inf") for one in self.buckets):
            raise Rejected("buckets must be seconds above zero, ascending, each once")
        if self.interval <= 0:
            raise Rejected("interval must be longer than nothing")


class TracesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about spans. Secrets are replaced as `logs.scrub` says."""

    max_attributes: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
    """Attributes of a span, of its resource, an event or a link beyond so many are left out, with
    a mark."""
    max_value: Size = Size(32 << 10)
    """Longer values are cut, with a mark at the end."""
    max_events: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 200
    """Events, and links, of a span beyond so many are left out, with a mark."""
    max_future: Duration = Duration(600)
    """A span from further ahead of the clock gets the time of its arrival."""
    max_past: Duration = Duration(0)
    """A span older than this is refused; 0 means as old as retention allows."""
    limits: dict[str, SpanLimit] = {}
    """How much each key may send, by its name; `*` is for each without an entry of its own."""
    drop: tuple[SpanDrop, ...] = ()
    """Spans that are not wanted: a list of `{service: "*", name: "GET /health"}`."""
    sample: tuple[SpanSample, ...] = ()
    """Noisy services: a list of `{service: "cache*", keep: 0.1}`, the first that fits counts."""
    metrics: SpanMetricsConfig = SpanMetricsConfig()
    """Series made of spans."""
