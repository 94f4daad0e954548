"""Programs of others that the tests run: found or skipped, started, and ended."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_LISTENS = re.compile(r"(?:address=|on )\"?(127\.0\.0\.1:[1-9]\d*)")
_LIMIT_SECONDS = 120
_ENDS_WITHIN_SECONDS = 60


def path_of(*names: str) -> str:
    """Where the program of one of these names is; skips the test when there is none."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    pytest.skip(f"{names[0]} is not installed")


def output_of(command: Sequence[str], stdin: str = "") -> str:
    """What the program prints; fails unless it says that it succeeded."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def beside(command: Sequence[str], folder: Path) -> Iterator[Path]:
    """The program runs; what it prints is in the file."""
    log = folder / "program.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=folder)
    try:
        yield log
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(_ENDS_WITHIN_SECONDS)


def address_in(log: Path) -> str:
    """Where a program of Prometheus's says that it listens, once it does."""
    found = _LISTENS.search(log.read_text())
    return found[1] if found else ""
