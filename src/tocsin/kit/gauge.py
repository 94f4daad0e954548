"""What does Tocsin count about itself? All metrics of our own live in this registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import prometheus_client
from prometheus_client import CollectorRegistry

REGISTRY = CollectorRegistry(auto_describe=True)

_is_rehearsal: ContextVar[bool] = ContextVar("is_rehearsal", default=False)

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10, 30)


@contextmanager
def rehearsal() -> Iterator[None]:
    """What runs in this context, and in tasks begun in it, is not counted: it did not happen."""
    before = _is_rehearsal.set(True)
    try:
        yield
    finally:
        _is_rehearsal.reset(before)


def is_rehearsal() -> bool:
    """Whether what runs here only tries something."""
    return _is_rehearsal.get()


class Counter(prometheus_client.Counter):
    """A counter that stands still during a rehearsal."""

    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:
        if not _is_rehearsal.get():
            super().inc(amount, exemplar)


class Gauge(prometheus_client.Gauge):
    """A gauge that stands still during a rehearsal."""

    def inc(self, amount: float = 1) -> None:
        if not _is_rehearsal.get():
            super().inc(amount)

    def dec(self, amount: float = 1) -> None:
        if not _is_rehearsal.get():
            super().dec(amount)

    def set(self, value: float) -> None:
        if not _is_rehearsal.get():
            super().set(value)


class Histogram(prometheus_client.Histogram):
    """A histogram that stands still during a rehearsal."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        if not _is_rehearsal.get():
            super().observe(amount, exemplar)


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
