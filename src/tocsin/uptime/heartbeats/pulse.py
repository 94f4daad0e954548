"""How is a program that says when it runs? Its last words, and what follows from them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tocsin.uptime.heartbeats.config import HeartbeatConfig

LONGEST_WORDS = 10_000
"""Characters of what a program says that are kept, from the end: there errors stand."""


class Signal(StrEnum):
    """What a program says."""

    SUCCESS = "success"
    START = "start"
    FAIL = "fail"


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a program. Times are milliseconds since the epoch, 0 when it never was."""

    success_ms: int = 0
    """When it ran well last."""
    start_ms: int = 0
    """When it began last, if it says so."""
    fail_ms: int = 0
    """When it failed last."""
    took_ms: int = 0
    """How long it ran last, 0 when it does not say when it begins."""
    exit_code: int = 0
    words: str = ""
    """What it said last."""

    @property
    def last_ms(self) -> int:
        """When it said anything last."""
        return max(self.success_ms, self.start_ms, self.fail_ms)

    @property
    def is_running(self) -> bool:
        """Whether it began, and did not say that it ended."""
        return self.start_ms > max(self.success_ms, self.fail_ms)

    @property
    def has_failed(self) -> bool:
        """Whether what it said of its last end was bad."""
        return self.fail_ms > self.success_ms

    def heard(self, signal: Signal, at_ms: int, *, exit_code: int = 0, words: str = "") -> Pulse:
        """After a signal. What comes at one moment counts in order of its arrival."""
        at_ms = max(at_ms, self.last_ms + 1)
        said = words[-LONGEST_WORDS:]
        if signal is Signal.START:
            return msgspec.structs.replace(self, start_ms=at_ms)
        took_ms = at_ms - self.start_ms if self.is_running else 0
        after = msgspec.structs.replace(self, took_ms=took_ms, exit_code=exit_code, words=said)
        if signal is Signal.FAIL:
            return msgspec.structs.replace(after, fail_ms=at_ms)
        return msgspec.structs.replace(after, success_ms=at_ms)


class State(StrEnum):
    """How a program is now."""

    NEW = "new"
    """It never said anything."""
    UP = "up"
    RUNNING = "running"
    LATE = "late"
    """It should have run, or ended, by now; its grace is not over."""
    MISSING = "missing"
    """Its grace is over."""
    FAILED = "failed"


def due_ms(config: HeartbeatConfig, pulse: Pulse) -> int:
    """When it is to be heard of next, 0 when nothing is known of it. Its grace comes on top."""
    ended = max(pulse.success_ms, pulse.fail_ms)
    return config.due_after(ended) if ended else 0


def deadline_ms(config: HeartbeatConfig, pulse: Pulse) -> int:
    """When it is missing if nothing is heard of it by then, 0 when nothing is known of it."""
    if pulse.is_running:
        return pulse.start_ms + config.grace.ms
    due = due_ms(config, pulse)
    return due + config.grace.ms if due else 0


def state_of(config: HeartbeatConfig, pulse: Pulse, now_ms: int) -> State:
    """How it is at that moment."""
    deadline = deadline_ms(config, pulse)
    if not deadline:
        return State.NEW
    if now_ms >= deadline:
        return State.MISSING
    if pulse.is_running:
        return State.RUNNING
    if pulse.has_failed:
        return State.FAILED
    return State.LATE if now_ms >= due_ms(config, pulse) else State.UP
