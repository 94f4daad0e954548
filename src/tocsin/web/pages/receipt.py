"""The page that answers, for one alert: why was somebody told of it, or not?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.alert.attention.acknowledge import Acknowledgement
from tocsin.alert.deciding.chain import Step
from tocsin.alert.deciding.holding import Stage
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.labels import from_mapping
from tocsin.model.notices import fingerprint as fingerprint_of
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services
from tocsin.web.why import Decided, Why, is_fingerprint, labels_of, why

_TONES = {
    "passed": ("ok", "Passed"),
    "told": ("info", "Told"),
    "held": ("warning", "Held back"),
    "quiet": ("unknown", "No news"),
    "failed": ("critical", "Failed"),
    "waits": ("unknown", "Waits"),
}
_OUTCOMES = {
    "told": ("info", "Told"),
    "repeated": ("info", "Repeated"),
    "told along": ("info", "Told along"),
    "held back": ("warning", "Held back"),
    "no news": ("unknown", "No news"),
    "over before it was told": ("unknown", "Never told"),
    "nobody is told": ("critical", "Nobody told"),
    "waits": ("unknown", "Waits"),
}
_NAMES = {
    Stage.EVALUATION: "Evaluation",
    Stage.ROUTE: "Route",
    Stage.GROUP: "Group",
    Stage.INHIBITION: "Inhibition",
    Stage.SILENCE: "Silence",
    Stage.MAINTENANCE: "Maintenance",
    Stage.TIME: "Time",
    Stage.ACKNOWLEDGED: "Acknowledged",
    Stage.FLAPPING: "Flapping",
    Stage.DEPENDENCY: "Dependency",
    Stage.REPEAT: "News",
    Stage.DELIVERY: "Delivery",
}
_MESSAGE_TONES = {"sent": "ok", "failed": "critical", "retrying": "warning"}


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain as a person reads it. Times in seconds, 0 when there is none."""

    name: str
    tone: str
    word: str
    words: str
    detail: str
    is_code: bool
    since_s: float
    until_s: float
    links: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Chain:
    """One decision; `number` 0 for what would be decided now."""

    number: int
    tone: str
    word: str
    summary: str
    at_s: float
    last_s: float
    count: int
    links: Sequence[Link]


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """The page of one alert."""

    why: Why
    name: str
    tone: str
    word: str
    words: str
    now: Sequence[Chain]
    history: Sequence[Chain]
    tones: Mapping[str, str]
    asked: str
    acknowledgement: Acknowledgement | None


def chain(one: Decided) -> Chain:
    """A decision with links to what it is about."""
    tone, word = _OUTCOMES[one.outcome]
    if any(step.verdict == "failed" for step in one.steps):
        tone, word = "critical", "Failed"
    elif one.id and one.told and not any(step.stage is Stage.DELIVERY for step in one.steps):
        word = "On its way"
    return Chain(
        number=one.id,
        tone=tone,
        word=word,
        summary=one.summary[:1].upper() + one.summary[1:],
        at_s=one.at_ms / 1000,
        last_s=one.last_ms / 1000,
        count=one.count,
        links=[_link(step) for step in one.steps],
    )


def _link(step: Step) -> Link:
    tone, word = _TONES[step.verdict]
    if step.verdict == "told":
        word = "Due" if step.stage is Stage.REPEAT else "Taken"
    return Link(
        name=_NAMES[step.stage],
        tone=tone,
        word=word,
        words=step.words,
        detail=step.detail,
        is_code=step.stage is Stage.EVALUATION,
        since_s=step.at_ms / 1000,
        until_s=step.until_ms / 1000,
        links=_links(step),
    )


def _links(step: Step) -> list[tuple[str, str]]:
    """What the link is about, as words and addresses."""
    match step.stage:
        case Stage.EVALUATION if step.detail:
            return [("Rules", "/rules")]
        case Stage.ROUTE if step.ids:
            return [("Routing", "/routing")]
        case Stage.INHIBITION | Stage.DEPENDENCY:
            return [("that alert", f"/alerts/{one}/why") for one in step.ids[:1]]
        case Stage.SILENCE:
            return [(f"silence {one[:8]}", f"/silences/{one}") for one in step.ids]
        case Stage.MAINTENANCE if step.ids:
            return [("Silences and maintenance", "/silences")]
        case Stage.DELIVERY:
            return [(f"message {one}", f"/notifications/{one}") for one in step.ids]
        case _:
            return []


def view(found: Why, asked: str, acknowledgement: Acknowledgement | None) -> ReceiptView:
    """The page of what is known."""
    now = [chain(one) for one in found.now]
    history = [chain(one) for one in found.history]
    tone, word = ("critical", "Firing") if found.is_firing else ("ok", "Over")
    if not found.is_known:
        tone, word = "unknown", "Not known"
    newest = history if history else now
    return ReceiptView(
        why=found,
        name=found.labels.get("alertname", found.fingerprint),
        tone=tone,
        word=word,
        words=newest[0].summary if newest else "",
        now=now,
        history=history,
        tones=_MESSAGE_TONES,
        asked=asked,
        acknowledgement=acknowledgement,
    )


async def _page(request: Request) -> Response:
    fingerprint = str(request.path_params["fingerprint"])
    asked = request.query_params.get("labels", "").strip()
    used = services(request)
    if not is_fingerprint(fingerprint):
        raise NotFound("an alert is named by the 16 hex digits of its fingerprint")
    problem = ""
    labels: dict[str, str] = {}
    try:
        labels = labels_of(shlex.split(asked))
    except (Rejected, ValueError) as error:
        problem = str(error)
    meant = fingerprint_of(from_mapping(labels)) if labels else fingerprint
    if meant != fingerprint:
        return RedirectResponse(f"/alerts/{meant}/why?{urlencode({'labels': asked})}", 303)
    (found,) = await why(used, fingerprint, labels)
    ack = used.acknowledgements.of(fingerprint, used.clock.now_ms())
    return page(request, "pages/receipt.html", view=view(found, asked, ack), problem=problem)


ADDRESSES: Addresses = (get("/alerts/{fingerprint}/why", _page, Access.READ),)
