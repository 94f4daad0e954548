"""What does a span say of itself by OpenTelemetry's conventions, and for how many does it stand?"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.model.span_names import ENVIRONMENTS, HOST, NO_SERVICE, SERVICE, USERS, first

_THRESHOLD = re.compile(r"(?:^|,)\s*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?=[;,\s]|$)")
WHOLE = 1 << 56
"""All of what sampling chooses from: a share is that many of these."""
_MOST_WEIGHT = 1 << 20
_HASHED = 1 << 32


@dataclass(frozen=True, slots=True)
class Origin:
    """Where spans come from; shared by all of a resource."""

    service: str
    environment: str
    host: str
    user_id: str


def origin_of(resource: Mapping[str, str]) -> Origin:
    """What a resource's attributes say."""
    return Origin(
        service=resource.get(SERVICE) or NO_SERVICE,
        environment=first(resource, ENVIRONMENTS),
        host=resource.get(HOST, ""),
        user_id=first(resource, USERS),
    )


def weight_of(trace_state: str, trace_id: str) -> int:
    """For how many spans one stands whose tracestate holds the threshold of its sampling.

    A share that is no whole number is rounded up for as many traces as makes the sum right.
    https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
    """
    if "th:" not in trace_state:
        return 1
    found = _THRESHOLD.search(trace_state)
    if found is None:
        return 1
    return weight_for(WHOLE - int(found[1].ljust(14, "0"), 16), trace_id)


def weight_for(kept: int, trace_id: str) -> int:
    """The weight of a span of that trace when so many of WHOLE are kept."""
    whole, rest = divmod(WHOLE, max(kept, 1))
    is_up = rest * _HASHED > zlib.crc32(trace_id.encode()) * kept
    return max(1, min(whole + is_up, _MOST_WEIGHT))
