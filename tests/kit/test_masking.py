from __future__ import annotations

import asyncio

import pytest

from tocsin.kit.secret import Secret, masked
from tocsin.model import outbox


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token abcdef/1 is wrong", "token <secret> is wrong"),
        ("https://x/abcdef%2F1/y", "https://x/<secret>/y"),
        ('{"routing_key": "other"}', '{"routing_key": "<secret>"}'),
        ('{"user": "anna"}', '{"user": "anna"}'),
    ],
)
def test_a_secret_is_hidden_in_each_of_its_forms(text: str, shown: str) -> None:
    assert masked(text, {"abcdef/1"}) == shown


async def test_what_is_revealed_while_sending_is_hidden_in_the_record_from_threads_too() -> None:
    secret = Secret("open sesame")

    def work() -> None:
        outbox.sending(f"say {secret.reveal()}")

    with outbox.watch() as noted:
        await asyncio.to_thread(work)
        outbox.answered(b"who says open sesame?")
    assert noted.body == "say <secret>"
    assert noted.answer == "who says <secret>?"
    outbox.sending("nobody watches")


def test_long_messages_are_cut_and_say_so() -> None:
    with outbox.watch() as noted:
        outbox.sending("x" * 70_000)
    assert noted.body.endswith("and 4464 more characters")
