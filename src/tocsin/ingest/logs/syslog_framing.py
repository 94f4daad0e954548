"""Where does one syslog message end on a stream? (RFC 6587: octet counting, and line feeds)"""

from __future__ import annotations

import re

_COUNTED = re.compile(rb"([1-9][0-9]{0,8}) <")
_MAY_BE_COUNTED = re.compile(rb"[1-9][0-9]{0,8} ?$")
_ENDS = re.compile(rb"[\n\x00]")


class Framer:
    """Cuts one connection's bytes into messages; of one over `most_bytes` the rest is skipped."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._buffer = bytearray()
        self._skip_bytes = 0
        self._skip_line = False
        self.cut = 0
        """How many messages were too long."""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete with these bytes."""
        self._buffer += data
        found: list[bytes] = []
        while self._buffer and (message := self._next()) is not None:
            if message.strip(b"\r\n\x00 "):
                found.append(message)
        return found

    def rest(self) -> bytes:
        """What was sent before the connection ended, without an end of its own."""
        left = b"" if self._skip_line or self._skip_bytes else bytes(self._buffer)
        self._buffer.clear()
        return left[: self._most]

    def _next(self) -> bytes | None:
        """A message, perhaps empty; None while it is not complete."""
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(self._buffer))
            del self._buffer[:skipped]
            self._skip_bytes -= skipped
            return b""
        if self._skip_line:
            return self._skipped_line()
        if counted := _COUNTED.match(self._buffer):
            return self._counted(int(counted[1]), counted.end() - 1)
        if _MAY_BE_COUNTED.match(self._buffer):
            return None
        return self._line()

    def _counted(self, size: int, start: int) -> bytes | None:
        taken = min(size, self._most)
        if len(self._buffer) < start + taken:
            return None
        message = bytes(self._buffer[start : start + taken])
        del self._buffer[: start + taken]
        if size > taken:
            self.cut += 1
            self._skip_bytes = size - taken
        return message

    def _line(self) -> bytes | None:
        end = _ENDS.search(self._buffer)
        if end is None and len(self._buffer) <= self._most:
            return None
        stop = end.start() if end else len(self._buffer)
        message = bytes(self._buffer[: min(stop, self._most)])
        if stop > self._most:
            self.cut += 1
        if end is None:
            self._skip_line = True
            self._buffer.clear()
        else:
            del self._buffer[: end.end()]
        return message

    def _skipped_line(self) -> bytes:
        end = _ENDS.search(self._buffer)
        if end is None:
            self._buffer.clear()
        else:
            del self._buffer[: end.end()]
            self._skip_line = False
        return b""
