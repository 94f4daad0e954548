"""`/elasticsearch/`: what clients want to know and to set up before they send anything.

Tocsin's tables are its own: templates, pipelines and policies are accepted and change nothing.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.web.api.elasticsearch_answer import VERSION, answer, elastic
from tocsin.web.body import read_body
from tocsin.web.routing import Access, Address, Addresses, Handler, get
from tocsin.web.services import services

_NAME = "tocsin"
_UUID = "dG9jc2luLWNsdXN0ZXItMQ"
_VERSION = {
    "number": VERSION,
    "build_flavor": "default",
    "build_type": "tar",
    "build_hash": "0" * 40,
    "build_date": "2025-07-29T00:00:00.000000000Z",
    "build_snapshot": False,
    "lucene_version": "9.12.2",
    "minimum_wire_compatibility_version": "7.17.0",
    "minimum_index_compatibility_version": "7.0.0",
}
_HEALTH: dict[str, object] = {
    "cluster_name": _NAME,
    "status": "green",
    "timed_out": False,
    "number_of_nodes": 1,
    "number_of_data_nodes": 1,
    "active_primary_shards": 1,
    "active_shards": 1,
    "relocating_shards": 0,
    "initializing_shards": 0,
    "unassigned_shards": 0,
    "delayed_unassigned_shards": 0,
    "number_of_pending_tasks": 0,
    "number_of_in_flight_fetch": 0,
    "task_max_waiting_in_queue_millis": 0,
    "active_shards_percent_as_number": 100.0,
}
_LICENSE = {
    "license": {
        "status": "active",
        "uid": "00000000-0000-0000-0000-000000000000",
        "type": "basic",
        "issue_date": "2025-01-01T00:00:00.000Z",
        "issue_date_in_millis": 1_735_689_600_000,
        "max_nodes": 1000,
        "max_resource_units": None,
        "issued_to": _NAME,
        "issuer": _NAME,
        "start_date_in_millis": -1,
    }
}
_INDEX: dict[str, object] = {"aliases": {}, "mappings": {}, "settings": {}}


async def _info(request: Request) -> Response:
    """Who answers here: the official clients go on only when it is an Elasticsearch."""
    return answer(
        request,
        {
            "name": _NAME,
            "cluster_name": _NAME,
            "cluster_uuid": _UUID,
            "version": _VERSION,
            "tagline": "You Know, for Search",
        },
    )


def _says(content: object) -> Handler:
    async def says(request: Request) -> Response:
        """What a cluster of one healthy node says of itself."""
        return answer(request, content)

    return elastic(says)


async def _nodes(request: Request) -> Response:
    """The one node, at the address that it was asked at."""
    host = request.headers.get("host", "localhost")
    roles = ["data", "data_content", "data_hot", "ingest", "master"]
    node = {
        "name": _NAME,
        "transport_address": host,
        "host": host.rpartition(":")[0] or host,
        "ip": "127.0.0.1",
        "version": VERSION,
        "build_flavor": "default",
        "build_type": "tar",
        "build_hash": _VERSION["build_hash"],
        "roles": roles,
        "http": {"bound_address": [host], "publish_address": host},
        "plugins": [],
        "modules": [],
    }
    counts = {"total": 1, "successful": 1, "failed": 0}
    return answer(request, {"_nodes": counts, "cluster_name": _NAME, "nodes": {_UUID: node}})


async def _acknowledge(request: Request) -> Response:
    """Accepted; Tocsin's tables stay as they are."""
    await read_body(request, services(request).config.ingest.body)
    return answer(request, {"acknowledged": True})


def _there(outer: str, inner: str) -> Handler:
    """A template, or whatever it is, that is there: its sender need not make it."""

    async def there(request: Request) -> Response:
        """Everything of this kind is there: documents of any shape are taken."""
        name = request.path_params.get("name", "")
        body: object = {"index_patterns": ["*"], "template": {}, "composed_of": []}
        if not outer:
            return answer(request, {name: body} if name else {})
        listed = [{"name": name, inner: body}] if name else []
        return answer(request, {outer: listed})

    return elastic(there)


async def _index(request: Request) -> Response:
    """Every index is there: a line of any is taken."""
    name = request.path_params["index"]
    if name.startswith("_"):
        raise Rejected(f"no handler found for uri [/{name}] and method [{request.method}]")
    return answer(request, {name: _INDEX})


async def _make_index(request: Request) -> Response:
    """Accepted: an index is the name of a source of lines, and needs no making."""
    name = request.path_params["index"]
    if name.startswith("_"):
        raise Rejected(f"no handler found for uri [/{name}] and method [{request.method}]")
    await read_body(request, services(request).config.ingest.body)
    return answer(request, {"acknowledged": True, "shards_acknowledged": True, "index": name})


async def _cat_indices(request: Request) -> Response:
    """The sources of the lines that are kept, and how many each has."""
    used = services(request)
    await used.log_writer.settle()
    sql = "SELECT source, count() AS lines FROM logs GROUP BY source ORDER BY source LIMIT 10000"
    rows = await used.store.fetch_rows(sql, None, _Source)
    listed = [_index_row(row) for row in rows]
    if request.query_params.get("format") == "json" or "json" in request.headers.get("accept", ""):
        return answer(request, listed)
    text = "".join(" ".join(row.values()) + "\n" for row in listed)
    return Response(text, 200, {"X-Elastic-Product": "Elasticsearch"}, media_type="text/plain")


class _Source(msgspec.Struct, frozen=True):
    source: str
    lines: int


def _index_row(row: _Source) -> dict[str, str]:
    return {
        "health": "green",
        "status": "open",
        "index": row.source,
        "uuid": _UUID,
        "pri": "1",
        "rep": "0",
        "docs.count": str(row.lines),
        "docs.deleted": "0",
        "store.size": "",
        "pri.store.size": "",
    }


async def _refresh(request: Request) -> Response:
    """What was taken is found from now on."""
    await read_body(request, services(request).config.ingest.body)
    await services(request).log_writer.settle()
    return answer(request, {"_shards": {"total": 1, "successful": 1, "failed": 0}})


_acknowledged = elastic(_acknowledge)
_made = ("PUT", "POST")

_TEMPLATES: tuple[tuple[str, str, str], ...] = (
    ("_index_template", "index_templates", "index_template"),
    ("_component_template", "component_templates", "component_template"),
    ("_data_stream", "data_streams", "data_stream"),
    ("_template", "", ""),
    ("_ilm/policy", "", ""),
    ("_ingest/pipeline", "", ""),
    ("_alias", "", ""),
)

ADDRESSES: Addresses = (
    # Clients that send and clients that only ask begin with this; it tells nothing of anybody's.
    get("/elasticsearch", elastic(_info), Access.PUBLIC),
    get("/elasticsearch/", elastic(_info), Access.PUBLIC),
    get("/elasticsearch/_cluster/health", _says(_HEALTH), Access.INGEST),
    get("/elasticsearch/_cluster/health/{index}", _says(_HEALTH), Access.INGEST),
    get(
        "/elasticsearch/_cluster/settings",
        _says({"persistent": {}, "transient": {}}),
        Access.INGEST,
    ),
    get("/elasticsearch/_license", _says(_LICENSE), Access.INGEST),
    get(
        "/elasticsearch/_xpack",
        _says({"license": _LICENSE["license"], "features": {}, "tagline": "You know, for X"}),
        Access.INGEST,
    ),
    get("/elasticsearch/_nodes", elastic(_nodes), Access.INGEST),
    get("/elasticsearch/_nodes/{rest:path}", elastic(_nodes), Access.INGEST),
    get("/elasticsearch/_cat/indices", elastic(_cat_indices), Access.READ),
    get("/elasticsearch/_cat/indices/{name}", elastic(_cat_indices), Access.READ),
    *(
        get(f"/elasticsearch/{path}", _there(outer, inner), Access.INGEST)
        for path, outer, inner in _TEMPLATES
    ),
    *(
        get(f"/elasticsearch/{path}/{{name}}", _there(outer, inner), Access.INGEST)
        for path, outer, inner in _TEMPLATES
    ),
    *(
        Address(f"/elasticsearch/{path}/{{name}}", _acknowledged, Access.INGEST, _made)
        for path, _, _ in _TEMPLATES
    ),
    Address("/elasticsearch/_refresh", elastic(_refresh), Access.INGEST, ("GET", "POST")),
    Address("/elasticsearch/{index}/_refresh", elastic(_refresh), Access.INGEST, ("GET", "POST")),
    Address("/elasticsearch/{index}/_settings", _acknowledged, Access.INGEST, ("PUT",)),
    Address("/elasticsearch/{index}/_mapping", _acknowledged, Access.INGEST, _made),
)

INDEX_ADDRESSES: Addresses = (
    get("/elasticsearch/{index}", elastic(_index), Access.INGEST),
    Address("/elasticsearch/{index}", elastic(_make_index), Access.INGEST, ("PUT",)),
)
"""Behind all others: an index's name could be any word."""
