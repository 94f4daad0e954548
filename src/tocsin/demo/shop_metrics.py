"""What the demo's web service counts, under the names that Express users know."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class ShopMetrics:
    """The service's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "Duration of HTTP requests in seconds",
            ["method", "route", "status_code"],
            buckets=[0.005, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 1, 3, 5, 7, 10],
            registry=registry,
        )
        self.requests = Counter(
            "http_requests",
            "Total number of HTTP requests",
            ["method", "route", "status_code"],
            registry=registry,
        )
        self.active = Gauge(
            "http_active_connections", "Number of active HTTP connections", registry=registry
        )
        self.actions = Counter(
            "user_actions", "User actions performed", ["action_type", "feature"], registry=registry
        )
        self.features = Counter(
            "feature_usage", "Uses of features", ["feature_name", "user_type"], registry=registry
        )
        self.queue = Gauge("jobs_waiting", "Jobs that wait for the worker", registry=registry)
