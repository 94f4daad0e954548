"""What is asked about spans, and what is answered. Times are nanoseconds since the epoch, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.model.spans import Span
from tocsin.query.logs.ast import Query

MOST_SPANS = 20_000
"""Of one trace; what is beyond is counted and not read."""
MOST_TRACES = 1_000
"""That one search finds at the most."""
ERROR = 2
"""The number of the status `error`, see `model.spans.STATUSES`."""

Order = Literal["newest", "slowest"]


class Trace(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The spans of one trace by their begin; never empty. `total` are kept, of which the first
    MOST_SPANS are here. A span that was sent twice is here once."""

    trace_id: str
    spans: tuple[Span, ...]
    total: int

    @property
    def is_cut(self) -> bool:
        """Whether there are more spans than are here."""
        return self.total > len(self.spans)

    @cached_property
    def root(self) -> Span:
        """The first span without a parent; else the first whose parent is not here."""
        without = [span for span in self.spans if not span.parent_id]
        if without:
            return without[0]
        ids = {span.span_id for span in self.spans}
        orphans = [span for span in self.spans if span.parent_id not in ids]
        return orphans[0] if orphans else self.spans[0]

    @cached_property
    def services(self) -> tuple[str, ...]:
        """Each service once, in the order in which they appear."""
        return tuple(dict.fromkeys(span.service for span in self.spans))

    @property
    def began_ns(self) -> int:
        """The begin of the first span."""
        return self.spans[0].ts_ns

    @cached_property
    def duration_ns(self) -> int:
        """From the begin of the first span to the end of the last to end."""
        return max(span.ts_ns + span.duration_ns for span in self.spans) - self.began_ns

    @cached_property
    def missing_parents(self) -> tuple[str, ...]:
        """Ids of spans that others name as their parent, and that did not come (yet)."""
        ids = {span.span_id for span in self.spans}
        named = dict.fromkeys(span.parent_id for span in self.spans if span.parent_id)
        return tuple(one for one in named if one not in ids)

    @cached_property
    def errors(self) -> int:
        """Spans that failed."""
        return sum(span.status == ERROR for span in self.spans)


class TraceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which traces: those with one span that fulfils every condition and begins in the range.

    `question` is the text that people type (see `question.parse`), `query` the same as a tree, for
    languages of others; both may be given. `tags` are attributes of the span or its resource by
    name and value. Durations of 0 and texts that are empty ask nothing. `is_error` of None too.
    """

    from_ns: int
    until_ns: int
    service: str = ""
    operation: str = ""
    environment: str = ""
    kind: int | None = None
    min_duration_ns: int = 0
    max_duration_ns: int = 0
    is_error: bool | None = None
    tags: Mapping[str, str] = {}
    question: str = ""
    query: Query | None = None
    limit: int = 20
    order: Order = "newest"

    def __post_init__(self) -> None:
        if self.until_ns <= self.from_ns:
            raise Rejected("the range ends before it begins; exchange its ends")
        if not 1 <= self.limit <= MOST_TRACES:
            raise Rejected(f"between 1 and {MOST_TRACES:,} traces can be asked for")


class ServiceShare(msgspec.Struct, frozen=True, array_like=True):
    """How many spans of a trace are of a service, and how many of those failed."""

    service: str
    spans: int
    errors: int


class TraceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One trace in a list. The root's names are those of the first span without a parent, or, when
    that did not come, of the first span. `matched` spans fulfilled the question; `match_id` is the
    first of them (of the slowest, when these are asked for), `match_ns` its
    duration and `match_began_ns` its begin."""

    trace_id: str
    root_service: str
    root_name: str
    root_id: str
    has_root: bool
    began_ns: int
    duration_ns: int
    spans: int
    errors: int
    services: tuple[ServiceShare, ...]
    matched: int
    match_id: str
    match_service: str
    match_name: str
    match_ns: int
    match_began_ns: int = 0


class Operation(msgspec.Struct, frozen=True, array_like=True):
    """A name of spans, and their kind by its word (see `model.spans.KINDS`)."""

    name: str
    kind: str


class Dependency(msgspec.Struct, frozen=True, array_like=True):
    """How often a service called another. `kind` is empty between services that send spans, and
    `database`, `messaging` or `external` for what is known by its callers alone. Where there are
    many spans the numbers are estimated from a share of the traces. `p95_ns` is of the called
    operations' durations."""

    parent: str
    child: str
    calls: int
    failures: int
    kind: str = ""
    p95_ns: int = 0


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Requests, failures and durations of a service (`name` empty) or of one operation in a range.

    Of a service they are those of its server and consumer spans, or of all spans when it has
    neither. Quantiles are exact to 2^(1/4) and interpolated within that.
    """

    service: str
    name: str = ""
    kind: str = ""
    requests: int = 0
    failures: int = 0
    total_ns: int = 0
    p50_ns: int = 0
    p95_ns: int = 0
    p99_ns: int = 0

    @property
    def failed(self) -> float:
        """The share that failed, 0 to 1."""
        return self.failures / self.requests if self.requests else 0.0


class RatePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The same in one step, from `start_s` on (seconds since the epoch)."""

    start_s: int
    service: str
    requests: int
    failures: int
    p50_ns: int
    p95_ns: int
    p99_ns: int


class HeatCell(msgspec.Struct, frozen=True, array_like=True):
    """Spans that began in the step from `start_s` on and lasted 2^(`bucket`/4) ns or a bit more."""

    start_s: int
    bucket: int
    spans: int
    failures: int


class ValueCount(msgspec.Struct, frozen=True, array_like=True):
    """A value of a field, and how many spans have it."""

    value: str
    spans: int


class ServiceSeen(msgspec.Struct, frozen=True, array_like=True):
    """A service, its spans of late, and the minute of its last (seconds since the epoch)."""

    service: str
    spans: int
    last_s: int
