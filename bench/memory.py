"""How much memory does a process tree hold? Resident and proportional, process by process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

_MIB = 1 << 20


@dataclass(frozen=True)
class Memory:
    """Of one process or a sum. `pss_bytes` counts a page that n processes share as its nth part,
    so the sum over a tree is what the tree really takes; `rss_bytes` counts it whole each time."""

    name: str
    rss_bytes: int
    pss_bytes: int

    def line(self) -> str:
        return f"{self.name:12}{self.rss_bytes / _MIB:10.0f}{self.pss_bytes / _MIB:10.0f}"


HEAD = f"{'':12}{'RSS MiB':>10}{'PSS MiB':>10}"


def of_tree(processes: Sequence[psutil.Process]) -> list[Memory]:
    """Each process of a tree, and their sum last."""
    each = [_of(process) for process in processes]
    rss, pss = sum(one.rss_bytes for one in each), sum(one.pss_bytes for one in each)
    return [*each, Memory("together", rss, pss)]


def _of(process: psutil.Process) -> Memory:
    name = "engine" if "tocsin.store.embedded" in process.cmdline() else "main"
    full = process.memory_full_info()
    return Memory(name, full.rss, full.pss)
