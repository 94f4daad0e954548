"""What do the rules say now, as Prometheus 3 answers it?

Source: prometheus.io/docs/prometheus/latest/querying/api, "Rules" and "Alerts".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.rules.doubt import is_watched
from tocsin.model.labels import Matcher
from tocsin.query.promql.quoting import quote
from tocsin.web.api.prometheus_answer import success
from tocsin.web.api.prometheus_params import BadParameter, Params, is_number
from tocsin.web.services import services

if TYPE_CHECKING:
    from tocsin.alert.rules.group_run import GroupRun
    from tocsin.alert.rules.rule_run import RuleRun
    from tocsin.alert.rules.state import Active
    from tocsin.model.alerts import Alert

_NEVER = "0001-01-01T00:00:00Z"


class _Choice:
    """Which rules are asked for."""

    def __init__(self, params: Params) -> None:
        self.kind = params.text("type").lower()
        if self.kind not in ("", "alert", "record"):
            raise BadParameter.named("type", f"not supported value {quote(self.kind)}")
        self._names = set(params.all("rule_name[]"))
        self._groups = set(params.all("rule_group[]"))
        self._files = set(params.all("file[]"))
        self._matches: list[tuple[Matcher, ...]] = params.matcher_sets()
        self.with_alerts = not _flag(params, "exclude_alerts")

    @property
    def is_narrow(self) -> bool:
        """Whether groups without a chosen rule are left out."""
        return bool(self._names or self._matches)

    def has_group(self, group: GroupRun) -> bool:
        """Whether the group may have chosen rules."""
        file, name = group.group.key
        return (not self._files or file in self._files) and (
            not self._groups or name in self._groups
        )

    def has(self, run: RuleRun) -> bool:
        """Whether the rule is asked for."""
        rule = run.rule
        if self.kind and rule.is_alert != (self.kind == "alert"):
            return False
        if self._names and rule.name not in self._names:
            return False
        labels = dict(rule.labels)
        return not self._matches or any(
            all(one.matches(labels.get(one.name, "")) for one in matchers)
            for matchers in self._matches
        )


async def rules(request: Request) -> Response:
    """Groups with their rules, and how each went at its last evaluation."""
    params = await Params.of(request)
    choice = _Choice(params)
    every = [one for one in services(request).rules.groups if choice.has_group(one)]
    groups, token = _page(params, every)
    shown = []
    for group in groups:
        chosen = [run for run in group.rules if choice.has(run)]
        if chosen or not choice.is_narrow:
            shown.append(_group(group, chosen, with_alerts=choice.with_alerts))
    return success({"groups": shown, **({"groupNextToken": token} if token else {})})


async def alerts(request: Request) -> Response:
    """Alerts that are pending or firing, those of values that fired as they arrived among them."""
    given = services(request)
    runs = [run for group in given.rules.groups for run in group.rules]
    ruled = [_alert(one) for run in runs for one in run.alerts()]
    at_once = [_at_once(one) for one in given.alerts.alerts() if one.source == "immediate"]
    return success({"alerts": [*ruled, *at_once]})


def _page(params: Params, groups: Sequence[GroupRun]) -> tuple[Sequence[GroupRun], str]:
    limit, token = params.text("group_limit"), params.text("group_next_token")
    if not limit:
        if token:
            words = "group_limit needs to be present in order to paginate over the groups"
            raise BadParameter.named("group_next_token", words)
        return groups, ""
    if not is_number(limit):
        words = f"group_limit needs to be a valid number: {quote(limit)}"
        raise BadParameter.named("group_limit", words)
    if int(limit) <= 0:
        raise BadParameter.named("group_limit", "group_limit needs to be greater than 0")
    if token:
        tokens = [_token(group) for group in groups]
        if token not in tokens:
            words = f"invalid group_next_token '{token}'. were rule groups changed?"
            raise BadParameter.named("group_next_token", words)
        groups = groups[tokens.index(token) :]
    rest = groups[int(limit) :]
    return groups[: int(limit)], _token(rest[0]) if rest else ""


def _token(group: GroupRun) -> str:
    text = ";".join(group.group.key)
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _flag(params: Params, name: str) -> bool:
    text = params.text(name)
    if text in ("", "0", "f", "F", "false", "False", "FALSE"):
        return False
    if text in ("1", "t", "T", "true", "True", "TRUE"):
        return True
    words = f"strconv.ParseBool: parsing {quote(text)}: invalid syntax"
    raise BadParameter(f"error converting {name}: {words}")


def _group(group: GroupRun, chosen: Sequence[RuleRun], *, with_alerts: bool) -> dict[str, object]:
    made = group.group
    return {
        "name": made.name,
        "file": made.file,
        "rules": [_rule(run, with_alerts=with_alerts) for run in chosen],
        "interval": _seconds(made.interval_ms / 1000),
        "limit": made.limit,
        "evaluationTime": group.seconds,
        "lastEvaluation": _time(group.evaluated_ms),
    }


def _rule(run: RuleRun, *, with_alerts: bool) -> dict[str, object]:
    rule = run.rule
    went = {
        "health": run.health,
        **({"lastError": run.error} if run.error else {}),
        "evaluationTime": run.seconds,
        "lastEvaluation": _time(run.evaluated_ms),
    }
    if not rule.is_alert:
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"name": rule.name, "query": rule.expr, **labels, **went, "type": "recording"}
    return {
        "state": run.phase.word,
        "name": rule.name,
        "query": rule.expr,
        "duration": _seconds(rule.hold_ms / 1000),
        "keepFiringFor": _seconds(rule.keep_firing_ms / 1000),
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
        "alerts": [_alert(one) for one in run.alerts()] if with_alerts else [],
        **went,
        **_beyond(run),
        "type": "alerting",
    }


def _beyond(run: RuleRun) -> dict[str, object]:
    """What Prometheus has no word for, only where a rule says it."""
    rule = run.rule
    if not is_watched(rule):
        return {}
    return {
        "tocsin": {
            "state": run.state,
            "condition": rule.written,
            "recover": rule.recover,
            "noData": rule.no_data,
            "onError": rule.on_error,
        }
    }


def _alert(one: Active) -> dict[str, object]:
    since = one.keep_firing_since_ms
    return {
        "labels": dict(one.labels),
        "annotations": dict(one.annotations),
        "state": one.phase.word,
        "activeAt": _time(one.active_ms),
        **({"keepFiringSince": _time(since)} if since else {}),
        "value": _exponent(one.value),
    }


def _at_once(one: Alert) -> dict[str, object]:
    said = dict(one.annotations)
    return {
        "labels": dict(one.labels),
        "annotations": said,
        "state": "firing",
        "activeAt": _time(one.starts_ms),
        "value": _exponent(float(said.get("value", "nan"))),
    }


def _exponent(value: float) -> str:
    """The number as Go's `%e` with as many digits as are needed: `1e+00`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    tries = (f"{value:.{digits}e}" for digits in range(18))
    return next(text for text in tries if float(text) == value)


def _seconds(value: float) -> float | int:
    """Go leaves `.0` away."""
    return int(value) if value == int(value) else value


def _time(at_ms: int) -> str:
    if not at_ms:
        return _NEVER
    whole = datetime.fromtimestamp(at_ms // 1000, UTC)
    fraction = f".{at_ms % 1000:03d}".rstrip("0") if at_ms % 1000 else ""
    return f"{whole:%Y-%m-%dT%H:%M:%S}{fraction}Z"
