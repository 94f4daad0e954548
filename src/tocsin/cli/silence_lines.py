"""How do silences and maintenance windows look as a list on a terminal, however narrow?"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from rich.text import Text

_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_COLOURS = {"active": "yellow", "pending": "blue"}


class Status(msgspec.Struct):
    """Whether a silence holds back now, as the API says it."""

    state: str


class Condition(msgspec.Struct):
    """One condition of a silence, as the API takes and tells it."""

    name: str
    value: str
    isRegex: bool = False  # noqa: N815 - the API's own spelling
    isEqual: bool = True  # noqa: N815 - the API's own spelling

    def __str__(self) -> str:
        op = {(True, True): "=~", (True, False): "!~", (False, True): "="}.get(
            (self.isRegex, self.isEqual), "!="
        )
        name = self.name if _PLAIN.fullmatch(self.name) else _quoted(self.name)
        return f"{name}{op}{_quoted(self.value)}"


class ListedSilence(msgspec.Struct):
    """A silence, as the API tells it."""

    id: str
    status: Status
    matchers: list[Condition]
    startsAt: str  # noqa: N815 - the API's own spelling
    endsAt: str  # noqa: N815 - the API's own spelling
    createdBy: str  # noqa: N815 - the API's own spelling
    comment: str


class Span(msgspec.Struct):
    """From when until when."""

    start: str
    end: str


class ListedWindow(msgspec.Struct):
    """A maintenance window, as the API tells it; `next` is the time that is open or comes next."""

    id: str
    name: str
    state: str
    matchers: list[str]
    words: str
    created_by: str
    start: str
    end: str
    next: Span | None = None


def silence_lines(one: ListedSilence) -> Iterator[Text]:
    """A silence in at most three lines: until when, what it holds back, why and by whom."""
    yield _first(one.id, one.status.state, Span(one.startsAt, one.endsAt))
    yield Text("    " + " ".join(map(str, one.matchers)))
    if one.comment or one.createdBy:
        yield Text(f"    {_signed(one.comment, one.createdBy)}", "dim")


def window_lines(one: ListedWindow) -> Iterator[Text]:
    """A maintenance window in three lines, as a silence."""
    yield _first(one.id, one.state, one.next or Span(one.start, one.end))
    yield Text("    " + (" ".join(one.matchers) or "every alert"))
    why = one.name if one.words == "once" else f"{one.name} ({one.words})"
    yield Text(f"    {_signed(why, one.created_by)}", "dim")


def _first(name: str, state: str, span: Span) -> Text:
    begins, ends = moment(span.start), moment(span.end)
    when = {"pending": f"from {begins} until {ends}", "expired": f"since {ends}"}
    words = Text(f"{name}  ").append(state, _COLOURS.get(state, "dim"))
    return words.append(f" {when.get(state, f'until {ends}')}")


def _signed(why: str, by: str) -> str:
    return ", ".join(part for part in (why, f"by {by}" if by else "") if part)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def moment(text: str) -> str:
    """The API's time as other lists show it: to the second, with its zone; anything else as it
    is."""
    day, middle, clock = text.partition("T")
    if not middle or not clock.endswith("Z"):
        return text
    return f"{day} {clock[:-1].partition('.')[0]}Z"
