"""Lines that say the same get one pattern, found while they arrive."""

from __future__ import annotations

import pytest

from tocsin.ingest.logs.masking import Masker
from tocsin.ingest.logs.patterns import PatternMiner
from tocsin.model.log_patterns import LogPattern
from tocsin.model.logs import LogRecord

NAMES = ("alice", "bob", "carol", "dave", "eve", "frank", "gina", "hugo")


def lines(*bodies: str, service: str = "api") -> list[LogRecord]:
    return [LogRecord(ts_ns=n * 10**9, body=body, service=service) for n, body in enumerate(bodies)]


def mined(miner: PatternMiner, *bodies: str, service: str = "api") -> list[int]:
    return [one.pattern for one in miner(lines(*bodies, service=service))]


def templates(miner: PatternMiner) -> dict[int, str]:
    return {one.pattern: one.template for one in miner.changes()}


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ("took 12.5ms, 3 rows", "took <num>ms, <num> rows"),
        ("user=17 status=200 path=/orders/918", "user=<num> status=<num> path=/orders/<num>"),
        ("order 3f2504e0-4f89-11d3-9a0c-0305e82c3301 paid", "order <uuid> paid"),
        ("from 10.0.0.7:8080 to 192.168.1.1", "from <ip> to <ip>"),
        ("commit 0xdeadbeef, 9f86d081884c7d65", "commit <hex>, <hex>"),
        ("at 2026-11-21T14:02:11.123Z and 14:02:11,5", "at <time> and <time>"),
        ("mail to ann@example.org bounced", "mail to <mail> bounced"),
        ('he said "no way" twice', "he said <str> twice"),
        ("can't open 'a b.txt'", "can't open <str>"),
        ('{"event":"paid","order":17}', '{"event":<str>,"order":<num>}'),
        (
            '"GET /orders/17 HTTP/1.1" 200 "Mozilla/5.0 (X11)"',
            '"GET /orders/<num> HTTP/<num>" <num> <str>',
        ),
        ("utf8 and sha256 are words", "utf8 and sha256 are words"),
        ("job ord_8FhsK29x done", "job <id> done"),
        ("\x1b[31mred\x1b[0m 5", "red <num>"),
        ("Boom\n  at f (x.js:1)", "Boom"),
        (
            "Traceback (most recent call last):\n  File 'x'\nValueError: bad 5",
            "Traceback: ValueError: bad <num>",
        ),
        ("", ""),
    ],
)
def test_what_varies_is_masked(line: str, template: str) -> None:
    assert " ".join(Masker().tokens(line)) == template


def test_lines_that_differ_in_what_varies_are_one_pattern() -> None:
    miner = PatternMiner()
    one, other, else_ = mined(miner, "order 17 paid", "order 18 paid", "order 18 refused")
    assert one == other != else_
    assert set(templates(miner).values()) == {"order <num> paid", "order <num> refused"}


def test_two_different_words_stay_two_patterns_and_many_become_one_that_keeps_its_number() -> None:
    miner = PatternMiner()
    first = mined(miner, "login failed", "login succeeded")
    assert len(set(first)) == 2
    numbers = mined(miner, *(f"user {name} logged in" for name in NAMES))
    assert numbers[-1] == numbers[0]
    assert mined(miner, "user zoe logged in", "user bob logged in") == [numbers[0]] * 2
    known = templates(miner)
    assert known[numbers[0]] == known[numbers[1]] == "user <*> logged in"
    assert known[first[0]] == "login failed"


def test_two_words_may_vary() -> None:
    miner = PatternMiner()
    things = ("lamp", "mug", "pencil", "poster", "bottle", "desk", "chair")
    mined(miner, *(f"user {name} bought {thing}" for thing in things for name in NAMES))
    assert set(templates(miner).values()) == {"user <*> bought <*>"}
    assert len(set(mined(miner, "user kim bought shoes", "user lee bought socks"))) == 1


def test_numbers_are_the_same_after_a_restart_and_go_on_from_what_was_kept() -> None:
    before = PatternMiner()
    numbers = mined(before, *(f"user {name} logged in" for name in NAMES))
    kept = before.changes()
    assert before.changes() == []
    after = PatternMiner()
    after.know(kept)
    assert mined(after, "user somebody logged in", "user bob logged in") == [numbers[0]] * 2
    assert after.changes() == []
    assert mined(PatternMiner(), "user alice logged in") == numbers[:1]


def test_services_have_patterns_of_their_own() -> None:
    miner = PatternMiner()
    (one,) = mined(miner, "started", service="api")
    (other,) = mined(miner, "started", service="web")
    assert one != other


def test_a_service_that_says_something_new_each_time_stays_within_its_bound() -> None:
    miner = PatternMiner(most=100)
    texts = [f"{a}{b} says {c}{a} of {b}{c}" for a in NAMES for b in NAMES for c in NAMES]
    found = mined(miner, *texts, *texts)
    assert all(found)
    assert len(set(found)) < 400
    assert any(template.endswith("<…>") for template in templates(miner).values())
    known = mined(miner, "a new line 5", "a new line 6")
    assert known[0] == known[1]


def test_long_lines_under_many_names_stay_within_the_memory_for_all() -> None:
    miner = PatternMiner(most_bytes=200_000)
    mined(miner, "a known line", service="quiet")
    words = [f"{a}{b}" for a in NAMES for b in NAMES]
    for number in range(200):
        place = number % 64
        text = " ".join([*words[place:], *words[:place]])
        mined(miner, *(f"{one} {text}" for one in NAMES), service=f"made up {number}")
        assert sum(one.total for one in miner._services.values()) <= 200_000
    assert "a known line" in {one.template for one in miner.changes()}
    assert miner._services["quiet"].by_words


def test_what_could_not_be_kept_is_told_again() -> None:
    miner = PatternMiner()
    mined(miner, "started")
    changes = miner.changes()
    miner.again(changes)
    assert miner.changes() == changes


def test_what_waits_while_the_store_is_away_is_bounded_and_told_when_it_comes_again() -> None:
    miner = PatternMiner(most_untold=100_000)
    words = ["".join(NAMES[int(digit) % 8] for digit in f"{n:04d}") for n in range(2_000)]
    bodies = [f"{word} {word} {word}" for word in words]
    for at in range(0, len(bodies), 100):
        mined(miner, *bodies[at : at + 100])
    first = miner.changes()
    assert 0 < len(first) < 200
    miner.again(first)
    mined(miner, *bodies[:100])
    second = templates(miner)
    assert {one.pattern for one in first} & second.keys()
    assert set(mined(miner, *bodies[:100])) & second.keys()


def test_a_pattern_tells_an_example_and_when_it_was_first_seen() -> None:
    miner = PatternMiner()
    (number,) = {one.pattern for one in miner(lines("took 5 ms", "took 6 ms"))}
    assert miner.changes() == [
        LogPattern(
            pattern=number,
            service="api",
            template="took <num> ms",
            example="took 5 ms",
            first_seen_ms=0,
        )
    ]
