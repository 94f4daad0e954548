"""What is broken on purpose, and until when? One small file that every demo process reads."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from tocsin.kit.fault import Rejected

KINDS: dict[str, str] = {
    "database": "the shop's database is locked by a runaway migration: queries fail",
    "latency": "the payment partner answers slowly",
    "errors": "the payment partner answers 500 to every third charge",
    "memory": "the worker leaks about 4 MB a second, up to 600 MB",
    "ai": "the assistant takes more than 10 seconds, and often fails",
}
"""Each switch and what it does to the application."""


class _State(msgspec.Struct):
    until: dict[str, float] = {}


class Switches:
    """The switches of one demo folder. Reading costs a `stat`; the file is replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "switches.json"
        self._seen = -1
        self._state = _State()

    def is_broken(self, kind: str) -> bool:
        """Whether that part is broken now."""
        return self._load().until.get(kind, 0.0) > time.time()

    def broken(self) -> dict[str, float]:
        """What is broken now, and until when (seconds since the epoch)."""
        now = time.time()
        return {kind: until for kind, until in self._load().until.items() if until > now}

    def break_(self, kind: str, seconds: float) -> None:
        """Break one part for that long; raises Rejected for an unknown one."""
        self._check(kind)
        self._write({**self._load().until, kind: time.time() + seconds})

    def mend(self, kind: str) -> None:
        """End the breakage of one part, or of all when `kind` is "all"."""
        if kind == "all":
            self._write({})
            return
        self._check(kind)
        self._write({name: until for name, until in self._load().until.items() if name != kind})

    def _check(self, kind: str) -> None:
        if kind not in KINDS:
            raise Rejected(f"there is no switch {kind!r}; the demo has: {', '.join(KINDS)}")

    def _load(self) -> _State:
        try:
            changed = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return _State()
        if changed != self._seen:
            self._state = msgspec.json.decode(self._path.read_bytes(), type=_State)
            self._seen = changed
        return self._state

    def _write(self, until: dict[str, float]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(_State(until)))
        os.replace(fresh, self._path)
