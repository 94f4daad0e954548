"""How is a message brought to a service over HTTP, and what does its answer mean?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tocsin.kit.fault import Permanent, Rejected, Temporary, TooLarge
from tocsin.kit.secret import masked
from tocsin.model import outbox
from tocsin.notify.kind import Making
from tocsin.scrape.fetch import Answer
from tocsin.scrape.http_options import HttpOptions

_SECONDS = 30.0
_LARGEST_ANSWER_BYTES = 1 << 20
_LONGEST_WAIT_SECONDS = 3600.0
_SHOWN = 300
_LONG_AS_A_SECRET = 16


def go_json(value: object) -> bytes:
    """JSON as Go's encoder writes it: compact, `<`, `>` and `&` escaped, a newline at the end."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char, escape in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        text = text.replace(char, escape)
    return (text + "\n").encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Request:
    """What a service is asked; GET sends no body. The address may be a secret."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


async def post_json(
    making: Making, url: str, options: HttpOptions, body: bytes, *, timeout: float = 0.0
) -> Answer:
    """POST; raises as `exchange`."""
    request = Request(url, body, {"Content-Type": "application/json"})
    return await exchange(making, request, options, timeout=timeout)


async def exchange(
    making: Making, request: Request, options: HttpOptions, *, timeout: float = 0.0
) -> Answer:
    """Ask, and judge the answer: 2xx is returned; 408, 429 and 5xx raise Temporary with the
    `Retry-After` that came; every other status raises Permanent. Errors never show the address,
    which is a secret of many services, beyond its host."""
    url, host = request.url, _host(request.url)
    seconds, most = timeout or _SECONDS, _LARGEST_ANSWER_BYTES
    fetcher, headers, body = making.fetcher, request.headers, request.body
    if body:
        outbox.sending(body)
    try:
        if request.method == "GET":
            answer = await fetcher.get(url, options, headers, timeout=seconds, limit_bytes=most)
        else:
            how = request.method
            answer = await fetcher.post(
                url, options, headers, body, timeout=seconds, limit_bytes=most, method=how
            )
    except TooLarge as error:
        raise Permanent(f"{host}: {error}") from error
    except Rejected as error:
        raise Permanent(str(error)) from error
    return judged(_without_address(answer, url), host, making.clock.now())


def judged(answer: Answer, host: str, now: float) -> Answer:
    """The answer when it says yes; raises Temporary or Permanent as `post_json` says."""
    outbox.answered(f"{answer.status} {answer.body[:_SHOWN].decode('utf-8', 'replace')}")
    if 200 <= answer.status < 300:
        return answer
    said = answer.body[:_SHOWN].decode("utf-8", "replace").strip()
    words = f"{host} answers status {answer.status}{f': {said}' if said else ''}"
    if answer.status in (408, 429) or answer.status >= 500:
        wait = _retry_seconds(answer.retry_after, now)
        raise Temporary(words, _told_wait(answer.body) if wait is None else wait)
    raise Permanent(words)


def _without_address(answer: Answer, url: str) -> Answer:
    """A refusal may quote the address, whose path and query are secrets of many services."""
    if answer.status < 300:
        return answer
    parts = urlsplit(url)
    pieces = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    secrets = {parts.path, *(piece for piece in pieces if len(piece) >= _LONG_AS_A_SECRET)}
    said = masked(answer.body.decode("utf-8", "replace"), secrets)
    return replace(answer, body=said.encode("utf-8", "replace"))


class _Parameters(msgspec.Struct):
    retry_after: float | None = None


class _Busy(msgspec.Struct):
    retry_after: float | None = None
    parameters: _Parameters | None = None


def _told_wait(body: bytes) -> float | None:
    """What Discord (`retry_after`) and Telegram (`parameters`) say in the body, in seconds."""
    try:
        busy = msgspec.json.decode(body, type=_Busy)
    except msgspec.MsgspecError:
        return None
    wait = busy.parameters.retry_after if busy.parameters else busy.retry_after
    return None if wait is None else min(max(0.0, wait), _LONGEST_WAIT_SECONDS)


def _retry_seconds(header: str, now: float) -> float | None:
    """RFC 9110, section 10.2.3: seconds, or a date; None when it is neither."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.fromtimestamp(now, UTC)
    return min(max(0.0, seconds.total_seconds()), _LONGEST_WAIT_SECONDS)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or "the address"


def truncated(text: str, most: int) -> str:
    """At most that many characters, the last one `…` when something was left out."""
    return text if len(text) <= most else text[: most - 1] + "…"


def truncated_bytes(text: str, most: int) -> str:
    """At most that many bytes of UTF-8, no character torn, `…` when something was left out."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return text
    return data[: most - len("…".encode())].decode("utf-8", "ignore") + "…"
