"""Answers through everything but HTTP in: kept in a real database, told to real receivers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.notify.servers import Taken, http_receiver
from tests.state.fresh import state_file
from tests.waiting import until
from tocsin.alert.attention.acknowledge import Acknowledgement
from tocsin.alert.deciding.answers import Who
from tocsin.app.alerting import Alerting
from tocsin.app.config import Loaded, load_config
from tocsin.app.messages import KeptMessages
from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.kit.signed_link import LinkMaker
from tocsin.kit.tasks import Tasks
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.notices import fingerprint, group_id
from tocsin.notify.conversation import KeptMessage

TEXT = """
listen: {{external_url: 'https://tocsin.example'}}
answers: {{slack_signing_secret: s}}
alertmanager:
  route: {{receiver: team, group_wait: 0s, group_interval: 1s, group_by: [alertname]}}
  receivers:
    - name: team
      slack_configs: [{{app_token: xoxb-1, app_url: '{url}/api/chat.postMessage', channel: x}}]
      pagerduty_configs: [{{routing_key: K, url: '{url}/pd'}}]
"""
LABELS: tuple[Labels, ...] = tuple(
    from_mapping({"alertname": "Down", "instance": one}) for one in "12"
)
GROUP = group_id('{}:{alertname="Down"}')


def loaded(tmp_path: Path, taken: Taken) -> Loaded:
    (tmp_path / "tocsin.yaml").write_text(TEXT.format(url=taken.url))
    taken.by_path = {"/api/": b'{"ok":true,"channel":"C1","ts":"1.1"}'}
    return load_config(tmp_path / "tocsin.yaml", environment={})


class Process:
    """One life of the product: what is on its way arrives before its end."""

    def __init__(self, tmp_path: Path, config: Loaded) -> None:
        self.clock = SystemClock()
        self.tasks = Tasks(self.clock)
        self._database = state_file(tmp_path / "state.db")
        self._config = config
        self.alerting = Alerting(self._database, self.clock)

    async def start(self) -> None:
        await self._database.open()
        await self.alerting.start(self._config, "https://tocsin.example", self.tasks)

    async def end(self) -> None:
        await self.alerting.stop()
        await self.tasks.stop_all()
        await self.alerting.close()
        await self._database.close()

    async def fire(self) -> None:
        now = self.clock.now_ms()
        alerts = [Alert(labels=one, starts_ms=now - 1000, source="api") for one in LABELS]
        await self.alerting.dispatcher.put(alerts)

    async def take(self, labels: Labels) -> None:
        await self.alerting.attention.acknowledgements.put(
            Acknowledgement(
                fingerprint=fingerprint(labels),
                labels=labels,
                by="bo",
                at_ms=self.clock.now_ms(),
                source="page",
            )
        )


def asked(taken: Taken, path: str) -> list[dict[str, object]]:
    return [json.loads(body) for at, body in list(taken.requests) if at == path]


async def test_an_acknowledgement_on_the_page_reaches_slack_and_pagerduty_after_a_restart(
    tmp_path: Path,
) -> None:
    with http_receiver() as taken:
        config = loaded(tmp_path, taken)
        first = Process(tmp_path, config)
        await first.start()
        await first.fire()
        await until(lambda: len(asked(taken, "/api/chat.postMessage")) == 1)
        await until(lambda: len(asked(taken, "/pd")) == 1)
        await until(lambda: len(first.alerting.answered.messages.of_group(GROUP)) == 2)
        await first.end()

        second = Process(tmp_path, config)
        await second.start()
        for labels in LABELS:
            await second.take(labels)
        await until(lambda: len(asked(taken, "/pd")) == 2)
        await until(lambda: len(asked(taken, "/api/chat.postMessage")) == 2)
        await second.end()
    trigger, acknowledge = asked(taken, "/pd")
    assert acknowledge["event_action"] == "acknowledge"
    assert acknowledge["dedup_key"] == trigger["dedup_key"] == GROUP
    [update] = asked(taken, "/api/chat.update")  # both acknowledgements in one go
    assert (update["channel"], update["ts"]) == ("C1", "1.1")
    assert "acknowledged by *bo*" in json.dumps(update)
    assert asked(taken, "/api/chat.postMessage")[1]["text"] == ":eyes: bo acknowledged."


async def test_a_channel_that_is_away_hears_of_it_later(tmp_path: Path) -> None:
    with http_receiver() as taken:
        process = Process(tmp_path, loaded(tmp_path, taken))
        await process.start()
        await process.fire()
        await until(lambda: len(process.alerting.answered.messages.of_group(GROUP)) == 2)
        taken.by_path = {"/api/chat.postMessage": b'{"ok":true,"channel":"C1","ts":"1.1"}'}
        ok = b'{"ok":true,"channel":"C1","ts":"1.1"}'
        taken.answers = [(503, {}, b""), (200, {"Content-Type": "application/json"}, ok)]
        answers = process.alerting.answered.answers
        await answers.acknowledge(answers.firing(GROUP), Who("ann", "slack"))
        await until(lambda: len(asked(taken, "/api/chat.update")) >= 1)
        await until(lambda: len(asked(taken, "/api/chat.postMessage")) == 2)
        await process.end()
    updates = asked(taken, "/api/chat.update")
    assert "acknowledged by *ann*" in json.dumps(updates[-1])
    assert len(taken.seen) >= 4, "what was answered 503 was sent again"


async def test_mails_links_survive_a_restart(tmp_path: Path) -> None:
    with http_receiver() as taken:
        config = loaded(tmp_path, taken)
        tokens = []
        for _ in range(2):
            process = Process(tmp_path, config)
            await process.start()
            links = process.alerting.answered.links
            assert isinstance(links, LinkMaker)
            tokens.append(links.token("acknowledge", GROUP, "a@x.org", 1))
            await process.end()
    assert tokens[0] == tokens[1]


@pytest.mark.parametrize("kept_days", [1, 6])
async def test_messages_are_forgotten_after_five_days(
    tmp_path: Path, clock: FakeClock, kept_days: int
) -> None:
    database = state_file(tmp_path / "state.db")
    await database.open()
    messages = KeptMessages(database, clock)
    now = clock.now_ms()
    message = KeptMessage(
        place="team/slack[0]", group_key="g", firing={"f": now}, opened_ms=now, told_ms=now
    )
    await messages.put(message)
    clock.jump(kept_days * 86_400)
    await messages.tidy()
    found = KeptMessages(database, clock)
    await found.load()
    assert found.about(["f"]) == ([message] if kept_days == 1 else [])
    await database.close()
