"""What does the systemd journal say? `journalctl` reads it; its cursor tells where to go on.

https://systemd.io/JOURNAL_EXPORT_FORMATS/ and systemd.journal-fields(7).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

import msgspec

from tocsin.agent.config import JournaldConfig
from tocsin.agent.entries import Entry, Origin
from tocsin.kit import log

_log = log.get("agent")
PLACE = "journald"
_CHUNK = 256 << 10
_AGAIN_NS = 5_000_000_000
_LONGEST = 16 << 20
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

_decode = msgspec.json.Decoder(dict[str, object]).decode


class Journald:
    """A child process that follows the journal; a dead one is started again behind its cursor."""

    def __init__(
        self, config: JournaldConfig, cursor: str, host: str, *, program: str = "journalctl"
    ) -> None:
        self._config = config
        self._cursor = cursor
        self._host = host
        self._program = shutil.which(program)
        self._child: subprocess.Popen[bytes] | None = None
        self._held = b""
        self._not_before = 0
        if self._program is None:
            _log.warning("journald_skipped", reason=f"{program} is not on this machine")

    @property
    def is_over(self) -> bool:
        """Whether nothing will ever come."""
        return self._program is None

    def read(self, room_bytes: int, now_ns: int) -> list[Entry]:
        """What has come; does not wait."""
        if self._program is None or (self._child is None and not self._start(now_ns)):
            return []
        entries: list[Entry] = []
        size = 0
        while size < room_bytes and (chunk := self._chunk(now_ns)):
            size += len(chunk)
            *lines, self._held = (self._held + chunk).split(b"\n")
            entries += [one for line in lines if (one := self._entry(line)) is not None]
            if len(self._held) > _LONGEST:
                _log.error("journal_entry_too_long", most_bytes=_LONGEST)
                self._held = b""
        return entries

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        if child.stdout is not None:
            child.stdout.close()
        try:
            child.wait(2)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(2)

    def _start(self, now_ns: int) -> bool:
        if self._program is None or now_ns < self._not_before:
            return False
        self._not_before = now_ns + _AGAIN_NS
        command = [self._program, "-o", "json", "--follow", "--quiet", "--all"]
        if self._cursor:
            command.append(f"--after-cursor={self._cursor}")
        else:
            command.append("--lines=" + ("all" if self._config.begin == "start" else "0"))
        command += [f"--unit={unit}" for unit in self._config.units]
        self._held = b""
        self._child = subprocess.Popen(  # its arguments are ours
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdout.fileno(), False)
        return True

    def _chunk(self, now_ns: int) -> bytes:
        assert self._child is not None
        assert self._child.stdout is not None
        try:
            chunk = os.read(self._child.stdout.fileno(), _CHUNK)
        except BlockingIOError:
            return b""
        if not chunk:
            _log.warning("journalctl_ended", status=self._child.poll())
            self.close()
            self._not_before = now_ns + _AGAIN_NS
        return chunk

    def _entry(self, line: bytes) -> Entry | None:
        if not line.strip():
            return None
        try:
            fields = _decode(line)
        except msgspec.DecodeError as error:
            _log.warning("journal_entry_unreadable", error=str(error))
            return None
        self._cursor = str(fields.get("__CURSOR", self._cursor))
        text = _text(fields.get("MESSAGE"))
        if not text:
            return None
        at = _text(fields.get("__REALTIME_TIMESTAMP"))
        at_ns = int(at) * 1000 if at.isdecimal() and len(at) < 17 else 0
        origin = self._origin(fields)
        return Entry(text, at_ns, origin, PLACE, self._cursor, _own(fields))

    def _origin(self, fields: Mapping[str, object]) -> Origin:
        unit = _text(fields.get("_SYSTEMD_UNIT"))
        name = _text(fields.get("SYSLOG_IDENTIFIER")) or _text(fields.get("_COMM"))
        return Origin(
            host=_text(fields.get("_HOSTNAME")) or self._host,
            service=unit.removesuffix(".service") if unit.endswith(".service") else name,
            environment=self._config.environment,
            source=PLACE,
            attributes={"systemd.unit": unit} if unit else {},
        )


def _own(fields: Mapping[str, object]) -> dict[str, str]:
    found = {}
    priority = _text(fields.get("PRIORITY"))
    if priority.isdecimal() and int(priority[:2]) < len(_LEVELS):
        found["level"] = _LEVELS[int(priority[:2])]
    if pid := _text(fields.get("_PID")):
        found["process.pid"] = pid
    return found


def _text(value: object) -> str:
    """A field's text: bytes that are no UTF-8 come as a list of numbers, repeated ones as a list
    of texts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        if all(isinstance(one, int) and 0 <= one < 256 for one in value):
            return bytes(value).decode("utf-8", "replace")
        return "\n".join(one for one in value if isinstance(one, str))
    return ""
