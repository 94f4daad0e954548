"""What does Tocsin count about itself? All metrics of our own live in this registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry(auto_describe=True)

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10, 30)


def counter(name: str, help_text: str, labels: tuple[str, ...] = ()) -> Counter:
    """A counter named `tocsin_<name>_total`."""
    return Counter(f"tocsin_{name}", help_text, labels, registry=REGISTRY)


def gauge(name: str, help_text: str, labels: tuple[str, ...] = ()) -> Gauge:
    """A gauge named `tocsin_<name>`."""
    return Gauge(f"tocsin_{name}", help_text, labels, registry=REGISTRY)


def histogram(
    name: str,
    help_text: str,
    labels: tuple[str, ...] = (),
    buckets: tuple[float, ...] = LATENCY_BUCKETS,
) -> Histogram:
    """A histogram named `tocsin_<name>`; durations in seconds unless the name says otherwise."""
    return Histogram(f"tocsin_{name}", help_text, labels, registry=REGISTRY, buckets=buckets)
