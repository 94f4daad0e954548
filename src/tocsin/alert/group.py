"""Which alerts are told together, under which name, in which order?"""

from __future__ import annotations

import json
from functools import cmp_to_key

from tocsin.alert.route import Route
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


def _before(one: Labels, other: Labels) -> bool:
    """Alertmanager's order of label sets: the smaller set first, then by name and value."""
    if len(one) != len(other):
        return len(one) < len(other)
    mine, theirs = dict(one), dict(other)
    for name in sorted(mine.keys() | theirs.keys()):
        if name not in mine:
            return True
        if name not in theirs:
            return False
        if mine[name] != theirs[name]:
            return mine[name] < theirs[name]
    return False


def _compare(one: Labels, other: Labels) -> int:
    for name in ("job", "instance"):
        mine, theirs = get(one, name), get(other, name)
        if mine == theirs:
            continue
        if not mine:
            return 1
        return -1 if not theirs or mine < theirs else 1
    if one == other:
        return 0
    return -1 if _before(one, other) else 1


told_order = cmp_to_key(_compare)
"""Sort key of label sets: by job, then instance (those without one last), then the whole set."""
