from __future__ import annotations

import pytest

from tests.alert.memory import Shelf
from tocsin.alert.attention.silence import Silence, SilenceMatcher, Silences
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.labels import from_mapping

HOUR = 3_600_000


def silence(now: int, **changed: object) -> Silence:
    values: dict[str, object] = {
        "matchers": (SilenceMatcher(name="a", op="=", value="b"),),
        "starts_ms": now,
        "ends_ms": now + HOUR,
        "created_by": "me",
        "comment": "work",
    }
    return Silence(**{**values, **changed})  # type: ignore[arg-type]  # a table of changes


def made(clock: FakeClock, shelf: Shelf[str, Silence] | None = None) -> Silences:
    own: Shelf[str, Silence] = Shelf(lambda one: one.id)
    return Silences(own if shelf is None else shelf, clock)


async def test_a_silence_begins_holds_and_ends(clock: FakeClock) -> None:
    silences, now = made(clock), clock.now_ms()
    kept = await silences.set(silence(now, starts_ms=now + HOUR, ends_ms=now + 2 * HOUR))
    labels = from_mapping({"a": "b"})
    assert kept.state(now) == "pending"
    assert silences.silenced_by(labels, now) == []
    assert silences.silenced_by(labels, now + HOUR) == [kept.id]
    assert silences.silenced_by(from_mapping({"a": "c"}), now + HOUR) == []
    assert silences.silenced_by(labels, now + 2 * HOUR) == []


async def test_it_survives_a_restart_and_is_forgotten_after_five_days(clock: FakeClock) -> None:
    shelf: Shelf[str, Silence] = Shelf(lambda one: one.id)
    kept = await made(clock, shelf).set(silence(clock.now_ms()))
    again = made(clock, shelf)
    await again.load()
    assert again.get(kept.id) == kept
    clock.jump(3600 + 120 * 3600 + 1)
    await again.tidy()
    assert again.all() == []
    assert shelf.things == {}


async def test_a_longer_end_changes_it_other_matchers_make_another(clock: FakeClock) -> None:
    silences, now = made(clock), clock.now_ms()
    first = await silences.set(silence(now))
    longer = await silences.set(silence(first.starts_ms, id=first.id, ends_ms=now + 2 * HOUR))
    assert longer.id == first.id
    other = (SilenceMatcher(name="a", op="=", value="c"),)
    changed = await silences.set(
        silence(first.starts_ms, id=first.id, ends_ms=now + HOUR, matchers=other)
    )
    assert changed.id != first.id
    assert silences.get(first.id).state(clock.now_ms()) == "expired"


async def test_an_expired_one_cannot_expire_again(clock: FakeClock) -> None:
    silences = made(clock)
    kept = await silences.set(silence(clock.now_ms()))
    await silences.expire(kept.id)
    with pytest.raises(Rejected, match="already expired"):
        await silences.expire(kept.id)
    with pytest.raises(NotFound):
        await silences.expire("nothing")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"matchers": ()}, "at least one matcher required"),
        (
            {"matchers": (SilenceMatcher(name="a", op="=~", value=".*"),)},
            "must not match the empty string",
        ),
        ({"ends_ms": 5, "starts_ms": 1}, "can't be in the past"),
        ({"ends_ms": 1, "starts_ms": 5}, "start time must be before end time"),
        (
            {"matchers": (SilenceMatcher(name="", op="=", value="x"),)},
            'invalid label matcher 0: invalid label name ""',
        ),
    ],
)
async def test_what_makes_no_sense_is_refused(
    clock: FakeClock, changed: dict[str, object], words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        await made(clock).set(silence(clock.now_ms(), **changed))


async def test_they_are_listed_as_amtool_lists_them(clock: FakeClock) -> None:
    silences, now = made(clock), clock.now_ms()
    times = {
        "begins later, ends first": (now + 2 * HOUR, now + 3 * HOUR),
        "begins first, ends last": (now + HOUR, now + 9 * HOUR),
        "ends late": (now, now + 8 * HOUR),
        "ends early": (now, now + 4 * HOUR),
    }
    for words, (starts, ends) in times.items():
        await silences.set(silence(starts, ends_ms=ends, comment=words))
    assert [one.comment for one in silences.all()] == [
        "ends early",
        "ends late",
        "begins first, ends last",
        "begins later, ends first",
    ]


async def test_words_and_an_author_may_be_left_out_as_in_alertmanager(clock: FakeClock) -> None:
    kept = await made(clock).set(silence(clock.now_ms(), comment="", created_by=""))
    assert (kept.comment, kept.created_by) == ("", "")
