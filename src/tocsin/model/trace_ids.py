"""How is the id of a trace or a span written? As OpenTelemetry does it."""

from __future__ import annotations

import re

_TRACE = re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}", re.ASCII)
_SPAN = re.compile(r"[0-9a-f]{16}", re.ASCII)


def plain_trace(text: str) -> str:
    """In 32 digits of lower-case hexadecimal: `4BF92F35-77B3-…` is `4bf92f3577b3…`, and zeros stand
    before an id of 8 bytes. What is no such id, as Datadog's decimal numbers, stays as it is."""
    bare = _bare(text)
    return bare.zfill(32) if _TRACE.fullmatch(bare) else text


def plain_span(text: str) -> str:
    """In 16 digits of lower-case hexadecimal; what is no such id stays as it is."""
    bare = _bare(text)
    return bare if _SPAN.fullmatch(bare) else text


def is_trace(text: str) -> bool:
    """Whether it is a trace's id, written so."""
    return len(text) == 32 and _TRACE.fullmatch(text) is not None


def is_span(text: str) -> bool:
    """Whether it is a span's id, written so."""
    return _SPAN.fullmatch(text) is not None


def _bare(text: str) -> str:
    return text.replace("-", "").lower().removeprefix("0x")
