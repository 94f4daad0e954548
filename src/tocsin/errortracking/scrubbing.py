"""What must not be kept of an error? The same as of log lines, and what Sentry leaves out itself.

https://docs.sentry.io/security-legal-pii/scrubbing/server-side-scrubbing/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from tocsin.errortracking.answers import Content
from tocsin.ingest.logs.scrub import FIELD, Scrubber
from tocsin.model.errors import ErrorEvent

_GONE = f"[{FIELD}]"
_SENSITIVE = re.compile(
    r"passw|passphrase|secret|mysql_pwd|credential|bearer|(?<!_s)auth(?!or|ent)|stripetoken|"
    r"card.?number|api.?key|private.?key|access.?token|refresh.?token|csrf|xsrf|cookie|session.?id|"
    r"^(?:x-)?forwarded-for$|^x-real-ip$|^token$|^jwt$|^ssn$|^cvv$|^pin$",
    re.IGNORECASE,
)


def scrubbed(event: ErrorEvent, content: Content, scrub: Scrubber) -> tuple[ErrorEvent, Content]:
    """Both without secrets."""
    plain: dict[str, Any] = msgspec.to_builtins(content)  # Any: the same, as plain values
    own = {"value": event.value, "culprit": event.culprit, "tags": dict(event.tags)}
    both = {"content": plain, "own": own, "transaction": event.transaction}
    names = set(_names(both))
    hidden = {one for one in names if _SENSITIVE.search(one)} | scrub.secret_names(names)
    count = _hide(both, hidden)
    if count:
        scrub.note_fields(count)
    replaced = scrub.replaced(_texts(both))
    if not count and not replaced:
        return event, content
    clean = _replaced(both, replaced)
    event = msgspec.structs.replace(event, transaction=clean["transaction"], **clean["own"])
    return event, msgspec.convert(clean["content"], Content)


def _names(value: Any) -> Iterator[str]:  # Any: plain values
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _names(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _names(each)


def _hide(value: Any, names: set[str]) -> int:  # Any: plain values
    """Replace what stands under these names; how many values."""
    count = 0
    if isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, str) and name in names and each:
                value[name] = _GONE
                count += 1
            else:
                count += _hide(each, names)
    elif isinstance(value, (list, tuple)):
        count = sum(_hide(each, names) for each in value)
    return count


def _texts(value: Any) -> Iterator[str]:  # Any: plain values
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)


def _replaced(value: Any, texts: dict[str, str]) -> Any:  # Any: plain values
    if isinstance(value, str):
        return texts.get(value, value)
    if isinstance(value, dict):
        return {name: _replaced(each, texts) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replaced(each, texts) for each in value]
    return value
