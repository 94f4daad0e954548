"""Where do Elasticsearch's clients search log lines? `/elasticsearch/_search` and more."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, Rejected, Temporary
from tocsin.query.elastic import caps, option
from tocsin.query.elastic.faults import ElasticFault, illegal, parsing
from tocsin.query.elastic.search import ElasticSearch
from tocsin.store.errors import QueryTimeout, QueryTooLarge
from tocsin.web.api.elasticsearch_answer import answer, refuse
from tocsin.web.body import read_body, status_of
from tocsin.web.routing import Access, Address, Addresses, Handler
from tocsin.web.services import services

Json = dict[str, Any]  # a client's request
_BOTH = ("GET", "POST")
_MOST_SEARCHES = 100
_OF_URL = ("size", "from", "track_total_hits", "sort", "_source", "search_after")


def _asked(request: Request) -> ElasticSearch:
    used = services(request)
    return ElasticSearch(used.log_search, used.clock)


def _index(request: Request) -> str:
    return str(request.path_params.get("index", ""))


async def _body(request: Request) -> Json:
    raw = await read_body(request, services(request).config.ingest.body)
    return _decoded(raw) if raw.strip() else {}


def _decoded(raw: bytes) -> Json:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ElasticFault("x_content_parse_exception", f"[1:1] {error}") from error


def _with_url(request: Request, body: Json) -> Json:
    """The request with what its URL says: `q`, `size`, `sort` and the like."""
    params = request.query_params
    found = dict(body)
    if text := params.get("q"):
        asked: Json = {"query": text, "default_operator": params.get("default_operator", "OR")}
        if field := params.get("df"):
            asked["default_field"] = field
        found["query"] = {"query_string": asked}
    for name in _OF_URL:
        if name in params:
            value = params[name]
            found[name] = value.split(",") if name in ("sort", "search_after") else value
    if (total := params.get("track_total_hits", "")).isdecimal():
        found["track_total_hits"] = int(total)
    return found


async def search(request: Request) -> Response:
    """Lines and aggregations, as `_search` gives them."""
    body = _with_url(request, await _body(request))
    index, with_tie = _index(request), False
    pit = option.inner(body["pit"], "pit") if body.get("pit") is not None else None
    if pit is not None:
        index, with_tie = str(_token(pit.get("id")).get("index", "")), True
    if "scroll" in request.query_params:
        return answer(request, await _scrolled(request, body, index))
    found = await _asked(request).search(body, index, with_tie=with_tie)
    if pit is not None:
        found["pit_id"] = pit.get("id")
    return answer(request, found)


async def count(request: Request) -> Response:
    """How many lines a query matches."""
    body = _with_url(request, await _body(request))
    body = {name: value for name, value in body.items() if name == "query"}
    return answer(request, await _asked(request).count(body, _index(request)))


async def msearch(request: Request) -> Response:
    """Several searches in one request, a header and a body a line each."""
    raw = await read_body(request, services(request).config.ingest.body)
    lines = [line for line in raw.split(b"\n") if line.strip()]
    if len(lines) % 2:
        raise parsing("The msearch request must have a body behind each header")
    if len(lines) > 2 * _MOST_SEARCHES:
        raise illegal(f"more than {_MOST_SEARCHES} searches in one request")
    responses = [
        await _one_of_many(request, _decoded(head), _decoded(body))
        for head, body in zip(lines[::2], lines[1::2], strict=True)
    ]
    took = sum(int(one.get("took", 0)) for one in responses)
    return answer(request, {"took": took, "responses": responses})


async def _one_of_many(request: Request, head: Json, body: Json) -> Json:
    named = head.get("index", _index(request))
    index = ",".join(map(str, named)) if isinstance(named, list) else str(named or "")
    try:
        return {**await _asked(request).search(body, index), "status": 200}
    except Rejected as fault:
        return _told(_in_its_words(fault))


async def field_caps(request: Request) -> Response:
    """Which fields lines have, and of which kind."""
    found = await caps.field_caps(services(request).log_search, _index(request))
    wanted = request.query_params.get("fields", "*").split(",")
    return answer(request, caps.chosen(found, wanted, _index(request)))


async def mapping(request: Request) -> Response:
    """The fields of an index as its mapping."""
    index = _index(request) or "*"
    search = services(request).log_search
    await _asked(request).check_index(index)
    found = await caps.mappings(search, index)
    return answer(request, found)


async def scroll(request: Request) -> Response:
    """The next page of a scroll."""
    body = await _body(request)
    token = _token(body.get("scroll_id", request.query_params.get("scroll_id")))
    asked = dict(option.inner(token.get("body"), "scroll_id"))
    found = await _scrolled(request, asked, str(token.get("index", "")))
    return answer(request, found)


async def _scrolled(request: Request, body: Json, index: str) -> Json:
    """A page, with what the next one begins behind in its id: nothing is kept here."""
    found = await _asked(request).search(body, index, with_tie=True)
    hits = found["hits"]["hits"]
    rest = dict(body)
    rest.pop("from", None)
    rest.pop("aggs", None)
    rest.pop("aggregations", None)
    if hits:
        rest["search_after"] = hits[-1]["sort"]
    found["_scroll_id"] = _as_token({"body": rest, "index": index})
    return found


async def end_scroll(request: Request) -> Response:
    """A scroll holds nothing, so ending one always succeeds."""
    return answer(request, {"succeeded": True, "num_freed": 1})


async def open_pit(request: Request) -> Response:
    """A point in time: lines are never changed, so it only names the index."""
    await _asked(request).check_index(_index(request))
    return answer(request, {"id": _as_token({"index": _index(request)})})


def _as_token(content: Json) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode()


def _token(text: object) -> Json:
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(str(text)), type=dict[str, Any])
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise illegal("Cannot parse scroll id or point in time") from error
    return found


def _in_its_words(fault: Rejected) -> ElasticFault:
    if isinstance(fault, ElasticFault):
        return fault
    if isinstance(fault, QueryTimeout | QueryTooLarge):
        return ElasticFault("search_timeout", str(fault))
    status = status_of(fault)
    kind = "query_shard_exception" if status == 400 else "illegal_argument_exception"
    return ElasticFault(kind, str(fault), status)


def _told(fault: ElasticFault) -> Json:
    cause: Json = {"type": fault.kind, "reason": str(fault)}
    if fault.kind == "index_not_found_exception":
        name = str(fault).partition("[")[2].removesuffix("]")
        cause |= {"resource.type": "index_or_alias", "resource.id": name, "index": name}
    error: Json = {"root_cause": [cause], **cause}
    if fault.kind in _OF_SHARDS:
        error = {
            "root_cause": [cause],
            "type": "search_phase_execution_exception",
            "reason": "all shards failed",
            "phase": "query",
            "grouped": True,
            "failed_shards": [{"shard": 0, "index": "logs", "reason": cause}],
        }
    return {"error": error, "status": fault.status}


_OF_SHARDS = ("query_shard_exception", "parse_exception", "aggregation_execution_exception")


def _elastic(handler: Handler) -> Handler:
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Rejected as fault:
            wrong = _in_its_words(fault)
            if wrong.status == 404 and _is_lenient(request):
                empty: Json = {"total": {"value": 0, "relation": "eq"}, "max_score": None}
                return answer(request, {"took": 0, "timed_out": False, "count": 0,
                                        "hits": {**empty, "hits": []}})  # fmt: skip
            return answer(request, _told(wrong), wrong.status)
        except Temporary as fault:
            return refuse(request, fault, 429)
        except Fault as fault:
            return refuse(request, fault, status_of(fault))

    answered.__name__ = getattr(handler, "__name__", "answered")
    answered.__doc__ = handler.__doc__
    return answered


def _is_lenient(request: Request) -> bool:
    return request.query_params.get("ignore_unavailable") in ("true", "")


def _at(path: str, handler: Handler, methods: tuple[str, ...] = _BOTH) -> Address:
    return Address(f"/elasticsearch{path}", _elastic(handler), Access.READ, methods)


ADDRESSES: Addresses = (
    _at("/_search", search),
    _at("/_count", count),
    _at("/_msearch", msearch),
    _at("/_field_caps", field_caps),
    _at("/_mapping", mapping, ("GET",)),
    _at("/_search/scroll", scroll),
    _at("/_search/scroll", end_scroll, ("DELETE",)),
    _at("/_pit", end_scroll, ("DELETE",)),
    _at("/{index}/_search", search),
    _at("/{index}/_count", count),
    _at("/{index}/_msearch", msearch),
    _at("/{index}/_field_caps", field_caps),
    _at("/{index}/_mapping", mapping, ("GET",)),
    _at("/{index}/_pit", open_pit, ("POST",)),
)
