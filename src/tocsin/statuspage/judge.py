"""How is a component now? The worst of what its monitor, its alerts, posts and people say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tocsin.model.labels import Labels, Matcher, get
from tocsin.statuspage.component_state import ComponentState, worst
from tocsin.statuspage.post import Post, PostKind

_MAJOR = ("critical", "p0", "emergency", "fatal", "page", "disaster", "sev0", "sev1")
_PARTIAL = ("high", "error", "p1", "sev2")
_NOTHING = ("info", "information", "low", "none", "p3", "debug", "notice")
SEVERITIES: Mapping[str, ComponentState] = {
    **dict.fromkeys(_MAJOR, ComponentState.MAJOR),
    **dict.fromkeys(_PARTIAL, ComponentState.PARTIAL),
    **dict.fromkeys(_NOTHING, ComponentState.OPERATIONAL),
}
"""What alerts of these severities do to a component; others make it degraded."""


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """What people say of a component. With `is_exact` nothing else counts while it lasts; without,
    it is at least as bad. `until_ms` 0 means until somebody takes it back."""

    component: str
    state: ComponentState
    is_exact: bool = False
    until_ms: int = 0
    by: str = ""
    at_ms: int = 0
    reason: str = ""
    """For people of the inside alone."""

    def holds(self, at_ms: int) -> bool:
        """Whether it counts at that moment."""
        return not self.until_ms or at_ms < self.until_ms


class PublicWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A maintenance window that the public is told of, in words of its own: neither the window's
    name nor its conditions are shown."""

    window: str
    title: str
    text: str = ""
    components: tuple[str, ...] = ()
    by: str = ""


class OpenWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One time that such a window is open."""

    id: str
    title: str
    text: str
    components: tuple[str, ...]
    starts_ms: int
    ends_ms: int


def of_monitor(values: Iterable[float], slow: Iterable[float] = ()) -> ComponentState | None:
    """What a monitor's values mean; None when it has none.

    1 and more is up, 0 and less is down; some up and some down, or one between, is a partial
    outage. Any value of `slow` other than 0 makes what is up degraded.
    """
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return None
    if all(value >= 1 for value in known):
        is_slow = any(value != 0 and not math.isnan(value) for value in slow)
        return ComponentState.DEGRADED if is_slow else ComponentState.OPERATIONAL
    return ComponentState.MAJOR if all(v <= 0 for v in known) else ComponentState.PARTIAL


def is_about(conditions: Sequence[Matcher], labels: Labels) -> bool:
    """Whether an alert concerns a component; never one without conditions."""
    return bool(conditions) and all(one.matches(get(labels, one.name)) for one in conditions)


def of_alerts(
    conditions: Sequence[Matcher],
    firing: Iterable[Labels],
    severities: Mapping[str, ComponentState],
) -> ComponentState:
    """The worst that alerts which fire and meet all conditions do to a component."""
    return worst(
        _of_severity(get(labels, "severity"), severities)
        for labels in firing
        if is_about(conditions, labels)
    )


def _of_severity(severity: str, own: Mapping[str, ComponentState]) -> ComponentState:
    given = own.get(severity)
    return given or SEVERITIES.get(severity.lower(), ComponentState.DEGRADED)


def is_maintained(
    component: str, posts: Iterable[Post], windows: Iterable[OpenWindow], at_ms: int
) -> bool:
    """Whether announced work on it is under way at that moment."""
    if any(component in one.components and one.starts_ms <= at_ms < one.ends_ms for one in windows):
        return True
    return any(component in one.components and one.is_at_work(at_ms) for one in posts)


def decide(
    component: str,
    measured: Iterable[ComponentState | None],
    posts: Sequence[Post],
    windows: Sequence[OpenWindow],
    override: Override | None,
    at_ms: int,
) -> ComponentState:
    """Its state. During maintenance what is measured does not count, for it is expected; what
    people say of it does."""
    if override is not None and override.holds(at_ms) and override.is_exact:
        return override.state
    found = [
        said
        for one in posts
        if one.kind is PostKind.INCIDENT and (said := one.said_of(component, at_ms)) is not None
    ]
    if override is not None and override.holds(at_ms):
        found.append(override.state)
    if is_maintained(component, posts, windows, at_ms):
        found.append(ComponentState.UNDER_MAINTENANCE)
    else:
        found.extend(state for state in measured if state is not None)
    return worst(found)
