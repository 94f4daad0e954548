"""What does the address of a logs page ask for? A question, columns, what is muted, and a place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup, escape
from starlette.requests import Request

from tocsin.kit.fault import Rejected
from tocsin.query.logs.ast import (
    All,
    Compare,
    Everything,
    Field,
    Query,
    Some,
    Words,
)
from tocsin.query.logs.compare import quoted
from tocsin.query.logs.fields import Part, place_of
from tocsin.query.logs.parse import parse
from tocsin.query.logs.search import Line, Span
from tocsin.web.pages.timerange import TimeRange
from tocsin.web.services import Services

VIEWS = "log_views"
"""The setting that holds the saved views, a list of `SavedView`."""
MUTES = "log_mutes"
"""The setting that holds the patterns that are not shown, a list of `Mute`."""
_MOST_COLUMNS = 6
_MOST_MARKED = 50
"""Every letter of every line is compared with each of them."""
_PLACE = re.compile(r"character (\d+): (.*)", re.DOTALL)


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """A question that somebody gave a name."""

    id: str
    name: str
    q: str
    columns: str = ""
    by: str = ""

    @property
    def path(self) -> str:
        """Where it is shown."""
        given = {"q": self.q, "cols": self.columns, "view": self.id}
        return f"/logs?{urlencode({key: value for key, value in given.items() if value})}"

    @property
    def panel_path(self) -> str:
        """Where a dashboard is chosen for it."""
        given = {"kind": "logs", "title": self.name, "q": self.q, "cols": self.columns}
        return (
            f"/dashboards/choose?{urlencode({key: value for key, value in given.items() if value})}"
        )


class Mute(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern that people do not want to see."""

    service: str
    template: str
    patterns: list[str]
    by: str = ""
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: `question` is all of it, without what is muted unless `shows_muted`.

    `problem` says why `typed` cannot be read, and `problem_at` where, counted from 0; -1 when that
    is not known.
    """

    typed: str
    question: str
    query: Query
    columns: tuple[str, ...]
    muted: int
    shows_muted: bool
    oldest_first: bool
    problem: str = ""
    problem_at: int = -1


async def asked_of(given: Services, request: Request) -> Asked:
    """What this request asks for."""
    params = request.query_params
    mutes = await given.settings.get(MUTES, list[Mute], [])
    return read_asked(
        params.get("q", "").strip(),
        columns=params.get("cols", ""),
        mutes=mutes,
        shows_muted=params.get("muted") == "show",
        oldest_first=params.get("order") == "asc",
    )


def read_asked(
    typed: str,
    *,
    columns: str = "",
    mutes: Sequence[Mute] = (),
    shows_muted: bool = False,
    oldest_first: bool = False,
) -> Asked:
    """A question with all around it; one that cannot be read asks for nothing and says why."""
    names = tuple(dict.fromkeys(name for name in re.split(r"[,\s]+", columns) if name))
    numbers = [number for mute in mutes for number in mute.patterns if number.isdecimal()]
    question = typed
    # Who asks for a pattern wants to see it.
    if numbers and not shows_muted and "pattern:" not in typed:
        hidden = f"-pattern:({' OR '.join(numbers)})"
        question = f"({typed}) {hidden}" if typed else hidden
    problem, at = "", -1
    query: Query = Everything()
    try:
        parse(typed)
        query = parse(question)
    except Rejected as fault:
        problem, question = str(fault), typed
        if found := _PLACE.fullmatch(problem):
            at, problem = int(found[1]) - 1, found[2]
    return Asked(
        typed=typed,
        question=question,
        query=query,
        columns=names[:_MOST_COLUMNS],
        muted=len(mutes),
        shows_muted=shows_muted,
        oldest_first=oldest_first,
        problem=problem,
        problem_at=at,
    )


def span_of(time: TimeRange) -> Span:
    """The page's range of time, of a second at least."""
    start, end = round(time.start_s * 1000) * 1_000_000, round(time.end_s * 1000) * 1_000_000
    return Span(start, max(end, start + 1_000_000_000))


def with_part(typed: str, part: str) -> str:
    """A question that asks for one thing more."""
    typed = typed.strip()
    if not typed:
        return part
    if part in typed.split():
        return typed
    return f"({typed}) {part}" if " OR " in typed or "||" in typed else f"{typed} {part}"


def part_of(field: str, value: str, *, without: bool = False) -> str:
    """What asks for lines of a value, or for those that have another one or none."""
    return f"{'-' if without else ''}{field}:{quoted(value)}"


def value_of(line: Line, field: str) -> str:
    """A field of a line as text; empty when the line has none."""
    part, name = place_of(field)
    match part:
        case Part.ATTRIBUTE:
            return line.attributes.get(name, "")
        case Part.COLUMN:
            return str(getattr(line, name))
        case Part.PATTERN:
            return line.pattern
        case Part.LEVEL:
            return line.severity
    return line.body


def words_of(query: Query) -> list[str]:
    """The texts that a question looks for in lines, for marking them."""
    match query:
        case Words(text, _):
            return [text]
        case All(parts) | Some(parts):
            return [word for part in parts for word in words_of(part)]
        case Field(field, Compare.EQUAL | Compare.EXACT, value):
            return [value] if place_of(field)[0] is Part.BODY else []
    return []


def marked(text: str, words: Iterable[str]) -> Markup:
    """A text as HTML in which these words are marked, whatever their case."""
    first = islice(dict.fromkeys(word for word in words if word), _MOST_MARKED)
    wanted = sorted(first, key=len, reverse=True)
    if not wanted:
        return escape(text)
    found = re.split(f"({'|'.join(map(re.escape, wanted))})", text, flags=re.IGNORECASE)
    pieces = (
        Markup("<mark>{}</mark>").format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(found)
    )
    return Markup("").join(pieces)
