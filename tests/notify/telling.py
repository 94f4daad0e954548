"""One sender, a server that plays its service, and what it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from tests.notify.making import made, making, notice
from tests.notify.servers import Seen, Taken, http_receiver
from tocsin.kit.clock import FakeClock
from tocsin.model.notices import Notice

Answer = tuple[int, dict[str, str], bytes]


async def told(
    kind: str,
    text: str,
    *,
    about: Notice | None = None,
    shared: str = "",
    answers: list[Answer] | None = None,
    by_path: Mapping[str, bytes] | None = None,
) -> list[Seen]:
    """Every request that one message became; `URL` in the texts is the server's address."""
    with http_receiver() as taken:
        taken.answers = answers or taken.answers
        taken.by_path = dict(by_path or {})
        await tell(taken, kind, text, about=about, shared=shared)
        return taken.seen


async def tell(
    taken: Taken, kind: str, text: str, *, about: Notice | None = None, shared: str = ""
) -> None:
    """Send once; raises as the sender."""
    base = making(FakeClock(), shared.replace("URL", taken.url))
    try:
        sender = made(kind, text.replace("URL", taken.url), base).sender
        await sender.send(about or notice())
    finally:
        await base.fetcher.close()


def body(seen: Seen) -> object:
    """JSON as a value, to be compared whole."""
    return json.loads(seen.body)


def form(seen: Seen) -> dict[str, str]:
    """The fields of a form."""
    assert seen.headers["content-type"].startswith("application/x-www-form-urlencoded")
    return dict(parse_qsl(seen.body.decode(), keep_blank_values=True, strict_parsing=True))
