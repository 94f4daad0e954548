"""A body that a person's browser sends is small and comes in time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from tocsin.kit.fault import Rejected, TooLarge
from tocsin.web.body import TooSlow
from tocsin.web.csrf import form_of, keep_body

_FORM = [(b"content-type", b"application/x-www-form-urlencoded")]


def sent(*messages: Message) -> Request:
    """A request that sends these and then nothing more."""
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return Request({"type": "http", "method": "POST", "headers": _FORM}, receive)


def part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_form_is_read_and_can_be_read_again() -> None:
    request = sent(part(b"a=1&", more=True), part(b"b=2", more=False))
    assert dict(await form_of(request)) == {"a": "1", "b": "2"}
    assert dict(await form_of(request)) == {"a": "1", "b": "2"}


async def test_a_form_that_never_ends_is_given_up() -> None:
    with pytest.raises(TooSlow, match="within"):
        await keep_body(sent(part(b"a=1", more=True)), limit_seconds=0.01)


async def test_a_sender_that_leaves_is_no_error_of_ours() -> None:
    with pytest.raises(Rejected, match="left"):
        await form_of(sent(part(b"a=1", more=True), {"type": "http.disconnect"}))


async def test_a_form_beyond_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge):
        await form_of(sent(part(bytes(1 << 20), more=True), part(b"x", more=False)))


def test_every_form_is_read_within_the_limits() -> None:
    web = Path(__file__).resolve().parents[2] / "src/tocsin/web"
    found = {path.name for path in web.rglob("*.py") if "request.form()" in path.read_text()}
    assert found == {"csrf.py"}
