"""What comes through a pipe? Standard input until its end."""

from __future__ import annotations

import os
import select

from tocsin.agent.entries import Entry
from tocsin.agent.joining import Joined, Joining
from tocsin.agent.splitter import Splitter
from tocsin.agent.tailed import Reading

PLACE = "stdin"
_CHUNK = 64 << 10
_IDLE_NS = 300_000_000


class Stdin:
    """Nothing is read while there is no room: the pipe fills, and its writer waits."""

    def __init__(self, descriptor: int, reading: Reading) -> None:
        self._descriptor = descriptor
        self._reading = reading
        self._splitter = Splitter(0, reading.max_line)
        self._joining = Joining(reading.make_gatherer(), 0)
        self._idle_since = 0
        self.is_over = False

    def read(self, room_bytes: int, now_ns: int) -> list[Entry]:
        """What has come; does not wait."""
        found: list[Joined] = []
        size = 0
        while size < room_bytes and not self.is_over:
            if not select.select([self._descriptor], [], [], 0)[0]:
                break
            chunk = os.read(self._descriptor, _CHUNK)
            self.is_over = not chunk
            size += len(chunk)
            self._idle_since = now_ns
            for line in self._splitter.add(chunk):
                found += self._joining.add(line)
        if self.is_over and (last := self._splitter.rest()) is not None:
            found += self._joining.add(last)
        if self.is_over or now_ns - self._idle_since >= _IDLE_NS:
            found += self._joining.rest()
        return [Entry(one.text, now_ns, self._reading.origin, PLACE, one.end) for one in found]
