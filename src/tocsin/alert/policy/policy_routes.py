"""Which routes does a severity policy come to, alone or beside an `alertmanager.yml`?

What a route of the file takes is told by the file. What only its first route would take is told by
the level of its `severity`, and what has no level goes where the file's first route leads. Without
a file the level `alerting.default_severity` takes what has no level, so that nothing falls between.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tocsin.alert.config import AlertingConfig
from tocsin.alert.policy.severity import Level, StepConfig, channel_parts
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.routing.calendar import TimeInterval
from tocsin.alert.routing.fallback import Channel, Fallbacks
from tocsin.alert.routing.receiver_config import IntegrationPart
from tocsin.alert.routing.route import Route, key_of
from tocsin.kit.document import Document, nearest
from tocsin.kit.quantity import Duration
from tocsin.model.labels import Matcher, MatchOp

NOBODY = "nobody"
"""The receiver of a level without channels."""

_LABEL = "severity"
_WAIT_MS, _INTERVAL_MS, _REPEAT_MS = 30_000, 300_000, 4 * 3_600_000
_ANSWER_MS = 900_000
_REPEAT_RANGE_MS = 900_000, 86_400_000
_REPEAT_AFTER = 4
_USUAL = "medium"


def with_policy(
    plan: RoutingPlan | None,
    levels: Sequence[Level],
    alerting: AlertingConfig,
    document: Document,
    *,
    callable_names: Collection[str] = (),
) -> RoutingPlan | None:
    """The plan with the levels' routes; as it was when there are no levels. `document` is the whole
    `tocsin.yaml`; `callable_names` are people and roles that an escalation may name: each becomes
    a receiver without integrations, which the caller makes. Raises ConfigError for a channel,
    level or time interval that is not there."""
    intervals = _intervals(plan, alerting, document)
    channels = alerting.channels
    own = {name: channel_parts(name, part) for name, part in channels.items()}
    _refuse_doubles(plan, channels, own)
    if not levels:
        return None if plan is None else replace(plan, intervals=intervals)
    called = dict.fromkeys(callable_names, ())
    receivers = {**called, **(plan.receivers if plan else {}), **own, NOBODY: ()}
    above = plan.root if plan else _bare_root()
    maker = _Maker(above, receivers, intervals, itertools.count(len(list(above.walk()))))
    below = [maker.level(level) for level in levels]
    default = _default(levels, alerting, document, has_tree=plan is not None)
    if default is not None:
        below.append(maker.level(default, is_default=True))
    root = replace(above, routes=(*above.routes, *below))
    if plan is None:
        root = replace(root, receiver=below[-1].receiver)
    base = plan or _bare_plan(document, root)
    used = {route.receiver for route in root.walk()}
    unneeded = {name for name in (NOBODY, *called) if name not in used and not receivers[name]}
    return replace(
        base,
        root=root,
        intervals=intervals,
        receivers={name: parts for name, parts in receivers.items() if name not in unneeded},
        warnings=(*base.warnings, *maker.warnings),
        fallbacks=_fallbacks(levels),
    )


def channels_alone(alerting: AlertingConfig, document: Document) -> RoutingPlan:
    """A plan that tells nobody by itself, with the channels as receivers: pages and actions reach
    them without a level that names them. Raises ConfigError for a channel that is none."""
    own = {name: channel_parts(name, part) for name, part in alerting.channels.items()}
    return replace(_bare_plan(document, _bare_root()), receivers=own)


def _bare_plan(document: Document, root: Route) -> RoutingPlan:
    return RoutingPlan(
        document=document,
        shared=None,
        templates=(),
        root=root,
        intervals={},
        inhibit_rules=(),
        receivers={},
    )


def _bare_root() -> Route:
    return Route(
        number=0,
        key=key_of("", ()),
        receiver=NOBODY,
        matchers=(),
        goes_on=False,
        group_by=frozenset(("alertname",)),
        group_wait_ms=_WAIT_MS,
        group_interval_ms=_INTERVAL_MS,
        repeat_interval_ms=_REPEAT_MS,
        mute=(),
        active=(),
        routes=(),
    )


def _intervals(
    plan: RoutingPlan | None, alerting: AlertingConfig, document: Document
) -> Mapping[str, tuple[TimeInterval, ...]]:
    named = dict(plan.intervals) if plan else {}
    for name, intervals in alerting.time_intervals.items():
        if name in named:
            problem = f"alertmanager.yml has a time interval {name!r} already; rename one"
            raise document.error(problem, "alerting", "time_intervals", name)
        named[name] = intervals
    return named


def _refuse_doubles(
    plan: RoutingPlan | None,
    channels: Mapping[str, Document],
    own: Mapping[str, tuple[IntegrationPart, ...]],
) -> None:
    for name in own:
        if plan is not None and name in plan.receivers:
            problem = f"there is a receiver {name!r} in {plan.document.name} too; rename one"
            raise channels[name].error(problem)


def _default(
    levels: Sequence[Level], alerting: AlertingConfig, document: Document, *, has_tree: bool
) -> Level | None:
    """The level that takes alerts without a level; None when the file's first route does."""
    by_name = {level.name: level for level in levels}
    wanted = alerting.default_severity
    if not wanted:
        return None if has_tree else by_name.get(_USUAL, levels[0])
    if wanted not in by_name:
        problem = f"there is no level {wanted!r} in severities"
        near = nearest(wanted, by_name)
        raise document.error(problem, "alerting", "default_severity", nearest=near)
    return by_name[wanted]


def _fallbacks(levels: Sequence[Level]) -> Fallbacks:
    """After each channel those behind it in its level; of the most severe level first."""
    after: dict[Channel, list[Channel]] = {}
    for level in levels:
        channels = [Channel(name) for name in dict.fromkeys(level.said.channels)]
        for place, channel in enumerate(channels):
            known = after.setdefault(channel, [])
            known += [one for one in channels[place + 1 :] if one not in known]
    return Fallbacks(after={channel: tuple(then) for channel, then in after.items() if then})


@dataclass(slots=True)
class _Maker:
    """Makes the routes of levels below the first one."""

    above: Route
    receivers: Mapping[str, tuple[IntegrationPart, ...]]
    intervals: Mapping[str, tuple[TimeInterval, ...]]
    numbers: Iterator[int]
    warnings: list[str] = field(default_factory=list)

    def level(self, level: Level, *, is_default: bool = False) -> Route:
        """The level's route, and below it one for each channel and step of its escalation."""
        channels = self._channels(level)
        self._check_intervals(level)
        said, above = level.said, self.above
        matchers = () if is_default else _matchers(level.values)
        answer_ms = said.response_time.ms if said.response_time else None
        group_by = above.group_by
        if said.group_by is not None:
            group_by = None if "..." in said.group_by else frozenset(said.group_by)
        route = Route(
            number=next(self.numbers),
            key=key_of(above.key, matchers),
            receiver=channels[0] if channels else NOBODY,
            matchers=matchers,
            goes_on=False,
            group_by=group_by,
            group_wait_ms=_given(said.group_wait, above.group_wait_ms, answer_ms),
            group_interval_ms=_given(said.group_interval, above.group_interval_ms, answer_ms),
            repeat_interval_ms=_repeat_ms(said.repeat_interval, above, answer_ms),
            mute=said.mute_time_intervals,
            active=said.active_time_intervals,
            routes=(),
            otherwise=True,
            words=_words(level, is_default=is_default),
        )
        told = channels[:1] if said.tell == "first" else channels
        steps = list(self._steps(level, answer_ms or _ANSWER_MS))
        if len(told) < 2 and not steps:
            return route
        below = [self._below(route, name) for name in told or [NOBODY]]
        for number, (name, after_ms) in enumerate(steps, 1):
            waits = Duration(after_ms / 1000)
            words = f"escalation: told when it still fires, unacknowledged, after {waits}"
            key = f'{route.key}/{{escalation="{number}"}}'
            below.append(
                replace(
                    self._below(route, name),
                    key=key,
                    group_wait_ms=after_ms,
                    words=words,
                    escalates=True,
                )
            )
        return replace(route, routes=tuple(below))

    def _below(self, route: Route, receiver: str) -> Route:
        return replace(
            route,
            number=next(self.numbers),
            receiver=receiver,
            matchers=(),
            goes_on=True,
            routes=(),
            otherwise=False,
            words="",
        )

    def _warn(self, words: str) -> None:
        if words not in self.warnings:
            self.warnings.append(words)

    def _channels(self, level: Level) -> list[str]:
        for place, name in enumerate(level.said.channels):
            if name not in self.receivers or name == NOBODY:
                problem = (
                    f"there is no channel {name!r}; define it as alerting.channels.{name}: "
                    "{kind: …}, or as a receiver of the alertmanager.yml"
                )
                near = nearest(name, self.receivers)
                raise level.part.error(problem, "channels", place, nearest=near)
        if not level.said.channels:
            where = level.part.node.place
            self._warn(f"{where}: severity {level.name!r} has no channels; nobody is told")
        return list(dict.fromkeys(level.said.channels))

    def _steps(self, level: Level, answer_ms: int) -> Iterator[tuple[str, int]]:
        """Who is told when, of those that can be told; the n-th after n response times."""
        for number, step in enumerate(level.said.escalation):
            name = step.to if isinstance(step, StepConfig) else step
            after = step.after.ms if isinstance(step, StepConfig) and step.after else None
            if name in self.receivers:
                yield name, (number + 1) * answer_ms if after is None else after
                continue
            if isinstance(step, StepConfig):
                problem = (
                    f"there is no channel {name!r}, and nobody of that name in oncall; define it "
                    f"as alerting.channels.{name}, or say who that is: oncall.roles.{name}"
                )
                near = nearest(name, self.receivers)
                raise level.part.error(problem, "escalation", number, "to", nearest=near)
            place = level.part.place("escalation", number)
            self._warn(
                f"{place}: severity {level.name!r} escalates to {name!r}, which is no channel and "
                f"nobody in oncall: it is shown and not told; say who that is, oncall.roles.{name}"
            )

    def _check_intervals(self, level: Level) -> None:
        for key in ("mute_time_intervals", "active_time_intervals"):
            for place, name in enumerate(getattr(level.said, key)):
                if name not in self.intervals:
                    problem = (
                        f"there is no time interval {name!r}; define it in "
                        "alerting.time_intervals or in the alertmanager.yml"
                    )
                    near = nearest(name, self.intervals)
                    raise level.part.error(problem, key, place, nearest=near)


def _matchers(values: Sequence[str]) -> tuple[Matcher, ...]:
    if len(values) == 1:
        return (Matcher(_LABEL, MatchOp.EQUAL, values[0]),)
    return (Matcher(_LABEL, MatchOp.REGEX, "|".join(re.escape(value) for value in values)),)


def _given(said: Duration | None, above_ms: int, answer_ms: int | None) -> int:
    """What is said, else what holds above, but no longer than the time to answer."""
    if said is not None:
        return said.ms
    return above_ms if answer_ms is None else min(above_ms, answer_ms)


def _repeat_ms(said: Duration | None, above: Route, answer_ms: int | None) -> int:
    """Four times the time to answer, at least a quarter of an hour, at most a day."""
    if said is not None:
        return said.ms
    if answer_ms is None:
        return above.repeat_interval_ms
    least, most = _REPEAT_RANGE_MS
    return min(max(_REPEAT_AFTER * answer_ms, least), most)


def _words(level: Level, *, is_default: bool) -> str:
    said = level.said
    words = f"severity {level.name}"
    if is_default:
        words = f"no known severity: told as {level.name}"
    if said.description:
        words += f": {said.description}"
    if said.response_time:
        words += f"; answered within {said.response_time}"
    names = [step.to if isinstance(step, StepConfig) else step for step in said.escalation]
    return f"{words}; then {', '.join(names)}" if names else words
