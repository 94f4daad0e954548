"""How is a JSON message posted to a service, and what does its answer mean?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from tocsin.kit.fault import Permanent, Rejected, Temporary, TooLarge
from tocsin.model import outbox
from tocsin.notify.kind import Making
from tocsin.scrape.fetch import Answer
from tocsin.scrape.http_options import HttpOptions

_SECONDS = 30.0
_LARGEST_ANSWER_BYTES = 1 << 20
_LONGEST_WAIT_SECONDS = 3600.0
_SHOWN = 300


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


async def post_json(
    making: Making, url: str, options: HttpOptions, body: bytes, *, timeout: float = 0.0
) -> Answer:
    """POST, and judge the answer: 2xx is returned; 408, 429 and 5xx raise Temporary with the
    `Retry-After` that came; every other status raises Permanent. Errors never show the address,
    which is a secret of many services, beyond its host."""
    outbox.sending(body)
    try:
        answer = await making.fetcher.post(
            url,
            options,
            {"Content-Type": "application/json"},
            body,
            timeout=timeout or _SECONDS,
            limit_bytes=_LARGEST_ANSWER_BYTES,
        )
    except TooLarge as error:
        raise Permanent(f"{_host(url)}: {error}") from error
    except Rejected as error:
        raise Permanent(str(error)) from error
    return judged(answer, _host(url), making.clock.now())


def judged(answer: Answer, host: str, now: float) -> Answer:
    """The answer when it says yes; raises Temporary or Permanent as `post_json` says."""
    outbox.answered(f"{answer.status} {answer.body[:_SHOWN].decode('utf-8', 'replace')}")
    if 200 <= answer.status < 300:
        return answer
    said = answer.body[:_SHOWN].decode("utf-8", "replace").strip()
    words = f"{host} answers status {answer.status}{f': {said}' if said else ''}"
    if answer.status in (408, 429) or answer.status >= 500:
        raise Temporary(words, _retry_seconds(answer.retry_after, now))
    raise Permanent(words)


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
