from __future__ import annotations

from collections.abc import Sequence

from tests.alert.memory import Shelf
from tocsin.alert.attention.announce import Announcer
from tocsin.alert.attention.silence import Silence, SilenceMatcher, Silences
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping

MINUTE = 60_000
HOUR = 60 * MINUTE
DOWN = from_mapping({"alertname": "Down", "a": "b"})


class Sink:
    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.is_broken = False

    async def put(self, alerts: Sequence[Alert]) -> None:
        if self.is_broken:
            raise Temporary("the database is away")
        self.alerts += alerts

    @property
    def told(self) -> list[str]:
        return [dict(alert.labels)["alertname"] for alert in self.alerts]


class Stage:
    """An announcer that can be restarted on what it kept."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.shelf: Shelf[str, Silence] = Shelf(lambda one: one.id)
        self.sink = Sink()
        self.firing: list[Labels] = [DOWN]
        self.silences = Silences(self.shelf, clock)
        self.announcer = self._made()

    def _made(self) -> Announcer:
        made = Announcer(self.silences, lambda: self.firing, self.sink, self.clock)
        made.external_url = "http://tocsin"
        return made

    async def restart(self) -> None:
        self.silences = Silences(self.shelf, self.clock)
        await self.silences.load()
        self.announcer = self._made()

    async def silence(self, length_ms: int) -> Silence:
        now = self.clock.now_ms()
        return await self.silences.set(
            Silence(
                matchers=(SilenceMatcher(name="a", op="=", value="b"),),
                starts_ms=now,
                ends_ms=now + length_ms,
                created_by="ann",
                comment="new disks",
            )
        )

    async def pass_minutes(self, minutes: int) -> None:
        for _ in range(minutes):
            await self.clock.advance(60)
            await self.announcer.look()


async def test_an_end_is_told_a_quarter_of_an_hour_before_and_once_across_restarts(
    clock: FakeClock,
) -> None:
    stage = Stage(clock)
    silence = await stage.silence(2 * HOUR)
    await stage.pass_minutes(104)
    assert stage.sink.told == []
    await stage.pass_minutes(1)
    assert stage.sink.told == ["SilenceEnding"]
    await stage.restart()
    await stage.pass_minutes(10)
    assert stage.sink.told == ["SilenceEnding"]
    (alert,) = stage.sink.alerts
    assert dict(alert.labels) == {
        "alertname": "SilenceEnding",
        "severity": "info",
        "silence_id": silence.id,
        "created_by": "ann",
        "matchers": 'a="b"',
    }
    assert alert.ends_ms == silence.ends_ms, "it is over when the silence is"
    said = dict(alert.annotations)
    assert "holds back 1 alert" in said["summary"]
    assert f"http://tocsin/silences/{silence.id}" in said["description"]


async def test_an_end_that_has_come_is_told_only_while_something_still_fires(
    clock: FakeClock,
) -> None:
    stage = Stage(clock)
    stage.firing = [from_mapping({"alertname": "Other"})]
    await stage.silence(HOUR)
    await stage.pass_minutes(62)
    assert stage.sink.told == ["SilenceEnding"]
    stage.firing = [DOWN, DOWN]
    await stage.pass_minutes(5)
    await stage.restart()
    await stage.pass_minutes(5)
    assert stage.sink.told == ["SilenceEnding", "SilenceEnded"]
    assert "while 2 alerts still fire" in dict(stage.sink.alerts[-1].annotations)["summary"]


async def test_an_extended_silence_is_told_again_before_its_new_end(clock: FakeClock) -> None:
    stage = Stage(clock)
    silence = await stage.silence(HOUR)
    await stage.pass_minutes(50)
    await stage.silences.extend(silence.id, HOUR)
    await stage.pass_minutes(50)
    assert stage.sink.told == ["SilenceEnding"]
    await stage.pass_minutes(10)
    assert stage.sink.told == ["SilenceEnding", "SilenceEnding"]


async def test_changing_the_comment_tells_nobody_again(clock: FakeClock) -> None:
    stage = Stage(clock)
    silence = await stage.silence(HOUR)
    await stage.pass_minutes(50)
    changed = Silence(
        id=silence.id,
        matchers=silence.matchers,
        starts_ms=silence.starts_ms,
        ends_ms=silence.ends_ms,
        created_by="ann",
        comment="other words",
    )
    await stage.silences.set(changed)
    await stage.pass_minutes(5)
    assert stage.sink.told == ["SilenceEnding"]


async def test_a_silence_that_a_person_ended_is_not_told(clock: FakeClock) -> None:
    stage = Stage(clock)
    silence = await stage.silence(2 * HOUR)
    await stage.pass_minutes(5)
    await stage.silences.expire(silence.id)
    await stage.pass_minutes(5)
    assert stage.sink.told == []


async def test_a_short_silence_is_told_nearer_to_its_end_and_a_very_short_one_only_at_it(
    clock: FakeClock,
) -> None:
    stage = Stage(clock)
    await stage.silence(20 * MINUTE)
    await stage.pass_minutes(14)
    assert stage.sink.told == []
    await stage.pass_minutes(1)
    assert stage.sink.told == ["SilenceEnding"]
    await stage.pass_minutes(90)
    await stage.silence(2 * MINUTE)
    await stage.pass_minutes(1)
    assert stage.sink.told[2:] == []
    await stage.pass_minutes(1)
    assert stage.sink.told[2:] == ["SilenceEnded"]


async def test_what_cannot_be_kept_is_told_later(clock: FakeClock) -> None:
    stage = Stage(clock)
    await stage.silence(HOUR)
    await clock.advance(50 * 60)
    stage.sink.is_broken = True
    try:
        await stage.announcer.look()
    except Temporary:
        stage.sink.is_broken = False
    await stage.announcer.look()
    assert stage.sink.told == ["SilenceEnding"]


async def test_nothing_is_told_when_it_is_off(clock: FakeClock) -> None:
    stage = Stage(clock)
    stage.announcer.lead_ms = 0
    await stage.silence(HOUR)
    await stage.pass_minutes(90)
    assert stage.sink.told == []
