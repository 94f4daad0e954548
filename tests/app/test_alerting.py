"""Alerts through everything but HTTP in: kept in a real database, told to a real receiver."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notify.servers import Taken, http_receiver
from tests.state.fresh import state_file
from tests.waiting import until
from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.alert.deciding.receipt import replay
from tocsin.alert.routing.receiver_config import ReceiverConfig
from tocsin.app.alerting import Alerting, KeptLog
from tocsin.app.config import Loaded, load_config
from tocsin.kit.clock import SystemClock
from tocsin.kit.document import ConfigError
from tocsin.kit.tasks import Tasks
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping
from tocsin.notify import KINDS

ROUTES = """
alertmanager:
  route: {{receiver: team, group_wait: 0s, group_interval: 1s, group_by: [alertname]}}
  receivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]
"""


def loaded(tmp_path: Path, text: str) -> Loaded:
    (tmp_path / "tocsin.yaml").write_text(text)
    return load_config(tmp_path / "tocsin.yaml", environment={})


class Process:
    """One life of the product: `kill` leaves everything as it is."""

    def __init__(self, tmp_path: Path, config: Loaded) -> None:
        self.clock = SystemClock()
        self.tasks = Tasks(self.clock)
        self._database = state_file(tmp_path / "state.db")
        self._config = config
        self.alerting = Alerting(self._database, self.clock)

    async def start(self) -> None:
        await self._database.open()
        await self.alerting.start(self._config, "http://tocsin.example", self.tasks)

    async def kill(self) -> None:
        await self.tasks.stop_all()
        await self.alerting.close()
        await self._database.close()

    async def knows_what_it_told(self) -> bool:
        """Whether the next process will: who is killed before must tell once more."""
        return any(entry.sent_ms for entry in await KeptLog(self._database).all())

    def alert(self, *, ends: bool = False) -> Alert:
        now = self.clock.now_ms()
        labels = from_mapping({"alertname": "Down"})
        return Alert(labels=labels, starts_ms=now - 1000, ends_ms=now if ends else 0, source="api")


def statuses(taken: Taken) -> list[str]:
    return ["firing" if b'"status":"firing"' in body else "resolved" for _, body in taken.requests]


async def test_a_kill_loses_no_alert_no_silence_and_tells_nothing_twice(tmp_path: Path) -> None:
    with http_receiver() as taken:
        config = loaded(tmp_path, ROUTES.format(url=taken.url))
        first = Process(tmp_path, config)
        await first.start()
        await first.alerting.dispatcher.put([first.alert()])
        silences = first.alerting.dispatcher.silences
        now = first.clock.now_ms()
        matcher = SilenceMatcher(name="alertname", op="=", value="Other")
        kept = await silences.set(
            Silence(
                matchers=(matcher,),
                starts_ms=now,
                ends_ms=now + 60_000,
                created_by="me",
                comment="work",
            )
        )
        await until(lambda: statuses(taken) == ["firing"])
        await until(first.knows_what_it_told)
        await first.kill()

        second = Process(tmp_path, config)
        await second.start()
        assert second.alerting.dispatcher.silences.get(kept.id) == kept
        [known] = second.alerting.dispatcher.states()
        assert known.alert.labels == first.alert().labels
        await second.alerting.dispatcher.put([second.alert(ends=True)])
        await until(lambda: len(taken.requests) > 1)
        assert statuses(taken) == ["firing", "resolved"]
        await second.kill()


async def test_a_crash_while_sending_sends_again(tmp_path: Path) -> None:
    with http_receiver() as taken:
        config = loaded(tmp_path, ROUTES.format(url=taken.url))
        first = Process(tmp_path, config)
        taken.answers = [(503, {"Retry-After": "30"}, b""), (200, {}, b"")]
        await first.start()
        await first.alerting.dispatcher.put([first.alert()])
        await until(lambda: len(taken.requests) == 1)
        await first.kill()

        second = Process(tmp_path, config)
        await second.start()
        await until(lambda: len(taken.requests) == 2)
        assert statuses(taken) == ["firing", "firing"]
        await second.kill()


async def test_without_routes_alerts_are_listed_and_nobody_is_told(tmp_path: Path) -> None:
    process = Process(tmp_path, loaded(tmp_path, ""))
    await process.start()
    await process.alerting.dispatcher.put([process.alert()])
    [state] = process.alerting.dispatcher.states()
    assert state.receivers == ()
    assert process.alerting.dispatcher.groups == []
    await process.kill()


def test_every_kind_that_may_be_written_has_a_sender() -> None:
    fields = ReceiverConfig.__struct_fields__
    written = {name.removesuffix("_configs") for name in fields if name.endswith("_configs")}
    assert written == set(KINDS)


async def test_a_template_file_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.tmpl").write_text("{{ define ")
    text = ROUTES.format(url="http://127.0.0.1/") + "  templates: ['*.tmpl']\n"
    process = Process(tmp_path, loaded(tmp_path, text))
    with pytest.raises(ConfigError, match=r"a\.tmpl"):
        await process.start()
    await process.kill()


async def test_the_receipt_of_what_was_told_names_who_took_it(tmp_path: Path) -> None:
    with http_receiver() as taken:
        process = Process(tmp_path, loaded(tmp_path, ROUTES.format(url=taken.url)))
        await process.start()
        alert = process.alert()
        await process.alerting.dispatcher.put([alert])
        await until(lambda: statuses(taken) == ["firing"])
        newest = process.alerting.dispatcher.receipts.newest
        told = "told: team by webhook[0]"
        await until(lambda: told in [one.decision.summary for one in newest(alert.fingerprint)])
        await process.alerting.stop()
        # A second later there is one more, of what is told no second time.
        kept = await process.alerting.receipts.find([alert.fingerprint])
        [receipt] = [one for one in kept if one.decision.summary == told]
        basis = await process.alerting.receipts.basis(receipt.basis)
        assert replay(receipt, basis) == receipt.decision
        await process.kill()
