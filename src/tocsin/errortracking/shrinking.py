"""What of a large error is kept? What helps most to mend it, within a bound."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from tocsin.errortracking.answers import Content, Thrown

_FRAMES = 20


def shrunk(content: Content, most_bytes: int) -> bytes:
    """As JSON of about that size at the most; `left_out` says what went."""
    data = msgspec.json.encode(content)
    gone: list[str] = []
    for name, shrink in _STEPS:
        if len(data) <= most_bytes:
            break
        gone.append(name)
        content = replace(shrink(content), left_out=(*content.left_out, name))
        data = msgspec.json.encode(content)
    return data


def _trimmed(one: Thrown, *, variables: bool, source: bool, most: int = 0) -> Thrown:
    frames = one.frames[-most:] if most else one.frames
    kept = tuple(
        replace(
            frame,
            variables=frame.variables if variables else {},
            before=frame.before if source else (),
            after=frame.after if source else (),
        )
        for frame in frames
    )
    return replace(
        one, frames=kept, frames_left_out=one.frames_left_out + len(one.frames) - len(frames)
    )


def _no_variables(one: Content) -> Content:
    return replace(
        one, exceptions=tuple(_trimmed(e, variables=False, source=True) for e in one.exceptions)
    )


def _no_source(one: Content) -> Content:
    return replace(
        one, exceptions=tuple(_trimmed(e, variables=False, source=False) for e in one.exceptions)
    )


def _few_frames(one: Content) -> Content:
    kept = [
        replace(_trimmed(e, variables=False, source=False, most=_FRAMES), value=e.value[:1_000])
        for e in one.exceptions[-5:]
    ]
    return replace(one, exceptions=tuple(kept), message=one.message[:1_000], request=None)


_STEPS: tuple[tuple[str, Callable[[Content], Content]], ...] = (
    ("packages", lambda one: replace(one, modules={})),
    ("extra data", lambda one: replace(one, extra={})),
    ("variables", _no_variables),
    ("breadcrumbs but ten", lambda one: replace(one, breadcrumbs=one.breadcrumbs[-10:])),
    ("lines of source", _no_source),
    ("contexts", lambda one: replace(one, contexts={}, breadcrumbs=())),
    ("frames but twenty, the request", _few_frames),
)
