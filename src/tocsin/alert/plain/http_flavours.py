"""How do the usual libraries name a server's requests, their outcome and their duration?

Sources: prometheus.io/docs/practices/naming and the usual client libraries;
opentelemetry.io/docs/specs/semconv/http/http-metrics.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flavour:
    """How a family of libraries names its requests, their outcome and their duration."""

    count: str
    status: tuple[str, ...]
    bucket: str


SERVICES = (
    Flavour(
        "http_requests_total",
        ("status_code", "code", "status"),
        "http_request_duration_seconds_bucket",
    ),
    Flavour(
        "http_request_duration_seconds_count",
        ("status_code", "code", "status"),
        "http_request_duration_seconds_bucket",
    ),
    Flavour(
        "http_server_request_duration_seconds_count",
        ("http_response_status_code",),
        "http_server_request_duration_seconds_bucket",
    ),
)
"""What other programs expose."""

OURS = Flavour("tocsin_http_responses_total", ("code",), "tocsin_http_request_seconds_bucket")
"""What Tocsin exposes of itself."""
