"""`/elasticsearch/`: documents come in as lines, in bulk and one by one.

https://www.elastic.co/docs/api/doc/elasticsearch/group/endpoint-document
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest.logs.intake import Taken, key_of
from tocsin.ingest.protocols import elasticsearch_bulk
from tocsin.ingest.protocols.elasticsearch_bulk import DOCUMENT_ID, Bulk, Item
from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.model.logs import level_name, line_id
from tocsin.query.logs.ast import All, Compare, Field
from tocsin.query.logs.search import Line, Span
from tocsin.web.api.elasticsearch_answer import answer, elastic, error, refuse
from tocsin.web.body import read_body, sender_of, status_of
from tocsin.web.routing import Access, Address, Addresses, Handler, get, post
from tocsin.web.services import services

_PROTOCOL = "elasticsearch"
_PAUSE_SECONDS = 1.0
"""winston-elasticsearch repeats a refused request at once: it is answered a little later."""
_SHARDS = {"total": 1, "successful": 1, "failed": 0}
_TIME = attrgetter("ts_ns")
_ENDS_KEPT = 16_000
_LATEST_NS = 9_223_372_036_000_000_000


async def _bulk(request: Request) -> Response:
    """Index and create actions become lines; each has a result of its own."""
    used = services(request)
    body = await read_body(request, used.config.ingest.body)
    index = request.path_params.get("index", "")
    began, now_ns = used.clock.monotonic(), used.logs.now_ns()

    def decoded() -> tuple[Bulk, int]:
        bulk = elasticsearch_bulk.decode(body, index=index, now_ns=now_ns)
        return bulk, key_of(body, carries_times=bulk.carries_times, now_ns=now_ns, place=index)

    bulk, key = await used.logs.decoded(decoded, len(body))
    taken = await used.logs.take(
        bulk.records,
        protocol=_PROTOCOL,
        key=key,
        names=bulk.names,
        sender=sender_of(request),
        partly=True,
    )
    took_ms = round((used.clock.monotonic() - began) * 1000)
    wanted = request.query_params.get("filter_path", "")
    is_well = not (taken.refused or taken.later or _problems(bulk))
    if wanted.replace(" ", "") in _ERRORS_ALONE and is_well:
        return answer(request, b'{"errors":false}' if "errors" in wanted else b"{}")
    is_wrong = False
    if is_well and not (taken.repeated or taken.dropped):
        items = _created(bulk, taken)
    else:
        results = _results(bulk, taken)
        is_wrong = any(status >= 400 for status, _ in results)
        items = [text for _, text in results]
    head = f'{{"errors":{"true" if is_wrong else "false"},"took":{took_ms},"items":['
    return answer(request, f"{head}{','.join(items)}]}}".encode())


_ERRORS_ALONE = ("errors", "items.*.error", "errors,items.*.error")


_SHARED = (
    ',"_version":1,"result":"{}","_shards":{{"total":1,"successful":1,"failed":0}},'
    '"_primary_term":1,"status":{},"_seq_no":'
)
_CREATED, _UPDATED = _SHARED.format("created", 201), _SHARED.format("updated", 200)
_DROPPED = _SHARED.format("noop", 200)
"""As Elasticsearch answers of a document that a pipeline of its own dropped."""


def _problems(bulk: Bulk) -> bool:
    return len(bulk.items) != len(bulk.records)


def _results(bulk: Bulk, taken: Taken) -> list[tuple[int, str]]:
    """The status and the JSON of each item, in order."""
    found: list[tuple[int, str]] = []
    heads: dict[tuple[str, str], str] = {}
    place = 0
    for item in bulk.items:
        if item.problem:
            kind = "document_parsing_exception" if _is_write(item) else "illegal_argument_exception"
            found.append(_failed(item, 400, kind, item.problem))
            continue
        here, place = place, place + 1
        if failure := _failure(item, here, taken):
            found.append(failure)
            continue
        head = heads.get((item.operation, item.index))
        if head is None:
            head = f'{{"{item.operation}":{{"_index":{_quoted(item.index)},"_id":'
            heads[item.operation, item.index] = head
        own = line_id(bulk.records[here].ts_ns, taken.key, here)
        name = _quoted(item.id) if item.id else f'"{own}"'
        status, told = 201, _CREATED
        if item.id and here in taken.repeated:
            status, told = 200, _UPDATED
        elif here in taken.dropped:
            status, told = 200, _DROPPED
        found.append((status, f"{head}{name}{told}{here}}}}}"))
    return found


def _failure(item: Item, place: int, taken: Taken) -> tuple[int, str] | None:
    """Why the line at that place was not kept, as an item's result."""
    if place in taken.refused:
        return _failed(item, 400, "illegal_argument_exception", taken.refused[place])
    if place in taken.later:
        return _failed(item, 429, "es_rejected_execution_exception", taken.later[place])
    if item.id and place in taken.repeated and item.operation == "create":
        reason = f"[{item.id}]: version conflict, document already exists (current version [1])"
        return _failed(item, 409, "version_conflict_engine_exception", reason)
    return None


def _created(bulk: Bulk, taken: Taken) -> list[str]:
    """The JSON of each item of a request whose lines were all kept, as nearly always."""
    found: list[str] = []
    last, head = None, ""
    own = f"-{taken.key}-"
    ends = _ends(len(bulk.items))
    for item, at, end in zip(bulk.items, map(_TIME, bulk.records), ends, strict=False):
        if item is not last:
            last, head = item, f'{{"{item.operation}":{{"_index":{_quoted(item.index)},"_id":"'
        if not item.id:
            found.append(f"{head}{at}{own}{end}")
        else:
            number = len(found)
            found.append(f"{head[:-1]}{_quoted(item.id)}{_CREATED}{number}}}}}")
    return found


def _ends(count: int) -> Iterable[str]:
    """What so many items, or more, end in: a line's number, and what is the same for all."""
    if count > _ENDS_KEPT:
        return map(_end, range(count))
    return _kept_ends(1 << count.bit_length())


@cache
def _kept_ends(count: int) -> tuple[str, ...]:
    """For requests of a usual size, as making them costs as much as all else of an answer."""
    return tuple(map(_end, range(count)))


def _end(number: int) -> str:
    return f'{number}"{_CREATED}{number}}}}}'


def _is_write(item: Item) -> bool:
    return item.operation in ("index", "create")


def _quoted(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return msgspec.json.encode(text.encode("utf-8", "replace").decode()).decode()


def _failed(item: Item, status: int, kind: str, reason: str) -> tuple[int, str]:
    content = {
        item.operation: {
            "_index": item.index,
            "_id": item.id or None,
            "status": status,
            "error": {"type": kind, "reason": reason},
        }
    }
    return status, msgspec.json.encode(content).decode()


def _document(operation: str) -> Handler:
    async def document(request: Request) -> Response:
        """One document becomes one line."""
        used = services(request)
        body = await read_body(request, used.config.ingest.body)
        index, now_ns = request.path_params["index"], used.logs.now_ns()
        document_id = request.path_params.get("id", "")
        record, name = elasticsearch_bulk.decode_document(
            body, index=_checked(index), document_id=document_id, now_ns=now_ns
        )
        key = key_of(
            body,
            carries_times=record.ts_ns != now_ns,
            now_ns=now_ns,
            place=f"{index}/{document_id}",
        )
        taken = await used.logs.take(
            [record], protocol=_PROTOCOL, key=key, names=[name], sender=sender_of(request)
        )
        if taken.refused:
            raise Rejected(taken.refused[0])
        if taken.repeated and (operation == "create" or _asks_to_create(request)):
            reason = f"[{document_id}]: version conflict, document already exists"
            return error(request, 409, "version_conflict_engine_exception", reason)
        content = {
            "_index": index,
            "_id": document_id or line_id(record.ts_ns, key, 0),
            "_version": 1,
            "result": "updated" if taken.repeated else "created",
            "_shards": _SHARDS,
            "_seq_no": 0,
            "_primary_term": 1,
        }
        return answer(request, content, 200 if taken.repeated else 201)

    return _slowly(document)


def _asks_to_create(request: Request) -> bool:
    return request.query_params.get("op_type") == "create"


def _checked(index: str) -> str:
    if (
        not index
        or index.startswith(("_", "-", "+"))
        or any(one in index for one in '\\/*?"<>| ,#')
    ):
        raise Rejected(f"Invalid index name [{index[:100]}]")
    return index


async def _one(request: Request) -> Response:
    """A line by the id that its sender gave it, or by the one that was answered."""
    index, document_id = request.path_params["index"], request.path_params["id"]
    line = await _found(request, index, document_id)
    if line is None:
        missing = {"_index": index, "_id": document_id, "found": False}
        return answer(request, missing, 404)
    content: dict[str, object] = {
        "_index": line.source or index,
        "_id": document_id,
        "_version": 1,
        "_seq_no": line.number,
        "_primary_term": 1,
        "found": True,
    }
    if request.query_params.get("_source") != "false":
        content["_source"] = source_of(line)
    return answer(request, content)


async def _source(request: Request) -> Response:
    """A line's document alone."""
    index, document_id = request.path_params["index"], request.path_params["id"]
    line = await _found(request, index, document_id)
    if line is None:
        raise NotFound(f"Document not found [{index}]/[{document_id}]")
    return answer(request, source_of(line))


async def _found(request: Request, index: str, document_id: str) -> Line | None:
    search = services(request).log_search
    wanted = All(
        (
            Field("source", Compare.EXACT, index),
            Field(DOCUMENT_ID, Compare.EXACT, document_id),
        )
    )
    found = await search.lines(wanted, Span(0, _LATEST_NS), 1)
    if found:
        return found[0]
    try:
        return await search.line(document_id)
    except NotFound:
        return None


def source_of(line: Line) -> object:
    """The document that a line came as; for other lines one of its parts."""
    for text in (line.original, line.body):
        if text.startswith("{") and text.endswith("}"):
            try:
                return msgspec.json.decode(text, type=dict[str, object])
            except (msgspec.MsgspecError, RecursionError):
                continue
    named = {
        "service": {"name": line.service} if line.service else None,
        "host": {"name": line.host} if line.host else None,
        "log": {"level": level_name(line.level)} if line.level else None,
        "severity": line.severity or None,
        "trace_id": line.trace_id or None,
        "span_id": line.span_id or None,
    }
    stamp = f"{_seconds(line.ts_ns)}.{line.ts_ns % 1_000_000_000:09d}Z"
    found: dict[str, object] = {"@timestamp": stamp, "message": line.body}
    found.update((name, value) for name, value in named.items() if value is not None)
    return found | dict(line.attributes)


def _seconds(ts_ns: int) -> str:
    at = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def _slowly(handler: Callable[[Request], Awaitable[Response]]) -> Handler:
    """As `elastic`, with a pause before what is to be tried again."""

    async def slowly(request: Request) -> Response:
        try:
            return await handler(request)
        except Fault as fault:
            response = refuse(request, fault, status_of(fault))
            if response.status_code == 429:
                await services(request).clock.sleep(_PAUSE_SECONDS)
            return response

    slowly.__doc__ = handler.__doc__
    return slowly


_bulks = _slowly(_bulk)
_index, _create = _document("index"), _document("create")

ADDRESSES: Addresses = (
    Address("/elasticsearch/_bulk", _bulks, Access.INGEST, ("POST", "PUT")),
    Address("/elasticsearch/{index}/_bulk", _bulks, Access.INGEST, ("POST", "PUT")),
    Address("/elasticsearch/{index}/_create/{id}", _create, Access.INGEST, ("POST", "PUT")),
    post("/elasticsearch/{index}/_doc", _index, Access.INGEST),
    Address("/elasticsearch/{index}/_doc/{id}", _index, Access.INGEST, ("POST", "PUT")),
    get("/elasticsearch/{index}/_doc/{id}", elastic(_one), Access.READ),
    get("/elasticsearch/{index}/_source/{id}", elastic(_source), Access.READ),
)
