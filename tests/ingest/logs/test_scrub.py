"""Secrets are replaced before a line is kept, and nothing else is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.ingest.logs.scrub import Scrubber, ScrubConfig
from tocsin.kit.fault import Rejected
from tocsin.model.logs import LogRecord


def scrubbed(text: str, config: ScrubConfig | None = None) -> str:
    record = LogRecord(ts_ns=1, body=text)
    Scrubber(config or ScrubConfig())([record])
    return record.body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: [bearer]"),
        (
            "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN",
            "jwt [jwt]",
        ),
        ("key AKIAIOSFODNN7EXAMPLE used", "key [key] used"),
        ("login password=hunter22 ok", "login password=[password] ok"),
        ('{"password": "hun\\"ter22", "n": 1}', '{"password": "[password]", "n": 1}'),
        ("{'api-key': 'k-1'}", "{'api-key': '[password]'}"),
        (
            '{"n": 1, "paid": 4111111111111111, "all": [1, 4111111111111111]}',
            '{"n": 1, "paid": "[card]", "all": [1, "[card]"]}',
        ),
        (
            '{"a": "x, 4111111111111111, y"}',
            '{"a": "x, [card], y"}',
        ),
        (f"pwd: {'x' * 5000} ok", "pwd: [password] ok"),
        ("GET /a?n=1&token=abc123&m=2 200", "GET /a?n=1&token=[token]&m=2 200"),
        ("token=abc123", "token=[token]"),
        ("refresh-token: abc123", "refresh-token: [token]"),
        ("paid with 4111 1111 1111 1111 today", "paid with [card] today"),
        ("dsn postgres://shop:s3cret@db/shop", "dsn [url_password]db/shop"),
    ],
    ids=[
        *("bearer", "jwt", "key", "password", "password in JSON", "a key in Python's words"),
        "numbers in JSON",
        "a text in JSON with commas",
        *("a very long one", "token of a URL", "token of a query alone", "token by its kind"),
        *("card", "password in a URL"),
    ],
)
def test_obvious_secrets_are_replaced_by_their_kind(text: str, expected: str) -> None:
    assert scrubbed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112 shipped",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736",
        "the basic idea",
        "mail to bob@example.com",
        "password reset for user 7",
        "https://example.com/a:b@c",
        "Unexpected token: end of input",
        "password=[password] and token of [field]",
    ],
    ids=[
        "no card by its sum",
        "an id",
        "words",
        "mail is off by default",
        "a word",
        "a path",
        "syntax",
        "what was replaced before",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrubbed(text) == text


def test_mail_addresses_and_own_patterns_are_replaced_when_configured() -> None:
    config = ScrubConfig(kinds=("email",), patterns={"iban": r"\bDE\d{20}\b"})
    assert scrubbed("bob@example.com DE12345678901234567890", config) == "[email] [iban]"


def test_secret_fields_are_replaced_whole_and_in_the_original_too() -> None:
    record = LogRecord(
        ts_ns=1,
        body="login",
        attributes={"user.password": "hunter22", "tokens": "3", "Cookie": "a=b", "plate": "B-1"},
        original='{"user":{"password":"hunter22"},"msg":"login"}',
    )
    scrubber = Scrubber(ScrubConfig(fields=("plate",)))
    scrubber([record])
    assert record.attributes == {
        "user.password": "[field]",
        "tokens": "3",
        "Cookie": "[field]",
        "plate": "[field]",
    }
    assert "hunter22" not in record.original
    assert scrubber.counts["field"] == 3


def test_an_original_in_json_stays_json() -> None:
    user = {"password": "hunter22", "cvv": 1234, "n": 7}
    said = {"user": user, "x-api-key": "k-12", "token": "abc", "m": ""}
    record = LogRecord(
        ts_ns=1,
        body="login",
        attributes={
            "user.password": "hunter22",
            "user.cvv": "1234",
            "user.n": "7",
            "x-api-key": "k-12",
            "token": "abc",
        },
        original=json.dumps(said),
    )
    scrubber = Scrubber(ScrubConfig())
    for _ in range(2):
        scrubber([record])
    assert json.loads(record.original) == {
        "user": {"password": "[field]", "cvv": "[field]", "n": 7},
        "x-api-key": "[field]",
        "token": "[field]",
        "m": "",
    }


def test_every_line_of_a_batch_is_looked_at() -> None:
    records = [LogRecord(ts_ns=1, body=f"{n} password=hunter2{n}") for n in range(50)]
    records[20].body = "nothing here"
    scrubber = Scrubber(ScrubConfig())
    scrubber(records)
    assert not [one.body for one in records if "hunter" in one.body]
    assert scrubber.counts["password"] == 49


def test_it_can_be_off() -> None:
    assert scrubbed("password=hunter22", ScrubConfig(enabled=False)) == "password=hunter22"


def test_a_pattern_that_is_none_is_told() -> None:
    with pytest.raises(Rejected):
        ScrubConfig(patterns={"bad": "("})


@given(st.lists(st.text(max_size=60), max_size=8))
def test_any_texts_come_through(texts: list[str]) -> None:
    records = [LogRecord(ts_ns=1, body=text, attributes={"a": text}) for text in texts]
    Scrubber(ScrubConfig())(records)
    assert len(records) == len(texts)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_card_is_found_wherever_it_stands(before: str, after: str) -> None:
    text = scrubbed(f"{before} 4111111111111111 {after}")
    assert "4111111111111111" not in text
