"""Random routing trees and alerts, beside the real `amtool config routes test`."""

from __future__ import annotations

import random
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tocsin.alert.routing.alertmanager_config import read_routing
from tocsin.alert.routing.route import matching
from tocsin.kit.yaml import load
from tocsin.model.labels import from_mapping

_NAMES = ("severity", "team", "service", "env")
_VALUES = ("critical", "low", "db", "web-1", "a.b", "ä ö", "x,y", "{z}", '"q"')
_PATTERNS = ("c.*", "db|low", ".*", "web-[0-9]", "a.b", "[^d]+", "", ".+")
_TREES, _ALERTS = 12, 12


class Trees:
    """Makes trees of which every route has a receiver of its own, so that it is known by it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.receivers: list[str] = []

    def tree(self) -> dict[str, object]:
        """A whole configuration."""
        root = {"receiver": self._receiver(), "routes": self._routes(3)}
        return {"route": root, "receivers": [{"name": name} for name in self.receivers]}

    def labels(self) -> dict[str, str]:
        """Of one alert."""
        names = self._random.sample(_NAMES, self._random.randint(1, len(_NAMES)))
        return {name: self._random.choice(_VALUES) for name in names}

    def _routes(self, deepest: int) -> list[dict[str, object]]:
        count = self._random.randint(0, 4) if deepest else 0
        return [self._route(deepest - 1) for _ in range(count)]

    def _route(self, deepest: int) -> dict[str, object]:
        made: dict[str, object] = {"receiver": self._receiver(), "routes": self._routes(deepest)}
        kind = self._random.choice(("match", "match_re", "matchers", "all", "both"))
        name, other = self._random.sample(_NAMES, 2)
        if kind in ("match", "both"):
            made["match"] = {name: self._random.choice((*_VALUES, ""))}
        if kind in ("match_re", "both"):
            made["match_re"] = {other: self._random.choice(_PATTERNS)}
        if kind == "matchers":
            made["matchers"] = [self._matcher() for _ in range(self._random.randint(1, 2))]
        if self._random.random() < 0.4:
            made["continue"] = True
        return made

    def _matcher(self) -> str:
        name, op = self._random.choice(_NAMES), self._random.choice(("=", "!=", "=~", "!~"))
        value = self._random.choice(_PATTERNS if "~" in op else (*_VALUES, ""))
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        is_plain = value.replace("-", "").isalnum() and self._random.random() < 0.5
        return f"{name}{op}{value}" if is_plain else f'{name}{op}"{escaped}"'

    def _receiver(self) -> str:
        self.receivers.append(f"r{len(self.receivers)}")
        return self.receivers[-1]


def asked(program: str, file: Path, labels: dict[str, str]) -> list[str]:
    """The receivers that amtool finds."""
    pairs = [
        f'{name}="{value.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in labels.items()
    ]
    words = [program, "config", "routes", "test", f"--config.file={file}", *pairs]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip().split(",")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(_TREES))
def test_random_alerts_end_at_the_routes_that_amtool_finds(seed: int, tmp_path: Path) -> None:
    program = shutil.which("amtool")
    if program is None:
        pytest.skip("amtool is not installed")
    trees = Trees(seed)
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(trees.tree(), allow_unicode=True))
    root = read_routing(load(file)).root
    alerts = [trees.labels() for _ in range(_ALERTS)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda labels: asked(program, file, labels), alerts))
    own = [[route.receiver for route in matching(root, from_mapping(one))] for one in alerts]
    assert own == found
