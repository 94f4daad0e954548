"""One alert: what it says, its graph, who was told, when it fired before. Also one that is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.attention.acknowledge import Acknowledgement
from tocsin.alert.deciding.measured import measured
from tocsin.alert.rules.rule_file import Rule
from tocsin.kit.fault import NotFound
from tocsin.model.incidents import Incident
from tocsin.model.labels import Labels, from_mapping, get
from tocsin.query.logs.compare import quoted
from tocsin.state.incidents import Asked
from tocsin.web.alert_board import BoardAlert, Held, is_address
from tocsin.web.alert_filter import silence_address
from tocsin.web.alert_graph import Graph, graph_of
from tocsin.web.alert_past import Past, labels_named, of_rule, past_of
from tocsin.web.pages import timerange
from tocsin.web.pages.alerts import rule_address
from tocsin.web.pages.render import frame, html, respond
from tocsin.web.routing import Access, Addresses
from tocsin.web.routing import get as address
from tocsin.web.services import Services, services
from tocsin.web.why import Message, RuleNow, Why, is_fingerprint, why

_HALF_HOUR_S = 1800.0
_LONG_S = 6 * 3600.0
_MOST_INCIDENTS = 500
_LOGS_BEFORE_S, _LOGS_AFTER_S = 600.0, 300.0
_SERVICES = ("service", "app", "application")
_PLACES = ("dashboard_url", "dashboard")
_TONES = {"sent": "ok", "failed": "critical", "retrying": "warning"}


@dataclass(frozen=True, slots=True)
class AlertView:
    """The page of one alert; times in seconds, 0 when there is none."""

    fingerprint: str
    is_known: bool
    name: str
    tone: str
    word: str
    is_firing: bool
    is_over: bool
    since_s: float
    ended_s: float
    value: float | None
    found: str
    """The value and its bound in the unit of the rule's author; empty where none is known."""
    labels: Labels
    """Those besides the name."""
    summary: str
    said: Sequence[tuple[str, str]]
    runbook: str
    dashboards: Sequence[str]
    held: Sequence[Held]
    ack: Acknowledgement | None
    rule: RuleNow | None
    rule_href: str
    recover: str
    graph: Graph | None
    notes: str
    silence: str
    logs: str
    traces: str
    """The address of what its service logged around its beginning; empty when it has none."""
    receivers: Sequence[str]
    words: str
    """What became of it, in one sentence."""
    messages: Sequence[Message]
    tones: Mapping[str, str]
    past: Past
    others: int
    """How many alerts of the same name there are besides."""
    incidents: Sequence[Incident]
    """Those that it is part of, or was when it last fired."""


def _said(annotations: Mapping[str, str]) -> tuple[str, str, list[str], list[tuple[str, str]]]:
    """The summary, the runbook, dashboards, and whatever else the author says."""
    summary = next(
        (annotations[k] for k in ("summary", "title", "message") if k in annotations), ""
    )
    runbook = next(
        (t for k in ("runbook_url", "runbook") if is_address(t := annotations.get(k, ""))), ""
    )
    dashboards = [t for k in _PLACES if is_address(t := annotations.get(k, ""))]
    told = {summary, runbook, *dashboards, ""}
    return summary, runbook, dashboards, [p for p in annotations.items() if p[1] not in told]


async def view_of(given: Services, name: str) -> AlertView:
    """All that is known of the alert of that fingerprint."""
    found = await given.board.read(given, with_=name)
    here = next((one for one in found if one.fingerprint == name), None)
    labels, story = await _story_of(given, name, here.labels if here else ())
    past = await past_of(given, labels) if labels else Past(0)
    rule = _rule_of(given, story.rule)
    since, ended = _times(here, story, past)
    annotations = dict(here.annotations) if here else story.annotations
    summary, runbook, dashboards, said = _said(annotations or _plain_words(rule))
    newest = (story.history or story.now)[:1]
    return AlertView(
        fingerprint=name,
        is_known=bool(labels),
        name=get(labels, "alertname") or name,
        tone=here.tone if here else "ok" if labels else "unknown",
        word=here.word if here else "Over" if labels else "Not known",
        is_firing=here is not None and here.phase == "firing",
        is_over=here is None,
        since_s=since,
        ended_s=ended,
        value=here.value if here else None,
        found=measured(here.value, rule.expr, rule.unit) if here and rule and rule.unit else "",
        labels=tuple(pair for pair in labels if pair[0] != "alertname"),
        summary=summary,
        said=said,
        runbook=runbook,
        dashboards=dashboards,
        held=here.held if here else (),
        ack=given.acknowledgements.of(name, given.clock.now_ms()),
        rule=story.rule,
        rule_href=rule_address(story.rule.group, story.rule.name) if story.rule else "",
        recover=(rule.recover_written or rule.recover) if rule else "",
        graph=_graph(given, rule, labels),
        notes=_notes(since, ended, story.rule.hold_ms if story.rule else 0),
        silence=silence_address(labels),
        logs=logs_of(labels, since),
        traces=traces_of(labels, since),
        receivers=here.receivers if here else (),
        words=newest[0].summary if newest else "",
        messages=story.messages,
        tones=_TONES,
        past=past,
        others=sum(one.name == get(labels, "alertname") for one in found) - (here is not None),
        incidents=await _incidents(given, name, since),
    )


async def _story_of(given: Services, name: str, labels: Labels) -> tuple[Labels, Why]:
    """What was decided of it, and its labels; those of one that is long over are looked up."""
    (story,) = await why(given, name, dict(labels))
    if not story.labels:
        labels = await labels_named(given, name)
        (story,) = await why(given, name, dict(labels))
    return labels or from_mapping(story.labels), story


async def _incidents(given: Services, name: str, since_s: float) -> list[Incident]:
    since_ms = round(since_s * 1000) or given.clock.now_ms()
    found = await given.incidents.find(Asked(since_ms=since_ms, limit=_MOST_INCIDENTS))
    return [one for one in found if any(link.ref == name for link in one.of_kind("alert"))]


def _times(here: BoardAlert | None, story: Why, past: Past) -> tuple[float, float]:
    """Since when, and until when when it is over."""
    if here is not None:
        return here.since_ms / 1000, 0.0
    if story.ends_ms:
        return story.starts_ms / 1000, story.ends_ms / 1000
    if past.times:
        return past.times[0].began_s, past.times[0].ended_s
    return story.starts_ms / 1000, 0.0


def _rule_of(given: Services, now: RuleNow | None) -> Rule | None:
    if now is None:
        return None
    for group in given.rules.groups:
        for run in group.rules:
            if (group.group.file, group.group.name) == (now.file, now.group) and (
                run.rule.name,
                run.rule.expr,
            ) == (now.name, now.expr):
                return run.rule
    return None


def _plain_words(rule: Rule | None) -> dict[str, str]:
    """What a rule says of all its alerts alike, for one that is over."""
    pairs = rule.annotations if rule else ()
    return {name: text for name, text in pairs if "{{" not in text}


def _graph(given: Services, rule: Rule | None, labels: Labels) -> Graph | None:
    if rule is None:
        return None
    own = {"alertname", *(name for name, _ in rule.labels)}
    source = tuple(pair for pair in of_rule(given, labels) if pair[0] not in own)
    return graph_of(rule.expr, rule.recover, source, spoken_unit=rule.unit)


def _notes(since_s: float, ended_s: float, hold_ms: int) -> str:
    found = []
    if since_s:
        if hold_ms:
            found.append(f"{since_s - hold_ms / 1000:.0f} began")
        found.append(f"{since_s:.0f} fired")
    if ended_s:
        found.append(f"{ended_s:.0f} over")
    return "; ".join(found)


def logs_of(labels: Labels, since_s: float) -> str:
    """The address of what its service logged around its beginning; empty when it names none."""
    service = next((found for one in _SERVICES if (found := get(labels, one))), "")
    if not service or not since_s:
        return ""
    asked = {
        "q": f"service:{quoted(service)}",
        "from": f"{(since_s - _LOGS_BEFORE_S) * 1000:.0f}",
        "to": f"{(since_s + _LOGS_AFTER_S) * 1000:.0f}",
    }
    return f"/logs?{urlencode(asked)}"


def traces_of(labels: Labels, since_s: float) -> str:
    """The address of its service's traces around its beginning; empty when it names none."""
    service = next((found for one in _SERVICES if (found := get(labels, one))), "")
    if not service or not since_s:
        return ""
    asked = {
        "service": service,
        "from": f"{(since_s - _LOGS_BEFORE_S) * 1000:.0f}",
        "to": f"{(since_s + _LOGS_AFTER_S) * 1000:.0f}",
    }
    return f"/traces?{urlencode(asked)}"


def range_of(view: AlertView, now_s: float) -> dict[str, str]:
    """The hour around its beginning; up to now while that is not long ago."""
    if not view.since_s:
        return {}
    begin = view.since_s - _HALF_HOUR_S
    end = view.since_s + _HALF_HOUR_S
    if view.ended_s and view.ended_s - view.since_s < _LONG_S:
        end = max(end, view.ended_s + 600)
    if (not view.is_over and now_s - view.since_s < _LONG_S) or end >= now_s:
        return {"from": f"{begin * 1000:.0f}", "to": "now"}
    return {"from": f"{begin * 1000:.0f}", "to": f"{end * 1000:.0f}"}


async def _page(request: Request) -> Response:
    name = str(request.path_params["fingerprint"])
    if not is_fingerprint(name):
        raise NotFound("an alert is named by the 16 hex digits of its fingerprint")
    given = services(request)
    view = await view_of(given, name)
    around = frame(request)
    if not {"from", "to"} & around.query.keys():
        around = replace(around, time=timerange.read(range_of(view, around.now), around.now))
    status = 200 if view.is_known else 404
    return respond(html("pages/alert.html", around, view=view), status=status)


ADDRESSES: Addresses = (address("/alerts/{fingerprint}", _page, Access.READ),)
