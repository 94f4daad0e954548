"""How much memory does a process tree hold? Resident and proportional, process by process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

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


class Highest:
    """`with Highest(look) as seen`: the highest that `look` gave every 20 ms, in MiB."""

    def __init__(self, resident_bytes: Callable[[], int]) -> None:
        self.mib = 0.0
        self._look = resident_bytes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Highest:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            try:
                self.mib = max(self.mib, self._look() / _MIB)
            except psutil.NoSuchProcess:
                continue  # it is being started again
