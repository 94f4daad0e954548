"""Which tests may not be parted when several workers run them, and which begin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

_SHARED = ("product", "guarded", "tocsin")
"""Fixtures that start a Tocsin for a whole session: all files that use one of them stay with one
worker, which starts it once. A Tocsin that nobody needs any more costs a little, too."""
_SERVER = "database"
"""So do all that use this one, for its PostgreSQL."""
_LONG = ("web/pages", "resilience", "e2e", "incident", "oncall")
"""Folders in whose tests real servers work for long. They begin: who began with one at the end
would be left alone with it."""


def group(items: list[pytest.Item]) -> None:
    """Mark each with its group, for `--dist loadgroup`: its file, or what it shares with others.

    Sorts them too, for `--no-loadscope-reorder`.
    """
    by_file: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        by_file[item.path].append(item)
    for path, those in by_file.items():
        name = _shared(those) or path.stem
        for item in those:
            item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: _rank(item.path))


def _shared(items: Sequence[pytest.Item]) -> str:
    """The first that one of a file's tests needs and that is not the file's own."""
    for item in items:
        known = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009 - pytest's own name
        for name in _SHARED:
            if name in known and known[name][-1].scope == "session":
                return name
        if _SERVER in known:
            return _SERVER
    return ""


def _rank(path: Path) -> int:
    ranks = [at for at, folder in enumerate(_LONG) if f"tests/{folder}" in path.as_posix()]
    return min(ranks, default=len(_LONG))
