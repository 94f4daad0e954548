"""Overrides, and swaps that become overrides."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from tests.oncall.world import CONFIG, NOW, at, read
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.errands import Plan
from tocsin.oncall.override import Override, Swap, SwapState
from tocsin.oncall.rota import Change, Rota

ALICE = "an admin"


class Kept:
    """Keeps in memory what a shelf would."""

    def __init__(self) -> None:
        self.things: dict[str, Change] = {}

    async def save(self, changes: Iterable[Change], news: Plan, now_ms: int) -> None:
        self.things |= {one.id: one for one in changes}

    async def forget(self, ids: Iterable[str]) -> None:
        for one in ids:
            self.things.pop(one, None)

    async def all(self) -> list[Change]:
        return list(self.things.values())


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def now() -> FakeClock:
    return FakeClock(at(NOW) / 1000)


@pytest.fixture
def rota(kept: Kept, now: FakeClock) -> Rota:
    made = Rota(kept, now)
    made.configure(read(CONFIG))
    return made


def wanted(person: str, starts: str, ends: str, schedule: str = "primary") -> Override:
    return Override(
        schedule=schedule, person=person, starts_ms=at(starts), ends_ms=at(ends), made_by=ALICE
    )


def asked(asked_by: str, starts: str, ends: str, to: str = "") -> Swap:
    return Swap(
        schedule="",
        asked_by=asked_by,
        starts_ms=at(starts),
        ends_ms=at(ends),
        to=to,
        made_by=asked_by,
    )


async def test_an_override_counts_at_once_and_survives_a_restart(
    rota: Rota, kept: Kept, now: FakeClock
) -> None:
    await rota.take(wanted("cai", "2026-10-21 09:00", "2026-10-21 18:00"))

    fresh = Rota(kept, now)
    fresh.configure(read(CONFIG))
    await fresh.load()
    for one in (rota, fresh):
        assert one.roster.on_call("primary", at("2026-10-21 08:59")) == "ana"
        assert one.roster.on_call("primary", at("2026-10-21 09:00")) == "cai"
        assert one.roster.on_call("primary", at("2026-10-21 18:00")) == "ana"


async def test_whose_turn_was_given_away_is_not_second(rota: Rota) -> None:
    await rota.take(wanted("bo", "2026-10-21 09:00", "2026-10-21 18:00"))

    assert rota.roster.on_call("primary", at("2026-10-21 12:00"), rank=1) == "cai"
    assert rota.roster.on_call("primary", at("2026-10-21 12:00"), rank=2) is None


async def test_the_override_that_was_made_last_counts(rota: Rota, now: FakeClock) -> None:
    await rota.take(wanted("cai", "2026-10-21 09:00", "2026-10-21 18:00"))
    await now.advance(1)
    await rota.take(wanted("bo", "2026-10-21 12:00", "2026-10-21 13:00"))

    shifts = rota.roster.shifts("primary", at("2026-10-21 10:00"), at("2026-10-21 17:00"))
    assert [one.person for one in shifts] == ["cai", "bo", "cai"]


async def test_an_override_that_has_begun_ends_now_and_one_to_come_never_was(
    rota: Rota, kept: Kept, now: FakeClock
) -> None:
    begun = await rota.take(wanted("cai", NOW, "2026-10-20 18:00"))
    ahead = await rota.take(wanted("bo", "2026-10-22 09:00", "2026-10-22 18:00"))
    await now.advance(3600)

    await rota.give_back(begun.id)
    await rota.give_back(ahead.id)

    assert rota.roster.on_call("primary", at("2026-10-20 12:30")) == "cai"
    assert rota.roster.on_call("primary", at("2026-10-20 13:00")) == "ana"
    assert list(kept.things) == [begun.id]
    with pytest.raises(Rejected, match="over already"):
        await rota.give_back(begun.id)
    with pytest.raises(NotFound):
        await rota.give_back(ahead.id)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (wanted("annna", NOW, "2026-10-21 09:00"), 'did you mean "ana"'),
        (wanted("bo", "2026-10-19 09:00", "2026-10-20 09:00"), "over already"),
        (wanted("bo", "2026-10-22 09:00", "2026-10-22 09:00"), "at least a minute"),
        (wanted("bo", "2026-10-22 09:00", "2028-10-22 09:00"), "longer than a year"),
        (wanted("bo", NOW, "2026-10-22 09:00", "primry"), 'did you mean "primary"'),
    ],
    ids=["an unknown person", "in the past", "empty", "too long", "an unknown schedule"],
)
async def test_an_override_that_makes_no_sense_is_refused(
    rota: Rota, override: Override, words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        await rota.take(override)
    assert not rota.overrides()


async def test_what_was_begins_now_however_it_was_written(rota: Rota) -> None:
    made = await rota.take(wanted("bo", "2026-10-19 09:00", "2026-10-21 09:00"))

    assert made.starts_ms == at(NOW)


async def test_a_swap_that_is_accepted_becomes_overrides_in_both_directions(rota: Rota) -> None:
    swap = await rota.ask(
        msgspec.structs.replace(
            asked("ana", "2026-10-22 00:00", "2026-10-23 00:00", "bo"),
            return_starts_ms=at("2026-10-28 00:00"),
            return_ends_ms=at("2026-10-29 00:00"),
        )
    )
    assert rota.roster.on_call("primary", at("2026-10-22 12:00")) == "ana"

    accepted, made = await rota.accept(swap.id, "bo")

    assert accepted.state is SwapState.ACCEPTED
    assert len(made) == 2
    assert rota.roster.on_call("primary", at("2026-10-22 12:00")) == "bo"
    assert rota.roster.on_call("primary", at("2026-10-28 12:00")) == "ana"
    assert rota.roster.on_call("primary", at("2026-10-29 00:00")) == "bo"
    with pytest.raises(Rejected, match="accepted by bo already"):
        await rota.accept(swap.id, "bo")


async def test_only_whoever_was_asked_can_accept(rota: Rota) -> None:
    swap = await rota.ask(asked("ana", "2026-10-22 00:00", "2026-10-23 00:00", "bo"))

    for person in ("cai", "ana"):
        with pytest.raises(Rejected, match="was offered to bo"):
            await rota.accept(swap.id, person)
    assert (await rota.decline(swap.id, "bo")).state is SwapState.DECLINED


async def test_anyone_may_accept_what_is_offered_to_all(rota: Rota) -> None:
    swap = await rota.ask(asked("ana", "2026-10-22 00:00", "2026-10-23 00:00"))

    await rota.accept(swap.id, "cai")

    assert rota.roster.on_call("primary", at("2026-10-22 12:00")) == "cai"


async def test_what_another_node_accepted_is_not_accepted_twice(
    rota: Rota, kept: Kept, now: FakeClock
) -> None:
    other = Rota(kept, now)
    other.configure(read(CONFIG))
    swap = await rota.ask(asked("ana", "2026-10-22 09:00", "2026-10-22 17:00"))
    await other.load()
    await other.accept(swap.id, "bo")
    with pytest.raises(Rejected, match="accepted by bo already"):
        await rota.accept(swap.id, "cai")
    (one,) = other.overrides()
    await other.give_back(one.id)
    with pytest.raises(NotFound, match="may have been removed"):
        await rota.give_back(one.id)


async def test_nobody_can_give_away_what_is_not_theirs(rota: Rota) -> None:
    with pytest.raises(Rejected, match="bo is not on call in primary in that time"):
        await rota.ask(asked("bo", "2026-10-22 00:00", "2026-10-23 00:00"))


async def test_a_swap_takes_only_what_is_still_ones_own_when_it_is_accepted(rota: Rota) -> None:
    swap = await rota.ask(asked("ana", "2026-10-22 00:00", "2026-10-23 00:00"))
    await rota.take(wanted("bo", "2026-10-22 08:00", "2026-10-22 16:00"))

    _, made = await rota.accept(swap.id, "cai")

    assert [(one.starts_ms, one.ends_ms) for one in made] == [
        (at("2026-10-22 00:00"), at("2026-10-22 08:00")),
        (at("2026-10-22 16:00"), at("2026-10-23 00:00")),
    ]
    assert rota.roster.on_call("primary", at("2026-10-22 12:00")) == "bo"


async def test_a_swap_whose_time_has_come_expires(rota: Rota, now: FakeClock) -> None:
    swap = await rota.ask(asked("ana", "2026-10-20 13:00", "2026-10-20 14:00"))
    await now.advance(7200)

    assert rota.swap(swap.id).state is SwapState.EXPIRED
    assert not rota.swaps()
    with pytest.raises(Rejected, match="expired already"):
        await rota.accept(swap.id, "bo")


async def test_an_override_of_somebody_who_left_does_not_count_and_is_told(rota: Rota) -> None:
    await rota.take(wanted("cai", NOW, "2026-10-21 09:00"))

    without = CONFIG.replace("  cai: {methods: [{kind: push}]}\n", "").replace(", cai]", "]")
    rota.configure(read(without))

    assert rota.roster.on_call("primary", at("2026-10-20 13:00")) in ("ana", "bo")
    assert [one.person for one in rota.unused] == ["cai"]
