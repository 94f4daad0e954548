"""Which alerts are told together, under which name, in which order?"""

from __future__ import annotations

import json
from functools import lru_cache

from tocsin.alert.routing.route import Route
from tocsin.model.labels import Labels, get


def group_labels(route: Route, labels: Labels) -> Labels:
    """The labels that the route groups by, as this alert has them."""
    if route.group_by is None:
        return labels
    return tuple(pair for pair in labels if pair[0] in route.group_by)


def group_key(route: Route, labels: Labels) -> str:
    """The group's name, as Alertmanager's webhooks and PagerDuty's keys carry it."""
    pairs = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels)
    return f"{route.key}:{{{pairs}}}"


Order = tuple[bool, str, bool, str, int, tuple[tuple[tuple[int, ...], str], ...]]


def told_order(labels: Labels) -> Order:
    """Sort key of label sets: by job, then instance (those without one last), then the whole set:
    the smaller one first, then by name and value as Alertmanager does (model.LabelSet.Before)."""
    job, instance = get(labels, "job"), get(labels, "instance")
    rest = tuple((_backwards(name), value) for name, value in labels)
    return not job, job, not instance, instance, len(labels), rest


@lru_cache(maxsize=10_000)
def _backwards(name: str) -> tuple[int, ...]:
    """Sorts as names do, the other way round: of two sets the one without the name is before."""
    return (*(-ord(one) for one in name), 1)
