"""What do SDKs say of stacks, and what of it is kept?

https://develop.sentry.dev/sdk/data-model/event-payloads/stacktrace/
"""

from __future__ import annotations

from typing import Any

from tocsin.errortracking.answers import Frame, Thrown
from tocsin.errortracking.own_code import is_own
from tocsin.errortracking.texts import dictionary, number, text, texts, values

_OLDEST, _NEWEST = 50, 200
"""So many calls of a stack are kept: where it began, and where it failed."""
_MOST_EXCEPTIONS = 50
_LINES, _LONGEST_LINE = 10, 512
_VARIABLES, _LONGEST_VARIABLE = 50, 1_024


def exceptions(raw: dict[str, Any], platform: str) -> tuple[Thrown, ...]:  # Any: JSON of senders
    """The chain of an event, the first cause first; its own or a crashed thread's stack too."""
    found = [_thrown(one, platform) for one in values(raw.get("exception"))[-_MOST_EXCEPTIONS:]]
    if found and found[-1].frames:
        return tuple(found)
    stack = _loose_stack(raw)
    if stack is None:
        return tuple(found)
    kept, left = frames(stack, platform)
    if not found:
        return (Thrown(frames=kept, frames_left_out=left),)
    last = found[-1]
    found[-1] = Thrown(
        kind=last.kind,
        value=last.value,
        module=last.module,
        mechanism=last.mechanism,
        handled=last.handled,
        frames=kept,
        frames_left_out=left,
    )
    return tuple(found)


def _loose_stack(raw: dict[str, Any]) -> dict[str, Any] | None:  # Any: JSON of senders
    """A stack outside of exceptions: the event's own (old SDKs), or that of the thread at fault."""
    own = raw.get("stacktrace")
    if isinstance(own, dict) and own.get("frames"):
        return own
    threads = [one for one in values(raw.get("threads")) if dictionary(one.get("stacktrace"))]
    at_fault = [one for one in threads if one.get("crashed")] or [
        one for one in threads if one.get("current")
    ]
    return dictionary(at_fault[0]["stacktrace"]) if at_fault else None


def _thrown(raw: dict[str, Any], platform: str) -> Thrown:  # Any: JSON of senders
    mechanism = dictionary(raw.get("mechanism"))
    kept, left = frames(dictionary(raw.get("stacktrace")), platform)
    return Thrown(
        kind=text(raw.get("type"), 300),
        value=text(raw.get("value")),
        module=text(raw.get("module"), 300),
        mechanism=text(mechanism.get("type"), 100),
        handled=mechanism.get("handled") is not False,
        frames=kept,
        frames_left_out=left,
    )


def frames(stack: dict[str, Any], platform: str) -> tuple[tuple[Frame, ...], int]:  # Any: as above
    """The calls that are kept, the oldest first, and how many are not."""
    given = stack.get("frames")
    if not isinstance(given, list):
        return (), 0
    raw = given if len(given) <= _OLDEST + _NEWEST else [*given[:_OLDEST], *given[-_NEWEST:]]
    kept = tuple(frame(one, platform) for one in raw if isinstance(one, dict))
    return kept, len(given) - len(raw)


def frame(raw: dict[str, Any], platform: str) -> Frame:  # Any: JSON of senders
    """One call."""
    platform = text(raw.get("platform"), 40) or platform
    path = text(raw.get("abs_path"), 500)
    filename = text(raw.get("filename"), 500) or path
    module = text(raw.get("module"), 300)
    said = raw.get("in_app")
    return Frame(
        function=text(raw.get("function"), 500) or text(raw.get("raw_function"), 500),
        module=module or text(raw.get("package"), 300),
        filename=filename,
        path="" if path == filename else path,
        line=number(raw.get("lineno")),
        column=number(raw.get("colno")),
        in_app=said
        if isinstance(said, bool)
        else is_own(platform, module=module, path=path or filename),
        context=text(raw.get("context_line"), _LONGEST_LINE),
        before=_source(raw.get("pre_context"), newest=True),
        after=_source(raw.get("post_context")),
        variables=texts(raw.get("vars"), most=_VARIABLES, longest=_LONGEST_VARIABLE),
    )


def _source(lines: Any, *, newest: bool = False) -> tuple[str, ...]:  # Any: JSON of senders
    if not isinstance(lines, list):
        return ()
    kept = lines[-_LINES:] if newest else lines[:_LINES]
    return tuple(text(one, _LONGEST_LINE) for one in kept)
