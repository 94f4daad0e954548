"""How does Elasticsearch answer? Its headers, its errors, and `filter_path`.

https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, NotFound, Rejected, Temporary, TooLarge
from tocsin.web.body import answering, retry_headers
from tocsin.web.routing import Handler

VERSION = "8.19.0"
"""What the official clients are told: they want to know an Elasticsearch of their own age."""
PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
_COMPATIBLE = re.compile(r"application/vnd\.elasticsearch\+\w+;\s*compatible-with=(\d)")
_TYPES = {
    400: "illegal_argument_exception",
    404: "resource_not_found_exception",
    413: "content_too_large_exception",
    429: "es_rejected_execution_exception",
    503: "unavailable_exception",
}


def answer(request: Request, content: object, status: int = 200) -> Response:
    """A JSON answer as the caller asked for it; `content` may be encoded already."""
    wanted = request.query_params.get("filter_path", "")
    if wanted:
        plain = msgspec.json.decode(content) if isinstance(content, bytes) else content
        content = filtered(plain, wanted.split(","))
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    found = _COMPATIBLE.search(request.headers.get("accept", ""))
    media = "application/json"
    if found:
        media = f"application/vnd.elasticsearch+json;compatible-with={found[1]}"
    return Response(body, status, PRODUCT, media_type=media)


def error(request: Request, status: int, kind: str, reason: str) -> Response:
    """An error in Elasticsearch's words."""
    cause = {"type": kind, "reason": reason}
    content = {"error": {"root_cause": [cause], **cause}, "status": status}
    return answer(request, content, status)


def refuse(request: Request, fault: Fault, _status: int) -> Response:
    """A fault: what may be tried again is 429 there, which its clients wait for."""
    match fault:
        case TooLarge():
            status = 413
        case NotFound():
            status = 404
        case Rejected():
            status = 400
        case Temporary():
            status = 429
        case _:
            status = 500
    response = error(request, status, _TYPES.get(status, "exception"), str(fault))
    response.headers.update(retry_headers(fault))
    return response


def elastic(handler: Handler) -> Handler:
    """The handler, with its faults in Elasticsearch's words."""
    return answering(handler, refuse)


def filtered(content: object, paths: Iterable[str]) -> object:
    """The parts of an answer that `filter_path` names: dotted, with `*`, `**`, and `-` to leave
    out. What is left of lists are the entries that have any of them."""
    stripped = [path.strip() for path in paths if path.strip()]
    out = [path[1:].split(".") for path in stripped if path.startswith("-")]
    kept = [path.split(".") for path in stripped if not path.startswith("-")]
    for path in out:
        content = _without(content, path)
    if kept:
        content = _kept(content, kept)
    return {} if content is None else content


def _kept(content: object, paths: list[list[str]]) -> object:
    """None when nothing is left."""
    if any(not path or path == ["**"] for path in paths):
        return content
    if isinstance(content, list):
        parts = [part for one in content if (part := _kept(one, paths)) is not None]
        return parts or None
    if not isinstance(content, Mapping):
        return None
    found = {}
    for name, value in content.items():
        below = _below(paths, str(name))
        part = _kept(value, below) if below else None
        if part is not None:
            found[name] = part
    return found or None


def _below(paths: list[list[str]], name: str) -> list[list[str]]:
    """What remains of the paths behind a field of that name."""
    found: list[list[str]] = []
    for first, *rest in paths:
        if first == "**":
            found.append([first, *rest])
            if rest and fnmatchcase(name, rest[0]):
                found.append(rest[1:])
        elif fnmatchcase(name, first):
            found.append(rest)
    return found


def _without(content: object, path: list[str]) -> object:
    if isinstance(content, list):
        return [_without(one, path) for one in content]
    if not isinstance(content, Mapping):
        return content
    found = {}
    for name, value in content.items():
        below = _below([path], str(name))
        if [] in below:
            continue
        for rest in below:
            value = _without(value, rest)
        found[name] = value
    return found
