"""Where was it raised? Stack frames as a page shows them: ours open, those of libraries folded.

Everything in an event is written by whoever holds a public key: nothing of it is trusted to end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tocsin.errortracking.answers import Frame, Thrown

_CHAIN = 20
_FRAMES = 400
_OPEN_CALLS = 5
_LOCALS = 60
_VALUE = 2_000
_LINE = 400
_MESSAGE = 8_000
_BUDGET = 400_000
_PLAIN = ("generic", "chained")
"""Mechanisms that say nothing."""
_AROUND = 8


@dataclass(slots=True)
class Purse:
    """How many characters of an event a page may still show; 1 MB of locals helps nobody. What
    does not fit is cut where it says so, and the whole event can be downloaded."""

    left: int = _BUDGET
    is_cut: bool = False
    """Whether anything did not fit."""

    def take(self, text: str, most: int = _VALUE) -> str:
        """The text as far as it is shown."""
        allowed = max(0, min(most, self.left))
        self.left -= min(len(text), allowed)
        if len(text) <= allowed:
            return text
        self.is_cut = True
        return f"{text[:allowed]}… {len(text) - allowed:,} more characters"

    def name(self, text: str, most: int = 100) -> str:
        """A name of something; of a long one the beginning, which is no loss."""
        return self.take(text if len(text) <= most else f"{text[: most - 1]}…", most)

    def pairs(self, given: Mapping[str, str], most: int = _LOCALS) -> list[tuple[str, str]]:
        """Names and values, those without a value left out."""
        told = [(self.name(name), self.take(value)) for name, value in given.items() if value]
        if len(told) > most:
            self.is_cut = True
            told[most:] = [("…", f"and {len(told) - most} more")]
        return told


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of source code; `is_here` when it is the one that was running."""

    number: int
    text: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Call:
    """One frame. `times` is how often it stands there in a row: a recursion is shown once."""

    function: str
    place: str
    """File and line, as short as the sender told them."""
    path: str
    module: str
    is_ours: bool
    source: Sequence[SourceLine] = ()
    variables: Sequence[tuple[str, str]] = ()
    is_open: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """Frames that stand together: one of ours, or those of libraries between two of ours."""

    calls: Sequence[Call]
    is_ours: bool

    @property
    def frames(self) -> int:
        """How many they are, repeated ones each."""
        return sum(one.times for one in self.calls)


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception of the chain, or one stack. Its newest call is the first."""

    kind: str
    value: str
    module: str
    mechanism: str
    is_handled: bool
    runs: Sequence[Run]
    frames: int
    """How many there are in all, and of them not shown."""
    hidden: int
    text: str = field(default="", repr=False)
    """The stack as plain text, its newest call first, to be pasted anywhere."""


def raised_of(chain: Sequence[Thrown], purse: Purse) -> list[Raised]:
    """The exceptions of a chain: what was caught at last, then what caused it."""
    return [
        _raised(one, purse, _OPEN_CALLS if place == 0 else 1)
        for place, one in enumerate(reversed(chain[-_CHAIN:]))
    ]


def _raised(one: Thrown, purse: Purse, opened: int) -> Raised:
    cut = max(0, len(one.frames) - _FRAMES)
    first = _FRAMES // 4
    kept = (*one.frames[:first], *one.frames[first + cut :]) if cut else one.frames
    hidden = cut + one.frames_left_out
    kind, value = purse.name(one.kind, 300), purse.take(one.value, _MESSAGE)
    calls = _joined(kept, purse, opened)
    return Raised(
        kind=kind or value.partition("\n")[0] or "Error",
        value=value if kind else value.partition("\n")[2],
        module=purse.name(one.module, 200),
        mechanism="" if one.mechanism in _PLAIN else purse.name(one.mechanism, 60),
        is_handled=one.handled,
        runs=_runs(calls),
        frames=len(one.frames) + one.frames_left_out,
        hidden=hidden,
        text=_plain(": ".join(filter(None, (kind, value))), calls, hidden),
    )


def _joined(frames: Sequence[Frame], purse: Purse, most_open: int) -> list[Call]:
    """The newest first; calls of a function by itself from one line are one."""
    nothing_ours = not any(one.in_app for one in frames)
    found: list[Call] = []
    last: tuple[object, ...] = ()
    opened = 0
    for place, one in enumerate(reversed(frames)):
        same = (one.filename, one.module, one.function, one.line)
        if same == last:
            found[-1] = replace(found[-1], times=found[-1].times + 1)
            continue
        last = same
        is_ours = one.in_app or (nothing_ours and place == 0)
        call = replace(_call(one, purse), is_ours=is_ours)
        is_open = is_ours and opened < most_open and bool(call.source or call.variables)
        opened += is_open
        found.append(replace(call, is_open=is_open))
    return found


def _call(one: Frame, purse: Purse) -> Call:
    file = purse.name(one.filename or one.path or one.module, 300)
    path = purse.name(one.path, 500)
    numbers = [str(number) for number in (one.line, one.column) if number]
    return Call(
        function=purse.name(one.function, 300) or "(anonymous)",
        place=":".join([file or "?", *numbers]),
        path=path if path != file else "",
        module=purse.name(one.module, 200),
        is_ours=False,
        source=_source(one, purse),
        variables=purse.pairs(one.variables),
    )


def _source(one: Frame, purse: Purse) -> list[SourceLine]:
    if not one.context.strip():
        return []
    before, after = one.before[-_AROUND:], one.after[:_AROUND]
    first = one.line - len(before)
    return [
        SourceLine(first + place, purse.name(text, _LINE).rstrip("\r\n"), place == len(before))
        for place, text in enumerate((*before, one.context, *after))
    ]


def _runs(calls: Sequence[Call]) -> list[Run]:
    found: list[list[Call]] = []
    for call in calls:
        if found and not call.is_ours and not found[-1][0].is_ours:
            found[-1].append(call)
        else:
            found.append([call])
    return [Run(run, run[0].is_ours) for run in found]


def _plain(title: str, calls: Sequence[Call], hidden: int) -> str:
    """As runtimes print a stack."""
    lines = [title]
    for call in calls:
        again = f" ({call.times} times)" if call.times > 1 else ""
        lines.append(f"    at {call.function} ({call.place}){again}")
    if hidden:
        lines.append(f"    … {hidden} frames were left out")
    return "\n".join(lines)
