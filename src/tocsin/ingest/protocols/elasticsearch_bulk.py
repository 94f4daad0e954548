"""Elasticsearch's bulk API: actions and documents, a line each.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from tocsin.ingest.logs.fields import flattened, record_of
from tocsin.kit.fault import Rejected
from tocsin.model.logs import LogRecord

_DATED = re.compile(r"[-_.]?\d{4}[-._]?\d{2}[-._]?\d{2}.*$|[-_.]\d{6}$", re.ASCII)
_ENDS = re.compile(r"^(?:logs?|\.ds-logs)[-_.]|[-_.](?:logs?|default)$")
DOCUMENT_ID = "_id"
"""The attribute that holds an id that the sender chose."""


class _Target(msgspec.Struct, frozen=True):
    index: str = msgspec.field(name="_index", default="")
    id: str | int | None = msgspec.field(name="_id", default=None)


class _Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of these; winston-elasticsearch puts an `attempts` beside it."""

    index: _Target | None = None
    create: _Target | None = None
    update: _Target | None = None
    delete: _Target | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """What one action of a request asks for, and what is to be answered about it."""

    operation: str
    index: str
    id: str
    """Empty when the sender gave none."""
    problem: str = ""
    """Why it is refused by itself: a document that is none, an operation that changes."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """A request: every item in order, and the records of those without a problem, in order too."""

    items: list[Item]
    records: list[LogRecord]
    carries_times: bool


_ACTIONS = ("index", "create", "update", "delete")
_decode_action = msgspec.json.Decoder(_Action).decode
_decode_document = msgspec.json.Decoder(dict[str, object]).decode


def decode(body: bytes, *, index: str, now_ns: int) -> Bulk:
    """Read a request; `index` is that of its path, for actions that name none.

    Raises Rejected when the lines are not actions and documents in turn, as nothing behind that
    place could be told apart.
    """
    items: list[Item] = []
    records: list[LogRecord] = []
    actions: dict[bytes, tuple[str, str, str]] = {}
    carries_times = True
    lines = body.split(b"\n")
    if lines and lines[-1].strip():
        raise Rejected("The bulk request must be terminated by a newline [\\n]")
    at, last = 0, len(lines) - 1
    while at < last:
        line = lines[at]
        at += 1
        if not line.strip():
            continue
        action = actions.get(line)
        if action is None:
            action = actions[line] = _action(line, at, index)
        operation, target, document_id = action
        if operation == "delete":
            items.append(Item(operation, target, document_id, "a log line cannot be deleted"))
            continue
        if at >= last:
            raise Rejected(f"line {at}: the action has no document behind it")
        document = lines[at]
        at += 1
        if operation == "update":
            items.append(Item(operation, target, document_id, "a log line cannot be changed"))
            continue
        record, problem = _record(document, target, document_id, now_ns)
        items.append(Item(operation, target, document_id, problem))
        if record is not None:
            carries_times = carries_times and record.ts_ns != now_ns
            records.append(record)
    return Bulk(items, records, carries_times)


def _action(line: bytes, number: int, index: str) -> tuple[str, str, str]:
    try:
        found = _decode_action(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Rejected(
            f"Malformed action/metadata line [{number}], expected one of "
            f"[create, delete, index, update]: {error}"
        ) from error
    named = [(one, given) for one in _ACTIONS if (given := getattr(found, one)) is not None]
    if len(named) != 1:
        raise Rejected(
            f"Malformed action/metadata line [{number}], expected one of "
            f"[create, delete, index, update], found {line[:100].decode('utf-8', 'replace')!r}"
        )
    operation, target = named[0]
    if not (target.index or index):
        raise Rejected(f"line {number}: index is missing; name one in the action or the path")
    return operation, target.index or index, "" if target.id is None else str(target.id)


def _record(
    document: bytes, index: str, document_id: str, now_ns: int
) -> tuple[LogRecord | None, str]:
    try:
        fields = flattened(_decode_document(document))
        text = document.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return None, f"failed to parse: {error}"
    record = record_of(fields, now_ns=now_ns, original=text)
    record.source = index
    if not record.service:
        record.service = service_of(index)
    if document_id:
        record.attributes[DOCUMENT_ID] = document_id
    return record, ""


_services: dict[str, str] = {}
_SERVICES_KEPT = 10_000


def service_of(index: str) -> str:
    """The service that an index is named after: `shop-logs-2026.11.21` is shop's."""
    known = _services.get(index)
    if known is None:
        bare = _DATED.sub("", index)
        known = _ENDS.sub("", _ENDS.sub("", bare)) or bare or index
        if len(_services) < _SERVICES_KEPT:
            _services[index] = known
    return known
