"""What must not be kept of an error? As of log lines, and what Sentry leaves out itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tocsin.errortracking.answers import Content
from tocsin.errortracking.secret_names import GONE, is_secret, without_secrets
from tocsin.ingest.logs.scrub import Scrubber
from tocsin.model.errors import ErrorEvent


def scrubbed(event: ErrorEvent, content: Content, scrub: Scrubber) -> tuple[ErrorEvent, Content]:
    """Both without secrets."""
    plain: dict[str, Any] = msgspec.to_builtins(content)  # Any: the same, as plain values
    own = {"value": event.value, "culprit": event.culprit, "tags": dict(event.tags)}
    both = {"content": plain, "own": own, "transaction": event.transaction}
    names = set(_names(both))
    hidden = {one for one in names if is_secret(one)} | scrub.secret_names(names)
    count = _hide(both, hidden)
    if count:
        scrub.note_fields(count)
    bare = {one: without_secrets(one) for one in set(_texts(both))}
    scrubbed = scrub.replaced(bare.values())
    replaced = {
        one: kept for one, each in bare.items() if (kept := scrubbed.get(each, each)) != one
    }
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
                value[name] = GONE
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
