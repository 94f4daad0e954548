"""`kill -9` at random moments of rules, routes and messages at work: no page is ever lost."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.notify.servers import Taken, http_receiver
from tests.resilience.serving import serving
from tests.waiting import some_moment, until

KILLS = 10
ALERTS = 40
BEGINS_EVERY_SECONDS = 1.0
LONGEST_LIFE_SECONDS = 4.0
TOLD_WITHIN_SECONDS = 60.0
CONFIG = """
scrape: {{host: false, itself: false}}
prometheus: {{global: {{evaluation_interval: 1s}}, rule_files: [rules.yml]}}
alertmanager:
  route: {{receiver: team, group_by: [alertname], group_wait: 100ms, group_interval: 1s}}
  receivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]
"""


def rules(first: float, *, fire: bool) -> str:
    """One alert after the other begins, and goes on while `fire`."""
    found = []
    for number in range(ALERTS):
        begins = first + number * BEGINS_EVERY_SECONDS
        expr = f"vector(time()) >= {begins:.3f}" + ("" if fire else " < 0")
        found.append({"alert": f"A{number}", "expr": expr})
    return json.dumps({"groups": [{"name": "g", "rules": found}]})


def told(taken: Taken, status: str) -> Counter[str]:
    """How often each alert was told to be in that state."""
    found: Counter[str] = Counter()
    for _, body in list(taken.requests):
        for alert in json.loads(body)["alerts"]:
            if alert["status"] == status:
                found[alert["labels"]["alertname"]] += 1
    return found


@pytest.mark.slow
async def test_ten_kills_lose_no_page_and_no_end(tmp_path: Path) -> None:
    chance = random.Random(20260501)
    wanted = {f"A{number}" for number in range(ALERTS)}
    file = tmp_path / "rules.yml"
    with http_receiver() as taken:
        first = time.time() + 5
        file.write_text(rules(first, fire=True))
        async with serving(tmp_path, config=CONFIG.format(url=f"{taken.url}/")) as tocsin:
            for _ in range(KILLS):
                await some_moment(chance, most=LONGEST_LIFE_SECONDS)
                await tocsin.kill()
                await tocsin.start()
            await until(lambda: told(taken, "firing").keys() == wanted, seconds=TOLD_WITHIN_SECONDS)
            before_the_end = told(taken, "firing")
            file.write_text(rules(first, fire=False))
            # A life that never saw an alert of its rules fire cannot know its end: then it is over
            # four minutes after it was last told of, as with Prometheus. Here all are known.
            await until(
                lambda: told(taken, "resolved").keys() == wanted, seconds=TOLD_WITHIN_SECONDS
            )
    # Once more at the most for each kill that met a message on its way.
    assert max(before_the_end.values()) <= 1 + KILLS
    assert sum(before_the_end.values()) - ALERTS <= KILLS * 2
