"""A night of paging, in milliseconds: who is called when, until somebody answers."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.oncall.night import BO, night, person, policy, roster
from tocsin.incident.book import Author, Resolution
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.oncall.escalation.planner import Choice, EscalationPlanner

ANA = person("ana", "push", "sms", "call", rules=(("push", 0), ("sms", 2), ("call", 5)))
BEN = person("ben", "sms")
CEM = person("cem", "email")
TEAM = (ANA, BEN, CEM)
MATRIX = policy("schedule:primary", "schedule:primary:1", "person:cem", minutes=15)


async def test_a_night_goes_from_the_first_to_the_second_to_the_manager_to_everyone(
    tmp_path: Path,
) -> None:
    async with night(tmp_path, roster(TEAM, "ana", "ben"), P0=MATRIX) as one:
        await one.open()
        await one.passes(60)
        assert sorted(one.phones.calls) == [
            (0.0, "ana", "push"),
            (2.0, "ana", "sms"),
            (5.0, "ana", "call"),
            (15.0, "ben", "sms"),
            (30.0, "cem", "email"),
            (45.0, "ana", "push"),
            (45.0, "ben", "sms"),
            (45.0, "cem", "email"),
            (47.0, "ana", "sms"),
            (50.0, "ana", "call"),
        ]


async def test_an_acknowledgement_stops_pages_that_were_still_to_come(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "ana", "ben"), P0=MATRIX) as one:
        incident = await one.open()
        await one.passes(1)
        await one.book.acknowledge(incident.number, BO)
        await one.passes(600)
        assert one.phones.calls == [(0.0, "ana", "push")]


async def test_giving_it_back_begins_anew(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "ana", "ben"), P0=MATRIX) as one:
        incident = await one.open()
        await one.passes(20)
        await one.book.acknowledge(incident.number, BO)
        await one.passes(40)
        await one.book.unacknowledge(incident.number, BO)
        await one.passes(3)
        assert one.phones.calls[-3:] == [
            (15.0, "ben", "sms"),
            (60.0, "ana", "push"),
            (62.0, "ana", "sms"),
        ]


async def test_another_severity_begins_anew_with_its_own_policy(tmp_path: Path) -> None:
    low = policy("person:cem", minutes=60)
    async with night(tmp_path, roster(TEAM, "ana", "ben"), P2=low, P0=MATRIX) as one:
        incident = await one.open("P2")
        await one.passes(10)
        await one.book.set_severity(incident.number, "P0", BO)
        await one.passes(1)
        assert one.phones.calls == [(0.0, "cem", "email"), (10.0, "ana", "push")]
        await one.book.set_severity(incident.number, "P3", BO)
        await one.passes(600)
        assert len(one.phones.calls) == 2, "P3 pages nobody"


async def test_what_somebody_has_and_what_becomes_worse_is_told_once(tmp_path: Path) -> None:
    low = policy("person:cem", minutes=60)
    async with night(tmp_path, roster(TEAM, "ben", "ana"), P2=low, P0=MATRIX) as one:
        incident = await one.open("P2")
        await one.passes(1)
        await one.book.acknowledge(incident.number, BO)
        await one.book.set_severity(incident.number, "P0", BO)
        await one.passes(600)
        assert one.phones.people() == ["cem", "ben"]


async def test_what_somebody_has_and_what_others_make_worse_begins_anew(tmp_path: Path) -> None:
    low = policy("person:cem", minutes=60)
    async with night(tmp_path, roster(TEAM, "ben", "ana"), P2=low, P0=MATRIX) as one:
        incident = await one.open("P2")
        await one.passes(1)
        await one.book.acknowledge(incident.number, BO)
        await one.book.set_severity(incident.number, "P0", Author("tocsin", "alerts"))
        await one.passes(1)
        assert one.phones.people() == ["cem", "ben"]
        await one.passes(15)
        assert one.phones.people()[-1] == "ana", "nobody has answered for the worse one"
        calls = len(one.phones.calls)
        await one.book.acknowledge(incident.number, BO)
        await one.passes(600)
        assert len(one.phones.calls) == calls


async def test_the_end_of_the_incident_ends_it(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "ana", "ben"), P0=MATRIX) as one:
        incident = await one.open()
        await one.passes(16)
        await one.book.resolve(incident.number, Resolution(resolution="restarted"), BO)
        await one.passes(600)
        assert one.phones.people() == ["ana", "ana", "ana", "ben"]
        await one.book.reopen(incident.number, BO)
        await one.passes(1)
        assert one.phones.people()[4:] == ["ana"]


@pytest.mark.parametrize("how", [Rejected("no such number"), Temporary("503"), Permanent("gone")])
async def test_a_way_that_fails_hurries_the_next_one(tmp_path: Path, how: Exception) -> None:
    async with night(tmp_path, roster(TEAM, "ana", "ben"), P0=MATRIX) as one:
        one.phones.broken["push"] = how  # type: ignore[assignment]  # faults all
        await one.open()
        await one.passes(14)
        assert [way for _, _, way in one.phones.calls] == ["sms", "call"]
        assert one.phones.calls[0][0] < 1.0, "not after two minutes"
        assert one.phones.calls[1][0] == 5.0


async def test_somebody_who_cannot_be_reached_at_all_is_passed_over_at_once(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "ana", "ben"), P0=MATRIX) as one:
        for way in ("push", "sms", "call"):
            one.phones.broken[f"ana/{way}"] = Permanent("out of order")
        incident = await one.open()
        await one.passes(1)
        assert one.phones.calls == [(0.0, "ben", "sms")]
        told = [entry.text for entry in await one.said(incident.number)]
        assert any("could not be paged by push: out of order" in text for text in told)
        assert any("Nobody could be reached by any way" in text for text in told)
        await one.passes(15)
        assert one.phones.calls[1][1] == "cem", "the third has its own time"


async def test_ways_that_are_tried_side_by_side_are_not_hurried_twice(tmp_path: Path) -> None:
    """Without rules every way is tried at once."""
    dora = person("dora", "push", "sms", "call")
    at_once = policy("person:dora", "person:cem")
    async with night(tmp_path, roster((dora, CEM)), P0=at_once) as one:
        one.phones.broken["push"] = Permanent("gone")
        await one.open()
        await one.passes(14)
        assert sorted(way for _, _, way in one.phones.calls) == ["call", "sms"]


async def test_when_all_ways_fail_side_by_side_the_next_step_comes_at_once(tmp_path: Path) -> None:
    dora = person("dora", "push", "sms", "call")
    at_once = policy("person:dora", "person:cem")
    async with night(tmp_path, roster((dora, CEM)), P0=at_once) as one:
        for way in ("push", "sms", "call"):
            one.phones.broken[way] = Permanent("gone")
        await one.open()
        await one.passes(1)
        assert one.phones.calls == [(0.0, "cem", "email")]


async def test_of_two_in_a_step_one_is_enough(tmp_path: Path) -> None:
    both = policy("person:ana+person:ben", "person:cem", minutes=15)
    async with night(tmp_path, roster(TEAM, "ana", "ben"), P0=both) as one:
        one.phones.broken["ben/sms"] = Permanent("out of order")
        await one.open()
        await one.passes(14)
        assert set(one.phones.people()) == {"ana"}


async def test_an_empty_schedule_is_loud_and_passed_over(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "", "ben"), P0=MATRIX) as one:
        incident = await one.open()
        await one.passes(1)
        assert one.phones.calls == [(0.0, "ben", "sms")]
        told = [entry.text for entry in await one.said(incident.number)]
        assert "NOBODY IS ON CALL in the schedule primary." in told


async def test_people_escalate_at_once(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "ben", "ana"), P0=MATRIX) as one:
        incident = await one.open()
        await one.passes(1)
        await one.escalation.hurry(incident.number, "ben")
        await one.passes(1)
        assert one.phones.people() == ["ben", "ana"]
        await one.escalation.hurry(incident.number, "ana")
        await one.passes(1)
        assert one.phones.people() == ["ben", "ana", "cem", "ana"], "ana's rules go on"
        await one.book.acknowledge(incident.number, BO)
        with pytest.raises(Rejected, match="nothing escalates"):
            await one.escalation.hurry(incident.number, "ana")


async def test_rounds_are_repeated_and_the_end_may_be_quiet(tmp_path: Path) -> None:
    rounds = policy("person:ben", "person:cem", minutes=10, repeat=1, at_end="stay")
    async with night(tmp_path, roster(TEAM, "ana"), P0=rounds) as one:
        incident = await one.open()
        await one.passes(120)
        assert one.phones.calls == [
            (0.0, "ben", "sms"),
            (10.0, "cem", "email"),
            (20.0, "ben", "sms"),
            (30.0, "cem", "email"),
        ]
        assert (await one.said(incident.number))[-1].text.startswith("Nobody answered")


async def test_a_channel_is_told_as_a_step(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "ana"), P0=policy("channel:slack+person:ben")) as one:
        await one.open()
        await one.passes(1)
        assert sorted(one.phones.people()) == ["ben", "slack"]


async def test_each_page_and_step_is_on_the_timeline(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "ben", "ana"), P0=MATRIX) as one:
        incident = await one.open()
        await one.passes(1)
        kinds = [(entry.kind, entry.text) for entry in await one.said(incident.number)]
        assert kinds[1:] == [
            ("escalated", "Paging ben (step 1 of 3, policy p). Waiting 15 min for an answer."),
            ("page", "Paged ben by sms."),
        ]


async def test_a_start_by_hand_keeps_no_later_start_from_happening(tmp_path: Path) -> None:
    """An action may start another policy between two versions of the incident."""
    other = policy("person:cem", minutes=30)
    async with night(tmp_path, roster(TEAM, "ben", "ana"), P1=other, P0=MATRIX) as one:
        incident = await one.open("P1")
        await one.passes(1)
        planner = EscalationPlanner(lambda _: Choice(policy("person:ben"), "high"), one.config.rank)
        taken = msgspec.structs.replace(incident, acknowledged_ms=1)
        for _ in range(2):  # at least once
            await one.runner.put(planner(taken, incident, ()))
            await one.passes(1)
        assert one.phones.people() == ["cem", "ben"]
        await one.book.set_severity(incident.number, "P0", BO)
        await one.passes(1)
        assert one.phones.people() == ["cem", "ben", "ben"], "P0's policy begins"


async def test_rules_may_ring_the_same_phone_again_and_again(tmp_path: Path) -> None:
    dora = person(
        "dora", "push", "call", rules=(("push", 0), ("push", 3), ("push", 6), ("call", 7))
    )
    async with night(tmp_path, roster((dora,)), P0=policy("person:dora")) as one:
        await one.open()
        await one.passes(10)
        assert one.phones.calls == [
            (0.0, "dora", "push"),
            (3.0, "dora", "push"),
            (6.0, "dora", "push"),
            (7.0, "dora", "call"),
        ]


async def test_a_phone_that_fails_is_not_waited_for_until_it_is_tried_again(tmp_path: Path) -> None:
    dora = person("dora", "push", rules=(("push", 0), ("push", 9)))
    async with night(tmp_path, roster((dora, CEM)), P0=policy("person:dora", "person:cem")) as one:
        one.phones.broken["push"] = Permanent("gone")
        await one.open()
        await one.passes(1)
        assert one.phones.calls == [(0.0, "cem", "email")]


@pytest.mark.parametrize("on_call", ["", "ana"], ids=["nobody is on call", "no phone works"])
async def test_that_a_channel_was_told_keeps_nobody_waiting(tmp_path: Path, on_call: str) -> None:
    steps = policy("schedule:primary+channel:slack", "person:cem")
    async with night(tmp_path, roster(TEAM, on_call), P0=steps) as one:
        for way in ("push", "sms", "call"):
            one.phones.broken[way] = Permanent("out of order")
        await one.open()
        await one.passes(1)
        assert one.phones.people() == ["slack", "cem"]


async def test_hurrying_before_the_first_step_was_done_passes_nobody_over(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "ben", "ana"), P0=MATRIX) as one:
        incident = await one.open()
        await one.escalation.hurry(incident.number, "ben")
        await one.passes(1)
        assert one.phones.people() == ["ben"]


async def test_who_gives_it_back_and_escalates_is_not_called_first_again(tmp_path: Path) -> None:
    async with night(tmp_path, roster(TEAM, "ben", "ana"), P0=MATRIX) as one:
        incident = await one.open()
        await one.passes(1)
        await one.book.acknowledge(incident.number, BO)
        await one.book.unacknowledge(incident.number, BO)
        await one.escalation.hurry(incident.number, "bo", is_given_back=True)
        await one.passes(1)
        assert one.phones.people() == ["ben", "ana"]
