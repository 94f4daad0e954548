"""What does an `alertmanager.yml` say? Typed, checked, with the place of every mistake.

https://prometheus.io/docs/alerting/latest/configuration/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from tocsin.alert.routing.calendar import TimeInterval
from tocsin.alert.routing.fallback import Fallbacks
from tocsin.alert.routing.inhibit import InhibitRule
from tocsin.alert.routing.matchers import parse_matchers
from tocsin.alert.routing.receiver_config import IntegrationPart, ReceiverConfig, parts_of
from tocsin.alert.routing.route import Route, key_of
from tocsin.kit.document import ConfigError, Document, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.yaml import decode
from tocsin.model.labels import Matcher, MatchOp

RESOLVE_TIMEOUT_MS = 5 * 60_000
_INTERVAL_KEYS = ("mute_time_intervals", "active_time_intervals")
_DEFAULT_WAIT_MS, _DEFAULT_INTERVAL_MS, _DEFAULT_REPEAT_MS = 30_000, 300_000, 4 * 3_600_000


class _NamedInterval(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    time_intervals: tuple[TimeInterval, ...] = ()


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    receiver: str = ""
    group_by: tuple[str, ...] | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    match: dict[str, str] = {}
    match_re: dict[str, str] = {}
    matchers: tuple[str, ...] = ()
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    goes_on: bool = msgspec.field(default=False, name="continue")
    routes: tuple[Document, ...] = ()


class _Inhibit(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    source_match: dict[str, str] = {}
    source_match_re: dict[str, str] = {}
    source_matchers: tuple[str, ...] = ()
    target_match: dict[str, str] = {}
    target_match_re: dict[str, str] = {}
    target_matchers: tuple[str, ...] = ()
    equal: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, kw_only=True):
    shared: Document | None = msgspec.field(default=None, name="global")
    templates: tuple[str, ...] = ()
    route: Document
    inhibit_rules: tuple[Document, ...] = ()
    mute_time_intervals: tuple[_NamedInterval, ...] = ()
    time_intervals: tuple[_NamedInterval, ...] = ()
    receivers: tuple[ReceiverConfig, ...] = ()
    tracing: Document | None = None


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """A whole `alertmanager.yml`; integrations and `shared` (its `global`) as written."""

    document: Document
    shared: Document | None
    templates: tuple[str, ...]
    root: Route
    intervals: Mapping[str, tuple[TimeInterval, ...]]
    inhibit_rules: tuple[InhibitRule, ...]
    receivers: Mapping[str, tuple[IntegrationPart, ...]]
    resolve_timeout_ms: int = RESOLVE_TIMEOUT_MS
    warnings: tuple[str, ...] = ()
    fallbacks: Fallbacks = field(default_factory=Fallbacks)


def read_routing(document: Document) -> RoutingPlan:
    """Raises ConfigError for the first mistake."""
    if document.get("route") is None:
        raise document.error("no route is given; write route: {receiver: NAME}", "route")
    file = decode(document, _File)
    receivers = _receivers(document, file)
    intervals = _intervals(document, file)
    reader = _RouteReader(frozenset(receivers), frozenset(intervals))
    root = reader.read(file.route, None)
    warnings = []
    if file.tracing is not None:
        warnings.append(f"{document.place('tracing')}: tracing is not supported yet")
    return RoutingPlan(
        document=document,
        shared=file.shared,
        templates=file.templates,
        root=root,
        intervals=intervals,
        inhibit_rules=tuple(_inhibit(part) for part in file.inhibit_rules),
        receivers=receivers,
        resolve_timeout_ms=_resolve_timeout_ms(file.shared),
        warnings=tuple(sorted(warnings)),
    )


def _resolve_timeout_ms(shared: Document | None) -> int:
    given = shared.get("resolve_timeout") if shared else None
    return RESOLVE_TIMEOUT_MS if given is None else decode(given, Duration).ms


def _receivers(document: Document, file: _File) -> dict[str, tuple[IntegrationPart, ...]]:
    found: dict[str, tuple[IntegrationPart, ...]] = {}
    for index, receiver in enumerate(file.receivers):
        if receiver.name in found:
            problem = f"there is a receiver {receiver.name!r} already"
            raise document.error(problem, "receivers", index, "name")
        found[receiver.name] = parts_of(receiver)
    return found


def _intervals(document: Document, file: _File) -> dict[str, tuple[TimeInterval, ...]]:
    found: dict[str, tuple[TimeInterval, ...]] = {}
    for key in ("mute_time_intervals", "time_intervals"):
        named: tuple[_NamedInterval, ...] = getattr(file, key)
        for index, interval in enumerate(named):
            if not interval.name or interval.name in found:
                problem = f"the name {interval.name!r} is empty or used already"
                raise document.error(problem, key, index, "name")
            found[interval.name] = interval.time_intervals
    return found


def _matchers(
    part: Document, equal: Mapping[str, str], regex: Mapping[str, str], keys: tuple[str, str, str]
) -> tuple[Matcher, ...]:
    """Of the three spellings `match`, `match_re` and `matchers`, in Alertmanager's order."""
    found = [Matcher(name, MatchOp.EQUAL, value) for name, value in equal.items()]
    for name, value in regex.items():
        try:
            found.append(Matcher(name, MatchOp.REGEX, f"^(?:{value})$"))
        except Rejected as error:
            raise part.error(str(error), keys[1], name) from error
    lines = part.get(keys[2])
    for index, text in enumerate(decode(lines, tuple[str, ...]) if lines is not None else ()):
        try:
            found += parse_matchers(text)
        except Rejected as error:
            raise part.error(str(error), keys[2], index) from error
    return tuple(sorted(found, key=lambda m: (m.name, m.value, m.op.value)))


def _inhibit(part: Document) -> InhibitRule:
    written = decode(part, _Inhibit)
    keys = ("source_match", "source_match_re", "source_matchers")
    source = _matchers(part, written.source_match, written.source_match_re, keys)
    keys = ("target_match", "target_match_re", "target_matchers")
    target = _matchers(part, written.target_match, written.target_match_re, keys)
    return InhibitRule(source, target, written.equal)


@dataclass(slots=True)
class _RouteReader:
    """Reads the tree; counts its nodes."""

    receivers: frozenset[str]
    intervals: frozenset[str]
    count: int = field(default=0)

    def read(self, part: Document, parent: Route | None) -> Route:
        """The node and all below it; raises ConfigError."""
        written = decode(part, _Route)
        matchers = _matchers(
            part, written.match, written.match_re, ("match", "match_re", "matchers")
        )
        self._check(part, written, parent, matchers)
        number, self.count = self.count, self.count + 1
        route = Route(
            number=number,
            key=key_of(parent.key if parent else "", matchers),
            receiver=written.receiver or (parent.receiver if parent else ""),
            matchers=matchers,
            goes_on=written.goes_on,
            group_by=_group_by(part, written, parent),
            group_wait_ms=_ms(written.group_wait, parent, "group_wait_ms", _DEFAULT_WAIT_MS),
            group_interval_ms=_ms(
                written.group_interval, parent, "group_interval_ms", _DEFAULT_INTERVAL_MS
            ),
            repeat_interval_ms=_ms(
                written.repeat_interval, parent, "repeat_interval_ms", _DEFAULT_REPEAT_MS
            ),
            mute=written.mute_time_intervals,
            active=written.active_time_intervals,
            routes=(),
        )
        below = tuple(self.read(child, route) for child in written.routes)
        return _with_routes(route, below)

    def _check(
        self, part: Document, written: _Route, parent: Route | None, matchers: tuple[Matcher, ...]
    ) -> None:
        if parent is None:
            _check_first(part, written, matchers)
        if written.receiver and written.receiver not in self.receivers:
            problem = f"there is no receiver {written.receiver!r}"
            near = nearest(written.receiver, self.receivers)
            raise part.error(problem, "receiver", nearest=near)
        for key in _INTERVAL_KEYS:
            for index, name in enumerate(getattr(written, key)):
                if name not in self.intervals:
                    problem = f"there is no time interval {name!r}"
                    near = nearest(name, self.intervals)
                    raise part.error(problem, key, index, nearest=near)
        for key in ("group_interval", "repeat_interval"):
            if getattr(written, key) == 0:
                raise part.error("must be longer than 0", key)


def _check_first(part: Document, written: _Route, matchers: tuple[Matcher, ...]) -> None:
    """What only the first route must have, and must not have."""
    if not written.receiver:
        raise part.error("the first route needs a receiver", "receiver")
    for key in ("match", "match_re", "matchers"):
        if part.get(key) is not None and matchers:
            raise part.error("the first route takes every alert; remove this", key)
    for key in _INTERVAL_KEYS:
        if getattr(written, key):
            raise part.error("the first route cannot be muted; write a route below", key)
    if written.goes_on:
        raise part.error("the first route has no siblings; remove this", "continue")


def _with_routes(route: Route, below: tuple[Route, ...]) -> Route:
    values = {name: getattr(route, name) for name in Route.__slots__}
    return Route(**{**values, "routes": below})


def _ms(given: Duration | None, parent: Route | None, name: str, default: int) -> int:
    if given is not None:
        return given.ms
    return default if parent is None else int(getattr(parent, name))


def _group_by(part: Document, written: _Route, parent: Route | None) -> frozenset[str] | None:
    if written.group_by is None:
        return parent.group_by if parent else frozenset()
    if "..." in written.group_by:
        if len(written.group_by) > 1:
            raise part.error("`...` means all labels; it stands alone", "group_by")
        return None
    if len(set(written.group_by)) < len(written.group_by):
        raise part.error("a label is given twice", "group_by")
    return frozenset(written.group_by)


__all__ = ["RESOLVE_TIMEOUT_MS", "ConfigError", "RoutingPlan", "read_routing"]
