"""What the guide tells people to type is typed, and what it says is found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Guarded
from tests.e2e.programs import path_of
from tests.waiting import eventually

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs/guide/collecting.md"

_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FOUND = re.compile(r"`([^`]+)` = ([0-9.]*[0-9])")
_LIMIT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Example:
    """A block of the guide, and the queries with their values that follow it."""

    language: str
    text: str
    found: tuple[tuple[str, float], ...]


def _examples() -> list[Example]:
    guide = GUIDE.read_text()
    blocks = list(_BLOCK.finditer(guide))
    ends = [block.start() for block in blocks[1:]] + [len(guide)]
    return [
        Example(
            block[1],
            block[2],
            tuple(
                (query, float(value)) for query, value in _FOUND.findall(guide, block.end(), end)
            ),
        )
        for block, end in zip(blocks, ends, strict=True)
    ]


EXAMPLES = [one for one in _examples() if not one.text.startswith(("export INGEST_KEY", "vmagent"))]
ENVIRONMENT = [one for one in EXAMPLES if one.text.startswith("export ")]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: str(one.text.split("\n")[0][:60]))
def test_the_guide_is_right(guarded: Guarded, example: Example, tmp_path: Path) -> None:
    if "promtool" in example.text:
        path_of("promtool")
    exports = "".join(one.text for one in ENVIRONMENT)
    script = tmp_path / "example"
    script.write_text(_here(guarded, example.text))
    command = f"{sys.executable} {script}" if example.language == "python" else f". {script}"
    whole = f"set -euo pipefail\n{_here(guarded, exports)}\n{command}\n"
    keys = {"INGEST_KEY": guarded.ingest_key, "READ_KEY": guarded.read_key}
    done = subprocess.run(
        [path_of("bash"), "-c", whole],
        env={**os.environ, **keys},
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not re.search("error|needs a key", done.stdout), done.stdout
    for query, value in example.found:
        found = eventually(partial(guarded.read.query, query))
        assert list(found.values()) == [value], query


def _here(guarded: Guarded, text: str) -> str:
    """The example with the ports of the tests' Tocsin."""
    product = guarded.product
    places = {
        "127.0.0.1:7777": product.http.removeprefix("http://"),
        "127.0.0.1:4318": product.otlp_http.removeprefix("http://"),
        "port=8125": f"port={product.statsd_port}",
    }
    for usual, here in places.items():
        text = text.replace(usual, here)
    return text


def test_every_way_of_the_guide_is_tried() -> None:
    assert len(EXAMPLES) >= 10
    assert sum(len(one.found) for one in EXAMPLES) >= 9
