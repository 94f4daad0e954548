"""How is a pattern of a stranger run safely? With RE2: linear time, and Prometheus's own syntax."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, cast

import re2

from tocsin.kit.fault import Rejected

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.dot_nl = True
_OPTIONS.max_mem = 8 << 20


class Match(Protocol):
    """What a search found."""

    def group(self, index: int | str = 0) -> str | None: ...
    def groups(self) -> tuple[str | None, ...]: ...
    def groupdict(self) -> dict[str, str | None]: ...
    def expand(self, template: str) -> str: ...
    def start(self, index: int = 0) -> int: ...
    def end(self, index: int = 0) -> int: ...


class Pattern(Protocol):
    """A compiled pattern; `.` matches newlines too, as Prometheus has it."""

    pattern: str

    def fullmatch(self, text: str) -> Match | None: ...
    def search(self, text: str | bytes, start: int = 0) -> Match | None: ...


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Pattern:
    """Compile; raises Rejected with RE2's own words when the pattern is wrong."""
    try:
        return cast("Pattern", re2.compile(pattern, _OPTIONS))
    except re2.error as error:
        raw = error.args[0] if error.args else b""
        words = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        raise Rejected(f"error parsing regexp: {words}") from error
