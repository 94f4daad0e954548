"""Which metrics are there, what are they, and what do they cost?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault
from tocsin.model.labels import NAME, Labels, Matcher, MatchOp
from tocsin.model.samples import Metadata
from tocsin.web.csrf import form_of
from tocsin.web.pages.render import answer_action, page, viewer
from tocsin.web.pages.timerange import read
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import Services, services

DROP_RULES = "drop_rules"
"""The setting that holds the drop rules made on this page, as a list of selectors."""

_LISTED = 200
_VALUES_SHOWN = 8
_SERIES_LOOKED_AT = 20_000
_TOP = 15


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric in the list."""

    name: str
    type: str
    series: int


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label of one metric: how many values it has, and the most frequent of them."""

    name: str
    distinct: int
    top: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Example:
    """A query to begin with."""

    words: str
    query: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class MetricView:
    """One metric. `looked_at` is how many of its series the labels were counted in."""

    name: str
    type: str
    help: str
    unit: str
    series: int
    looked_at: int
    labels: Sequence[LabelRow]
    examples: Sequence[Example]


@dataclass(frozen=True, slots=True)
class BrowseView:
    """The list, and the chosen metric if there is one."""

    search: str
    rows: Sequence[MetricRow]
    found: int
    total: int
    metric: MetricView | None


def matching(names: Sequence[str], about: Mapping[str, Metadata], search: str) -> list[str]:
    """The metrics whose name or help has every word of the search."""
    words = search.lower().split()
    if not words:
        return list(names)

    def fits(name: str) -> bool:
        text = f"{name} {about[name].help}".lower() if name in about else name.lower()
        return all(word in text for word in words)

    return [name for name in names if fits(name)]


def label_rows(label_sets: Sequence[Labels]) -> list[LabelRow]:
    """The labels of these series, those with most values first."""
    counts: dict[str, dict[str, int]] = {}
    for labels in label_sets:
        for name, value in labels:
            if name != NAME:
                values = counts.setdefault(name, {})
                values[value] = values.get(value, 0) + 1
    rows = [
        LabelRow(
            name,
            len(values),
            sorted(values.items(), key=lambda entry: (-entry[1], entry[0]))[:_VALUES_SHOWN],
        )
        for name, values in counts.items()
    ]
    return sorted(rows, key=lambda row: (-row.distinct, row.name))


def examples(name: str, kind: str, labels: Sequence[str]) -> list[Example]:
    """Queries that make sense of a metric of this type."""
    by = next((label for label in ("job", "service", "instance") if label in labels), "")
    by_words = f" by ({by})" if by else ""
    if kind == "histogram" or name.endswith("_bucket"):
        base = name.removesuffix("_bucket")
        keep = f"le, {by}" if by else "le"
        unit = "seconds" if "_seconds" in base else "bytes" if "_bytes" in base else ""
        return [
            Example(
                "95th percentile",
                f"histogram_quantile(0.95, sum by ({keep}) (rate({base}_bucket[5m])))",
                unit,
            ),
            Example("How many a second", f"sum{by_words} (rate({base}_count[5m]))", "/s"),
            Example(
                "Average",
                f"sum{by_words} (rate({base}_sum[5m])) / sum{by_words} (rate({base}_count[5m]))",
                unit,
            ),
        ]
    if kind == "counter" or name.endswith("_total"):
        return [
            Example("Change per second", f"sum{by_words} (rate({name}[5m]))"),
            Example("Growth in an hour", f"sum{by_words} (increase({name}[1h]))"),
            Example("The largest", f"topk(10, rate({name}[5m]))"),
        ]
    return [
        Example("As it is", name),
        Example("Average", f"avg{by_words} ({name})"),
        Example("The largest", f"topk(10, {name})"),
    ]


async def _browse(request: Request) -> Response:
    given = services(request)
    query = request.query_params
    span = read(query, given.clock.now())
    start_ms, end_ms = round(span.start_s * 1000), round(span.end_s * 1000)
    names = await given.source.label_values(NAME, (), start_ms, end_ms)
    about = {key: found[0] for key, found in (await given.source.metadata()).items() if found}
    search, chosen = query.get("q", ""), query.get("metric", "")
    found = matching(names, about, search)
    rows = [
        MetricRow(name, _about(about, name).type, given.registry.count(NAME, name))
        for name in found[:_LISTED]
    ]
    metric = None
    if chosen:
        metric = await _metric(given, chosen, _about(about, chosen), (start_ms, end_ms))
    view = BrowseView(search, rows, len(found), len(names), metric)
    return page(request, "pages/browse.html", view=view)


def _about(about: Mapping[str, Metadata], name: str) -> Metadata:
    """What is known of a metric; a histogram's parts are described by the histogram."""
    for candidate in (
        name,
        name.removesuffix("_total"),
        *(name.removesuffix(end) for end in ("_bucket", "_count", "_sum")),
    ):
        if candidate in about:
            return about[candidate]
    return Metadata(name, "unknown")


async def _metric(given: Services, name: str, about: Metadata, span: tuple[int, int]) -> MetricView:
    matchers = (Matcher(NAME, MatchOp.EQUAL, name),)
    label_sets = await given.source.series((matchers,), *span, _SERIES_LOOKED_AT)
    labels = await asyncio.to_thread(label_rows, label_sets)
    return MetricView(
        name=name,
        type=about.type,
        help=about.help,
        unit=about.unit,
        series=given.registry.count(NAME, name),
        looked_at=len(label_sets),
        labels=labels,
        examples=examples(name, about.type, [row.name for row in labels]),
    )


async def _cardinality(request: Request) -> Response:
    given = services(request)
    return page(
        request,
        "pages/cardinality.html",
        cost=given.registry.cardinality(_TOP),
        limits=given.guard.config,
        rules=given.guard.rules,
        offenders=given.guard.offenders(_TOP),
    )


async def _drop(request: Request) -> Response:
    given = services(request)
    form = await form_of(request)
    text = str(form.get("selector", "")).strip()
    back = f"/browse/cardinality?{urlencode({'rule': text})}"
    try:
        given.guard.add_rule(text)
    except Fault as fault:
        return answer_action(request, str(fault), back, state="critical")
    await _keep_rules(request, given)
    count = str(form.get("series", ""))
    what = f"{count} series of " if count else ""
    return answer_action(request, f"Drops {what}{text} from now on. Undo it below.", back)


async def _undrop(request: Request) -> Response:
    given = services(request)
    text = str((await form_of(request)).get("selector", ""))
    try:
        given.guard.remove_rule(text)
    except Fault as fault:
        return answer_action(request, str(fault), "/browse/cardinality", state="critical")
    await _keep_rules(request, given)
    return answer_action(request, f"Takes {text} again.", "/browse/cardinality")


async def _keep_rules(request: Request, given: Services) -> None:
    own = [rule.text for rule in given.guard.rules if not rule.fixed]
    await given.settings.set(DROP_RULES, own, by=viewer(request).name)


ADDRESSES: Addresses = (
    get("/browse", _browse, Access.READ),
    get("/browse/cardinality", _cardinality, Access.READ),
    post("/browse/drop", _drop, Access.ADMIN),
    post("/browse/undrop", _undrop, Access.ADMIN),
)
