"""Which exception does a text hold? Stack traces as Python, Java, Node.js, Go, .NET, Ruby and PHP
write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tocsin.errortracking.answers import Frame, Thrown
from tocsin.errortracking.own_code import is_own

_LONGEST, _LONGEST_LINE = 100_000, 500
"""Patterns look at no more: on longer lines some of them would take seconds."""
_MOST_FRAMES = 250
_MOST_CAUSES = 20

MARKS = (
    "Traceback (most recent call last)",
    "\n\tat ",
    "\n    at ",
    "\n   at ",
    "goroutine ",
    "\nStack trace:\n#0",
    "\n\tfrom ",
)
"""What every text with a stack has one of."""

_PY_FRAME = re.compile(
    r'^\s+File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$'
)
_PY_END = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<value>.*))?$")
_AT_JAVA = re.compile(
    r"^\s+at (?:[\w.@-]+(?:@[\w.]+)?/)?(?P<module>[\w$.]+)\.(?P<function>[\w$<>]+)"
    r"\((?P<file>[\w$.-]*\.\w+|Native Method|Unknown Source|<generated>)(?::(?P<line>\d+))?\)"
)
_HEAD = re.compile(
    r"^(?:Exception in thread \"[^\"]*\" |Caused by: |Suppressed: |Unhandled exception\. "
    r"|Uncaught )?"
    r"(?P<kind>[A-Za-z_$][\w$.]*)(?: \[[^\]]+\])?(?:: (?P<value>.*))?$"
)
_AT_NODE = re.compile(
    r"^\s+at (?:(?P<function>[^()]+?) \()?(?P<file>(?:file://|node:|https?://|/|[A-Za-z]:[\\/]|"
    r"webpack|internal)[^()\s]*?|<anonymous>|native):?(?P<line>\d+)?:?(?P<column>\d+)?\)?$"
)
_AT_NET = re.compile(
    r"^\s+at (?P<module>[\w.`<>+]+)\.(?P<function>[\w`<>|]+)\([^)]*\)"
    r"(?: in (?P<file>.+):line (?P<line>\d+))?$"
)
_GO_HEAD = re.compile(r"^(?:panic|fatal error): (?P<value>.*)$")
_GO_CALL = re.compile(
    r"^(?:created by )?(?P<function>[\w./*()\[\]{}·-]+?)(?:\(.*\))?"
    r"(?: in goroutine \d+)?$"
)
_GO_PLACE = re.compile(r"^\s+(?P<file>\S+\.(?:go|s)):(?P<line>\d+)")
_RUBY_HEAD = re.compile(
    r"^(?P<file>[^\s:]+\.rb):(?P<line>\d+):in [`'](?P<function>[^']+)':"
    r" (?P<value>.*) \((?P<kind>[\w:]+)\)$"
)
_RUBY_FROM = re.compile(
    r"^\s+from (?P<file>[^\s:]+):(?P<line>\d+)(?::in [`'](?P<function>[^']+)')?"
)
_PHP_HEAD = re.compile(
    r"(?:Uncaught )?(?P<kind>[A-Za-z_\\]+(?:Error|Exception)): (?P<value>.*?)"
    r"(?: in (?P<file>\S+):(?P<line>\d+))?$"
)
_PHP_FRAME = re.compile(
    r"^#\d+ (?:(?P<file>[^\s(]+)\((?P<line>\d+)\): )?(?P<function>[\w\\:>{}-]+)"
)


class Found(NamedTuple):
    """What was found: the platform as Sentry names it, and the chain, the first cause first."""

    platform: str
    chain: tuple[Thrown, ...]


def found_in(text: str) -> Found | None:
    """The exception that a text holds; None when it holds none that is known."""
    text = text[:_LONGEST]
    if "\n" not in text:
        return None
    for platform, read in _READERS:
        chain = read(text)
        if chain:
            is_of_page = platform == "node" and _is_of_page(chain)
            return Found("javascript" if is_of_page else platform, chain)
    return None


def _is_of_page(chain: tuple[Thrown, ...]) -> bool:
    """Whether a browser wrote it: its files have addresses."""
    files = [frame.filename for one in chain for frame in one.frames]
    return any(file.startswith(("http://", "https://")) for file in files)


def _lines(text: str) -> list[str]:
    return [line[:_LONGEST_LINE] for line in text.splitlines()]


def _python(text: str) -> tuple[Thrown, ...]:
    if "Traceback (most recent call last)" not in text:
        return ()
    chain: list[Thrown] = []
    frames: list[Frame] = []
    inside = False
    for line in _lines(text):
        if "Traceback (most recent call last)" in line:
            inside, frames = True, []
        elif inside and (seen := _PY_FRAME.match(line)):
            frames.append(_frame("python", seen, module=""))
        elif inside and frames and line.startswith("    ") and not frames[-1].context:
            context = line.strip()
            if context.strip("~^ "):
                frames[-1] = _with_context(frames[-1], context)
        elif inside and frames and (end := _PY_END.match(line)):
            chain.append(_thrown(end["kind"], end["value"], frames))
            inside = False
    return tuple(chain[-_MOST_CAUSES:])


def _with_context(frame: Frame, context: str) -> Frame:
    return Frame(
        function=frame.function,
        filename=frame.filename,
        line=frame.line,
        in_app=frame.in_app,
        context=context[:500],
    )


def _java(text: str) -> tuple[Thrown, ...]:
    return _headed(text, "java", _AT_JAVA)


def _node(text: str) -> tuple[Thrown, ...]:
    return _headed(text, "node", _AT_NODE)


def _net(text: str) -> tuple[Thrown, ...]:
    return _headed(text, "csharp", _AT_NET)


def _headed(text: str, platform: str, at: re.Pattern[str]) -> tuple[Thrown, ...]:
    """A head (`Type: message`), its calls, and those of its causes; the innermost call first."""
    chain: list[Thrown] = []
    head: tuple[str, str] | None = None
    frames: list[Frame] = []
    for line in _lines(text):
        call = at.match(line)
        if call is not None:
            if head is not None:
                frames.append(_frame(platform, call, module=call.groupdict().get("module") or ""))
            continue
        if frames and head is not None:
            if line.lstrip().startswith(("...", "--- End", "at ")):
                continue
            chain.append(_thrown(*head, frames[::-1]))
            head, frames = None, []
        if seen := _HEAD.match(line.strip()):
            head = (seen["kind"], seen["value"] or "")
    if frames and head is not None:
        chain.append(_thrown(*head, frames[::-1]))
    return tuple(chain[:_MOST_CAUSES][::-1])


def _go(text: str) -> tuple[Thrown, ...]:
    if "goroutine " not in text:
        return ()
    value, frames, call = "", [], ""
    inside = False
    for line in _lines(text):
        if head := _GO_HEAD.match(line):
            value = head["value"]
        elif line.startswith("goroutine "):
            if inside:
                break
            inside = True
        elif inside and (place := _GO_PLACE.match(line)) and call:
            module, _, function = call.rpartition("/")[2].partition(".")
            path = call.rpartition("/")[0]
            module = f"{path}/{module}" if path else module
            frames.append(_frame("go", place, module=module, function=function))
            call = ""
        elif inside and (seen := _GO_CALL.match(line)):
            call = seen["function"]
    kept = [one for one in frames if one.module != "panic" and one.function != "gopanic"]
    kind = "runtime error" if value.startswith("runtime error") else "panic"
    return (_thrown(kind, value.partition(" [recovered]")[0], kept[::-1]),) if kept else ()


def _ruby(text: str) -> tuple[Thrown, ...]:
    lines = _lines(text)
    for place, line in enumerate(lines):
        if head := _RUBY_HEAD.match(line.strip()):
            calls = [seen for one in lines[place + 1 :] if (seen := _RUBY_FROM.match(one))]
            frames = [_frame("ruby", one, module="") for one in (head, *calls)]
            return (_thrown(head["kind"], head["value"], frames[::-1]),)
    return ()


def _php(text: str) -> tuple[Thrown, ...]:
    if "Stack trace:" not in text:
        return ()
    before, _, after = text.partition("Stack trace:")
    head = None
    for line in _lines(before):
        head = _PHP_HEAD.search(line) or head
    if head is None:
        return ()
    calls = [seen for line in _lines(after) if (seen := _PHP_FRAME.match(line))]
    frames = [_frame("php", one, module="") for one in calls if one["file"]]
    if head["file"]:
        frames.insert(0, _frame("php", head, module="", function=""))
    return (_thrown(head["kind"], head["value"], frames[::-1]),) if frames else ()


_READERS: tuple[tuple[str, Callable[[str], tuple[Thrown, ...]]], ...] = (
    ("python", _python),
    ("java", _java),
    ("node", _node),
    ("csharp", _net),
    ("go", _go),
    ("ruby", _ruby),
    ("php", _php),
)


def _frame(
    platform: str, seen: re.Match[str], *, module: str, function: str | None = None
) -> Frame:
    parts = seen.groupdict()
    file = (parts.get("file") or "").removeprefix("file://")[:500]
    if function is None:
        function = (parts.get("function") or "").strip().removeprefix("async ")[:500]
    return Frame(
        function="" if function == "<module>" and platform != "python" else function,
        module=module[:300],
        filename=file,
        line=_number(parts.get("line")),
        column=_number(parts.get("column")),
        in_app=is_own(platform, module=module, path=file),
    )


def _number(text: str | None) -> int:
    return int(text) if text and len(text) < 10 else 0


def _thrown(kind: str, value: str | None, frames: list[Frame]) -> Thrown:
    left = max(0, len(frames) - _MOST_FRAMES)
    return Thrown(
        kind=kind[:300],
        value=(value or "")[:8_192],
        frames=tuple(frames[-_MOST_FRAMES:]),
        frames_left_out=left,
    )
