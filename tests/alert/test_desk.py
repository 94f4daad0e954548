from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.alert.desk_world import DeskWorld
from tocsin.alert.delivering.canary_config import CanaryConfig, TimeOfDay, next_ms
from tocsin.alert.delivering.caps import CapsConfig
from tocsin.alert.routing.fallback import Fallbacks
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent, Temporary
from tocsin.kit.quantity import Duration


@asynccontextmanager
async def running(clock: FakeClock) -> AsyncIterator[DeskWorld]:
    world = DeskWorld(clock)
    await world.start()
    yield world


FAILURES = [
    pytest.param(lambda: Temporary("slack answers status 500"), id="status 500"),
    pytest.param(asyncio.Event, id="it hangs"),
    pytest.param(lambda: Temporary("connection refused"), id="nobody listens"),
    pytest.param(lambda: Temporary("slow down", 600.0), id="it asks to wait for ten minutes"),
    pytest.param(lambda: Permanent("Slack refuses: channel_not_found"), id="200 but not ok"),
]


@pytest.mark.parametrize("fails", FAILURES)
async def test_a_failing_channel_falls_back_within_a_minute_and_says_so(
    clock: FakeClock, fails: object
) -> None:
    async with running(clock) as world:
        world.services["slack"].fails = fails  # type: ignore[assignment]  # a table of callables
        telling = asyncio.create_task(world.tell(world.notice()))
        await clock.advance(59)
        [(at, told)] = world.services["sms"].taken
        assert at < 60
        words = dict(told.group_labels)["instead_of"]
        assert words.startswith("slack/slack[0] has not answered since 20")
        assert "notification_note" in dict(told.alerts[0].annotations)
        assert world.services["mail"].taken == []
        [alarm] = world.sink.firing
        assert alarm["alertname"] == "NotificationChannelFailing"
        assert (alarm["receiver"], alarm["integration"]) == ("slack", "slack[0]")
        await clock.advance(600)
        assert await telling is False, "the dispatcher tries again at the group's next turn"
        record = world.history.records[2]
        assert (record.why, record.fallback_of, record.state) == (
            "fallback",
            "slack/slack[0]",
            "sent",
        )


@pytest.mark.parametrize("jump", [-7200.0, 7200.0], ids=["back", "ahead"])
async def test_a_clock_that_is_set_while_a_channel_hangs_delays_no_fallback(
    clock: FakeClock, jump: float
) -> None:
    async with running(clock) as world:
        world.services["slack"].fails = asyncio.Event
        telling = asyncio.create_task(world.tell(world.notice()))
        await clock.advance(1)
        clock.jump(jump)
        await clock.advance(58)
        assert [at < 60 for at in world.services["sms"].at] == [True]
        again = asyncio.create_task(world.tell(world.notice("Other")))
        await clock.advance(59)
        assert len(world.services["sms"].taken) == 2
        telling.cancel()
        again.cancel()


async def test_what_recovers_within_half_a_minute_tells_nobody_else(clock: FakeClock) -> None:
    async with running(clock) as world:
        away = [Temporary("status 503"), Temporary("status 503", 20.0)]
        world.services["slack"].fails = lambda: away.pop(0) if away else None
        telling = asyncio.create_task(world.tell(world.notice()))
        await clock.advance(60)
        assert await telling is True
        assert world.services["slack"].at == [20.5]
        assert world.services["sms"].taken == []
        assert world.sink.firing == []
        [record] = world.history.records.values()
        assert [bool(one.error) for one in record.attempts] == [True, True, False]
        assert (record.state, record.body, record.answer) == ("sent", "about 1", "ok")


async def test_when_the_next_one_fails_too_the_one_after_is_told(clock: FakeClock) -> None:
    async with running(clock) as world:
        world.services["slack"].fails = asyncio.Event
        world.services["sms"].fails = asyncio.Event
        telling = asyncio.create_task(world.tell(world.notice()))
        await clock.advance(59)
        assert len(world.services["mail"].taken) == 1
        telling.cancel()


async def test_others_hear_once_and_of_the_end_and_the_channel_itself_when_it_works(
    clock: FakeClock,
) -> None:
    async with running(clock) as world:
        world.services["slack"].fails = lambda: Temporary("status 500")
        for _ in range(3):
            telling = asyncio.create_task(world.tell(world.notice()))
            await clock.advance(300)
            assert await telling is False
        assert len(world.services["sms"].taken) == 1
        await world.start()  # a restart forgets none of it
        world.services["slack"].fails = lambda: None
        assert await world.tell(world.notice())
        await world.tell(world.notice(ends=True))
        assert [one.status for _, one in world.services["slack"].taken] == ["firing", "resolved"]
        assert [one.status for _, one in world.services["sms"].taken] == ["firing", "resolved"]


async def test_the_alarm_ends_when_the_channel_works(clock: FakeClock) -> None:
    async with running(clock) as world:
        world.services["slack"].fails = lambda: Permanent("status 404")
        assert not await world.tell(world.notice())
        assert len(world.sink.firing) == 1
        world.services["slack"].fails = lambda: None
        assert await world.tell(world.notice())
        assert world.sink.firing == []


async def test_the_alarm_about_a_channel_goes_another_way(clock: FakeClock) -> None:
    async with running(clock) as world:
        about = world.notice("NotificationChannelFailing", receiver="slack", integration="slack[0]")
        assert await world.tell(about)
        assert world.services["slack"].taken == []
        assert len(world.services["sms"].taken) == 1


async def test_who_was_told_anyway_is_not_told_instead(clock: FakeClock) -> None:
    async with running(clock) as world:
        world.services["slack"].fails = lambda: Permanent("status 404")
        await world.tell(world.notice(to="sms"), to="sms")
        await world.tell(world.notice())
        assert len(world.services["sms"].taken) == 1


async def test_a_queue_at_a_slow_channel_is_no_failure(clock: FakeClock) -> None:
    async with running(clock) as world:
        slack = world.services["slack"]
        send = slack.send

        async def slowly(notice: object) -> None:
            await clock.sleep(10)
            await send(notice)  # type: ignore[arg-type]  # it is a notice

        slack.send = slowly  # type: ignore[method-assign]  # a slow receiver
        many = [world.notice(f"A{n}") for n in range(200)]
        telling = [asyncio.create_task(world.tell(one)) for one in many]
        await clock.advance(300)
        assert all(await asyncio.gather(*telling))
        assert world.services["sms"].taken == []


async def test_beyond_the_cap_messages_end_in_one_digest_and_none_is_lost(
    clock: FakeClock,
) -> None:
    async with running(clock) as world:
        world.desk.caps.config = CapsConfig(receivers={"slack": 3})
        for n in range(20):
            assert await world.tell(world.notice(f"A{n}", severity="warning"))
        assert await world.tell(world.notice("A7", severity="warning", ends=True))
        assert await world.tell(world.notice("Db", severity="critical"))
        assert [one.group_key for _, one in world.services["slack"].taken][3:] == ["{}:{Db}"]
        await world.start()  # what waits survives
        world.desk.caps.config = CapsConfig(receivers={"slack": 3})
        for record in world.history.records.values():
            if record.state == "sent":
                world.desk.caps.sent(record.channel, record.at_ms)
        await world.desk.turn()
        assert len(world.services["slack"].taken) == 4
        await clock.advance(3601)
        await world.desk.turn()
        _, digest = world.services["slack"].taken[4]
        names = {dict(alert.labels)["alertname"] for alert in digest.alerts}
        assert names == {f"A{n}" for n in range(3, 20)}
        assert [dict(a.labels)["alertname"] for a in digest.resolved] == ["A7"]
        assert dict(digest.group_labels)["digest"].startswith("18 messages of 17 groups waited: A3")
        assert dict(digest.group_labels)["worst"] == "warning"
        assert not world.desk.caps.waiting
        assert not world.notes.kept
        states = [record.state for record in world.history.records.values()]
        assert states.count("digested") == 18


async def test_an_end_at_pagerduty_never_waits(clock: FakeClock) -> None:
    world = DeskWorld(clock)
    world.services = {"pagerduty": world.services["slack"]}
    world.fallbacks = Fallbacks()
    await world.start()
    world.desk.caps.config = CapsConfig(default=1)
    await world.tell(world.notice("A"), to="pagerduty")
    await world.tell(world.notice("A", ends=True), to="pagerduty")
    assert len(world.services["pagerduty"].taken) == 2


async def test_a_resent_message_is_recorded_with_who_asked(clock: FakeClock) -> None:
    async with running(clock) as world:
        await world.tell(world.notice())
        assert await world.desk.resend(1, "anna")
        again = world.history.records[2]
        assert (again.why, again.resent_of, again.by) == ("resend", 1, "anna")
        assert len(world.services["slack"].taken) == 2


async def test_a_canary_goes_through_each_channel_and_is_late_until_acknowledged(
    clock: FakeClock,
) -> None:
    async with running(clock) as world:
        world.services["mail"].fails = lambda: Permanent("550 no such user")
        config = CanaryConfig(every="daily", at=TimeOfDay("09:00"), late=Duration(600))
        world.canaries.configure(config, "https://tocsin.example")
        await clock.advance((world.canaries.next_ms - clock.now_ms()) / 1000)
        await world.canaries.turn()
        notes = {note.receiver: note for note in world.canaries.all}
        assert len(world.services["slack"].taken) == len(world.services["sms"].taken) == 1
        assert notes["mail"].error == "550 no such user"
        assert notes["slack"].took_ms
        assert notes["slack"].id in dict(world.services["slack"].taken[0][1].group_labels)["test"]
        await world.canaries.acknowledge(notes["slack"].id, "anna")
        await clock.advance(601)
        await world.canaries.turn()
        late = [one["receiver"] for one in world.sink.firing if one["alertname"] == "CanaryLate"]
        assert sorted(late) == ["mail", "sms"]
        assert world.services["slack"].taken[-1][1].status == "resolved"
        await world.start()
        world.canaries.configure(config, "https://tocsin.example")
        await world.canaries.acknowledge(notes["sms"].id, "anna")
        assert {n.receiver for n in world.canaries.all if n.acknowledged_ms} == {"slack", "sms"}


@pytest.mark.parametrize(
    ("config", "after", "due"),
    [
        pytest.param(
            CanaryConfig(every="daily", at=TimeOfDay("09:00"), zone="Europe/Berlin"),
            "2026-03-28T10:00",
            "2026-03-29T07:00",
            id="across the change to summer time",
        ),
        pytest.param(
            CanaryConfig(every="weekly", weekday="friday"),
            "2026-05-01T10:00",
            "2026-05-08T10:00",
            id="a week after the moment itself",
        ),
    ],
)
def test_canaries_come_at_the_hour_of_their_zone(
    config: CanaryConfig, after: str, due: str
) -> None:
    def ms(text: str) -> int:
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)

    assert next_ms(config, ms(after)) == ms(due)
