"""Which lines of a file belong together? A stack trace and its error are one line of the log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MOST_LINES = 1_000
"""More lines than that are not one."""
MOST_CHARACTERS = 1 << 20

_CONTINUES = re.compile(
    r"\s|\}|\)|\]$|Caused by:|Suppressed:|\.\.\. \d+ (?:more|common frames)|"
    r"(?:During handling of the above|The above exception was)|goroutine \d+ \[|created by |"
    r"(?:[\w.]+\.go|[\w./]+\.go):\d+|end$|--- End of ",
    re.ASCII,
)
_TRACEBACK = "Traceback (most recent call last):"
_JAVA_HEAD = re.compile(r"[\w.$]+(?:Exception|Error|Throwable)(?::|$)", re.ASCII)
_PYTHON_END = re.compile(r"[A-Za-z_][\w.]*(?:: |:?$)", re.ASCII)
_JUL_HEAD = re.compile(r"[A-Z][a-z]{2} \d\d?, \d{4}", re.ASCII)
_JUL_LEVEL = re.compile(r"(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): ", re.ASCII)


class Joiner:
    """Gathers the lines of one source. `add` answers what is complete, `rest` what is left."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._in_traceback = False
        self._in_panic = False

    def add(self, line: str) -> str | None:
        """Take a line; the one before it when that is complete."""
        if self._lines and self._goes_on(line):
            self._keep(line)
            return None
        complete = self.rest()
        self._keep(line)
        return complete

    def rest(self) -> str | None:
        """What was gathered, as no more will come; None when that is nothing."""
        if not self._lines:
            return None
        complete = "\n".join(self._lines)
        self._lines, self._size = [], 0
        self._in_traceback = self._in_panic = False
        return complete

    def _keep(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line)
        if line.startswith(_TRACEBACK):
            self._in_traceback = True
        if line.startswith(("panic: ", "fatal error: ")):
            self._in_panic = True

    def _goes_on(self, line: str) -> bool:
        if len(self._lines) >= MOST_LINES or self._size + len(line) > MOST_CHARACTERS:
            return False
        if _is_object(line) or (len(self._lines) == 1 and _is_object(self._lines[0])):
            return False  # who writes JSON writes all of an entry into it
        if not line.strip():
            return self._in_traceback or self._in_panic
        if line.startswith(_TRACEBACK) or (self._in_panic and not line[:4].isdigit()):
            return True
        if self._in_traceback and not line[0].isspace() and _PYTHON_END.match(line):
            # The exception's own line ends the trace, unless "During handling …" comes behind it.
            self._in_traceback = False
            return True
        if len(self._lines) == 1 and _JUL_HEAD.match(self._lines[0]) and _JUL_LEVEL.match(line):
            return True
        return bool(_CONTINUES.match(line) or _JAVA_HEAD.match(line))


def _is_object(line: str) -> bool:
    return line.startswith('{"') and line.rstrip().endswith("}")


def joined(lines: Iterable[str]) -> Iterator[str]:
    """The same lines, those that belong together as one."""
    joiner = Joiner()
    for line in lines:
        if (complete := joiner.add(line)) is not None:
            yield complete
    if (complete := joiner.rest()) is not None:
        yield complete
