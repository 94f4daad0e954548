"""Elasticsearch's bulk API: actions and documents, a line each.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import attrgetter
from typing import NamedTuple

import msgspec

from tocsin.ingest.logs.documents import read
from tocsin.kit.fault import Rejected, TooLarge
from tocsin.model.logs import LogRecord

_DATED = re.compile(r"[-_.]?\d{4}[-._]?\d{2}[-._]?\d{2}.*$|[-_.]\d{4}[-._]?\d{2}$", re.ASCII)
_ENDS = re.compile(r"^(?:logs?|\.ds-logs)[-_.]|[-_.](?:logs?|default)$")
DOCUMENT_ID = "_id"
"""The attribute that holds an id that the sender chose."""


class _Target(msgspec.Struct, frozen=True):
    index: str = msgspec.field(name="_index", default="")
    id: str | int | None = msgspec.field(name="_id", default=None)


class _Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of these; winston-elasticsearch puts an `attempts` beside it, and sends what was kept
    again, together with new lines, when any of a request was refused."""

    index: _Target | None = None
    create: _Target | None = None
    update: _Target | None = None
    delete: _Target | None = None
    attempts: int | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
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
    names: list[int]
    """Of each record that may come again in another request, 0 for the others."""


_MOST_LINES = 1_000_000
_LOOKED_AT, _FEW_ACTIONS = 200, 20
_TIME = attrgetter("ts_ns")
_ACTIONS = ("index", "create", "update", "delete")
_decode_action = msgspec.json.Decoder(_Action).decode


def decode(body: bytes, *, index: str, now_ns: int) -> Bulk:
    """Read a request; `index` is that of its path, for actions that name none.

    Raises Rejected when the lines are not actions and documents in turn, as nothing behind that
    place could be told apart.
    """
    if body.count(b"\n") > _MOST_LINES:
        raise TooLarge(f"the request has more than {_MOST_LINES} lines; send smaller batches")
    actions, documents = _asked(body, index)
    items = [action.item for action in actions]
    if any(item.problem for item in items):
        wanted = [place for place, item in enumerate(items) if not item.problem]
        actions = [actions[place] for place in wanted]
        documents = [documents[place] for place in wanted]
    else:
        wanted = list(range(len(items)))
    found = read(documents, now_ns=now_ns)
    if found.problems:
        for number, problem in found.problems.items():
            items[wanted[number]] = msgspec.structs.replace(items[wanted[number]], problem=problem)
        left = [number for number in range(len(wanted)) if number not in found.problems]
        actions = [actions[number] for number in left]
        documents = [documents[number] for number in left]
    records = found.records
    for record, action in zip(records, actions, strict=True):
        _complete(record, action.item)
    carries_times = now_ns not in map(_TIME, records)
    return Bulk(items, records, carries_times, _names(actions, documents))


def _asked(body: bytes, index: str) -> tuple[list[_Understood], list[bytes]]:
    """The actions of a request, and the document of each; a deletion's is empty."""
    lines = body.split(b"\n")
    if lines[-1].strip():
        raise Rejected("The bulk request must be terminated by a newline [\\n]")
    return _in_turn(lines, index) or _one_by_one(lines, index)


def _in_turn(lines: list[bytes], index: str) -> tuple[list[_Understood], list[bytes]] | None:
    """What is asked by few actions, each with a document in the next line, as most requests are;
    None of any other."""
    heads = lines[:-1:2]
    if len(lines) % 2 == 0 or len(set(heads[:_LOOKED_AT])) > _FEW_ACTIONS:
        return None
    known: dict[bytes, _Understood] = {}
    for head in set(heads):
        try:
            action = known[head] = _action(head, 0, index)
        except Rejected:
            return None  # looking at one line after the other tells in which one it is
        if not action.has_document:
            return None
    return [known[head] for head in heads], lines[1::2]


def _one_by_one(lines: list[bytes], index: str) -> tuple[list[_Understood], list[bytes]]:
    known: dict[bytes, _Understood] = {}
    actions: list[_Understood] = []
    documents: list[bytes] = []
    at, last = 0, len(lines) - 1
    while at < last:
        line = lines[at]
        at += 1
        action = known.get(line)
        if action is None:
            if not line.strip():
                continue
            action = known[line] = _action(line, at, index)
        actions.append(action)
        if not action.has_document:
            documents.append(b"")
            continue
        if at >= last:
            raise Rejected(f"line {at}: the action has no document behind it")
        documents.append(lines[at])
        at += 1
    return actions, documents


def decode_document(
    body: bytes, *, index: str, document_id: str, now_ns: int
) -> tuple[LogRecord, int]:
    """The record of one document, and its name if it has an id. Raises Rejected when it is none."""
    found = read([body], now_ns=now_ns)
    if found.problems:
        raise Rejected(found.problems[0])
    (record,) = found.records
    action = _Understood(Item("index", index, document_id), has_document=True, comes_again=False)
    _complete(record, action.item)
    return record, _names([action], [b""])[0]


class _Understood(NamedTuple):
    """What an action line asks for: an item of its own, or shared by those of the same line."""

    item: Item
    has_document: bool
    comes_again: bool
    """Whether the sender may send the document again by itself."""


_IMPOSSIBLE = {
    "delete": "a log line cannot be deleted",
    "update": "a log line cannot be changed",
}


def _names(actions: Sequence[_Understood], documents: Sequence[bytes]) -> list[int]:
    """What names lines: their sender's id, else their content and how often it came before; 0 for
    those that do not come again."""
    if not any(action.item.id or action.comes_again for action in _distinct(actions)):
        return [0] * len(actions)
    found: list[int] = []
    times: dict[int, int] = {}
    for (item, _, comes_again), document in zip(actions, documents, strict=True):
        if not item.id and not comes_again:
            found.append(0)
            continue
        digest = blake2b(item.index.encode("utf-8", "replace"), digest_size=7)
        digest.update(b"\0id" + item.id.encode("utf-8", "replace") if item.id else document)
        name = int.from_bytes(digest.digest(), "little")
        before = 0 if item.id else times.get(name, 0)
        times[name] = before + 1
        found.append(name << 8 | min(before, 254) + 1)
    return found


def _distinct(actions: Sequence[_Understood]) -> Iterable[_Understood]:
    return dict(zip(map(id, actions), actions, strict=True)).values()


def _action(line: bytes, number: int, index: str) -> _Understood:
    try:
        found = _decode_action(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
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
    document_id = "" if target.id is None else str(target.id)
    item = Item(operation, target.index or index, document_id, _IMPOSSIBLE.get(operation, ""))
    return _Understood(item, operation != "delete", found.attempts is not None)


def _complete(record: LogRecord, item: Item) -> None:
    """What the index and the id tell of a line."""
    record.source = item.index
    if not record.service:
        record.service = service_of(item.index)
    if item.id:
        record.attributes[DOCUMENT_ID] = item.id


_services: dict[str, str] = {}
_SERVICES_KEPT = 10_000
_LONGEST_INDEX = 255
"""Bytes of a name that Elasticsearch itself takes."""


def service_of(index: str) -> str:
    """The service that an index is named after: `shop-logs-2026.11.21` is shop's."""
    known = _services.get(index)
    if known is None:
        bare = _DATED.sub("", index)
        known = _ENDS.sub("", _ENDS.sub("", bare)) or bare or index
        if len(_services) < _SERVICES_KEPT and len(index) <= _LONGEST_INDEX:
            _services[index] = known
    return known
