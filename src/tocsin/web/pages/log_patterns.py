"""What do all these lines say? Their patterns: which are new, which grew; and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected, Temporary
from tocsin.model.logs import level_name
from tocsin.query.logs.compare import Comparison, Difference, LogCompare, Side
from tocsin.query.logs.parse import parse
from tocsin.query.logs.patterns import Deploy, LogPatterns, PatternRow
from tocsin.web.csrf import form_of
from tocsin.web.pages.log_asked import MUTES, Asked, Mute, asked_of, read_asked, span_of
from tocsin.web.pages.logs import TONES
from tocsin.web.pages.render import answer_action, frame, page, viewer
from tocsin.web.pages.timerange import TimeRange, moment
from tocsin.web.pages.timerange import read as read_range
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import Services, services

_LISTED = 300
_SHORT = 25
_GREW = 3.0
_FEWEST = 10
"""What came less often than that did not grow: one line more says nothing."""
_DIFFERENCES = 40
_LATE = 0.25


@dataclass(frozen=True, slots=True)
class PatternsView:
    """The page: `fresh` are the patterns that are new since `since_s`, `grown` those that came
    much more often than before, `gone` how many more there are than the rows tell."""

    asked: Asked
    rows: Sequence[PatternRow] = ()
    fresh: Sequence[PatternRow] = ()
    grown: Sequence[PatternRow] = ()
    lines: int = 0
    found: int = 0
    since_s: float = 0.0
    since: str = ""
    deploy: Deploy | None = None
    mutes: Sequence[Mute] = ()
    failed: str = ""

    def level(self, row: PatternRow) -> str:
        """The worst level's word."""
        return level_name(row.level)

    def tone(self, row: PatternRow) -> str:
        """The worst level's look."""
        return TONES[level_name(row.level)]


@dataclass(frozen=True, slots=True)
class CompareView:
    """Two sets of lines and what differs; `kind` is "time" or "question"."""

    kind: str
    first: Asked
    second: Asked
    first_range: TimeRange
    second_range: TimeRange
    found: Comparison | None = None
    failed: str = ""

    @property
    def patterns(self) -> Sequence[Difference]:
        """The patterns that differ by more than chance."""
        return [one for one in self.found.patterns if one.is_significant] if self.found else ()

    @property
    def values(self) -> Sequence[Difference]:
        """The values that differ by more than chance."""
        return [one for one in self.found.values if one.is_significant] if self.found else ()


def fresh_of(rows: Sequence[PatternRow], since_s: float) -> list[PatternRow]:
    """What was first seen since then, the worst level and the most frequent first."""
    found = [row for row in rows if row.first_seen_s >= since_s and not row.before]
    return sorted(found, key=lambda row: (-row.level, -row.lines))


def grown_of(rows: Sequence[PatternRow]) -> list[PatternRow]:
    """What was there before and came at least three times as often since."""
    found = [row for row in rows if row.before and row.lines >= _FEWEST and row.growth >= _GREW]
    return sorted(found, key=lambda row: -row.growth)


async def _patterns(request: Request) -> Response:
    given = services(request)
    asked = await asked_of(given, request)
    if asked.problem:
        return page(request, "pages/log_patterns.html", view=PatternsView(asked))
    try:
        view = await _view(request, given, asked)
    except (Rejected, Temporary) as fault:
        view = PatternsView(asked, failed=str(fault))
    return page(request, "pages/log_patterns.html", view=view)


async def _view(request: Request, given: Services, asked: Asked) -> PatternsView:
    time = frame(request).time
    span = span_of(time)
    patterns = LogPatterns(given.store, given.log_writer, given.clock)
    rows = await patterns.overview(asked.query, span)
    deploy = await patterns.last_deploy(span)
    since = request.query_params.get("since", "")
    since_s = time.start_s
    if not any(row.before for row in rows):
        # Nothing is known from before: all would be new, and nothing be told by it.
        since_s = time.end_s - (time.end_s - time.start_s) * _LATE
    if since:
        since_s = moment(since, given.clock.now())
    elif deploy:
        since_s = deploy.at_s
    fresh, grown = fresh_of(rows, since_s)[:_SHORT], grown_of(rows)[:_SHORT]
    listed = rows[:_LISTED]
    wanted = {row.question: row for row in (*listed, *fresh, *grown)}
    drawn = await patterns.with_bars(list(wanted.values()), asked.query, span)
    by_question = {row.question: row for row in drawn}
    return PatternsView(
        asked=asked,
        rows=[by_question[row.question] for row in listed],
        fresh=[by_question[row.question] for row in fresh],
        grown=[by_question[row.question] for row in grown],
        lines=sum(row.lines for row in rows),
        found=len(rows),
        since_s=since_s,
        since=since,
        deploy=deploy,
        mutes=await given.settings.get(MUTES, list[Mute], []),
    )


async def _mute(request: Request) -> Response:
    given = services(request)
    form = await form_of(request)
    numbers = [one for one in str(form.get("patterns", "")).split() if one.isdecimal()]
    template = str(form.get("template", ""))[:500]
    if not numbers:
        raise Rejected("no pattern was named; use the button of a pattern")
    mutes = await given.settings.get(MUTES, list[Mute], [])
    who = viewer(request).name
    new = Mute(
        service=str(form.get("service", ""))[:200],
        template=template,
        patterns=numbers,
        by=who,
        at_s=given.clock.now(),
    )
    kept = [one for one in mutes if not set(one.patterns) & set(numbers)]
    await given.settings.set(MUTES, [*kept, new], by=who)
    return answer_action(request, "Lines of this pattern are not shown any more.", "/logs/patterns")


async def _unmute(request: Request) -> Response:
    given = services(request)
    numbers = set(str((await form_of(request)).get("patterns", "")).split())
    mutes = await given.settings.get(MUTES, list[Mute], [])
    kept = [one for one in mutes if not set(one.patterns) & numbers]
    await given.settings.set(MUTES, kept, by=viewer(request).name)
    return answer_action(request, "Lines of this pattern are shown again.", "/logs/patterns")


async def _compare(request: Request) -> Response:
    given = services(request)
    params = request.query_params
    own = frame(request)
    kind = "question" if params.get("kind") == "question" else "time"
    second = read_asked(params.get("q", "").strip())
    first = second if kind == "time" else read_asked(params.get("q2", "").strip())
    earlier = _earlier(params.get("from2", ""), params.get("to2", ""), own.time, given.clock.now())
    first_range = earlier if kind == "time" else own.time
    view = CompareView(kind, first, second, first_range, own.time)
    problem = first.problem or second.problem or first_range.problem
    if problem:
        view = CompareView(kind, first, second, first_range, own.time, failed=problem)
    elif kind == "time" or (params.get("q") and params.get("q2")):
        try:
            found = await LogCompare(given.store, given.log_writer, given.clock).compare(
                Side(parse(first.question), span_of(first_range)),
                Side(parse(second.question), span_of(own.time)),
                _DIFFERENCES,
            )
            view = CompareView(kind, first, second, first_range, own.time, found)
        except (Rejected, Temporary) as fault:
            view = CompareView(kind, first, second, first_range, own.time, failed=str(fault))
    return page(request, "pages/log_compare.html", view=view)


def _earlier(begin: str, end: str, time: TimeRange, now: float) -> TimeRange:
    """The range that is compared with; by itself the equally long one before."""
    if begin or end:
        return read_range({"from": begin, "to": end}, now)
    length = time.end_s - time.start_s
    start, stop = round((time.start_s - length) * 1000), round(time.start_s * 1000)
    return read_range({"from": str(start), "to": str(stop)}, now)


ADDRESSES: Addresses = (
    get("/logs/patterns", _patterns, Access.READ),
    get("/logs/compare", _compare, Access.READ),
    post("/logs/patterns/mute", _mute, Access.RESPOND),
    post("/logs/patterns/unmute", _unmute, Access.RESPOND),
)
