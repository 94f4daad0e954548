"""Which tests begin when several workers run them."""

from __future__ import annotations

from pathlib import Path

import pytest

_LONG = ("web/pages", "resilience", "e2e", "incident", "oncall")
"""Folders in whose tests real servers work for long."""


def long_first(items: list[pytest.Item]) -> None:
    """Sort them for `--no-loadscope-reorder`: who began with a long file at the end would be left
    alone with it."""
    items.sort(key=lambda item: _rank(item.path))


def _rank(path: Path) -> int:
    ranks = [at for at, folder in enumerate(_LONG) if f"tests/{folder}" in path.as_posix()]
    return min(ranks, default=len(_LONG))
