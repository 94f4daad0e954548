"""Which addresses are there for programs? An OpenAPI 3.1 description of our own table."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tocsin.web.routing import Access, Address

_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_SECURITY: Mapping[Access, list[dict[str, list[str]]]] = {
    Access.PUBLIC: [],
    Access.READ: [{"token": ["read"]}, {"session": []}],
    Access.INGEST: [{"token": ["ingest"]}, {"session": []}],
    Access.BROWSER_INGEST: [{"token": ["ingest"]}, {"browserKey": []}, {"session": []}],
    Access.ADMIN: [{"token": ["admin"]}, {"session": []}],
}
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token or ingest key."},
    "browserKey": {"type": "apiKey", "in": "query", "name": "key"},
    "session": {"type": "apiKey", "in": "cookie", "name": "tocsin_session"},
}


def describe(addresses: Iterable[Address], version: str) -> bytes:
    """The description as JSON (https://spec.openapis.org/oas/v3.1.0).

    Pages are left out: what a page can do has its own address under `/api/`.
    """
    listed = sorted((a for a in addresses if _is_for_programs(a)), key=lambda a: a.path)
    named = {id(kind): kind for a in listed for kind in (a.body, a.answer) if kind is not None}
    schemas, components = msgspec.json.schema_components(
        list(named.values()), ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(named, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for address in listed:
        path = _PARAMETER.sub(r"{\1}", address.path)
        for method in address.methods:
            if method != "HEAD":
                paths.setdefault(path, {})[method.lower()] = _operation(address, method, by_type)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Tocsin", "version": version, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }
    return msgspec.json.encode(document)


def summary_of(address: Address) -> str:
    """The first line of what the address's code says of itself."""
    text = inspect.getdoc(address.handler) or ""
    return text.splitlines()[0] if text else ""


def _is_for_programs(address: Address) -> bool:
    return not address.path.startswith(("/ui/", "/static/")) and bool(summary_of(address))


def _operation(address: Address, method: str, by_type: Mapping[int, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary_of(address),
        "description": inspect.getdoc(address.handler) or "",
        "operationId": f"{method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', address.path)}",
        "tags": [address.path.strip("/").split("/")[0] or "pages"],
        "security": _SECURITY[address.access],
        "responses": {"200": {"description": "Done."}, "default": {"description": "An error."}},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name, _ in _PARAMETER.findall(address.path)
    ]
    if parameters:
        operation["parameters"] = parameters
    if address.body is not None and method != "GET":
        operation["requestBody"] = {"content": _json(by_type[id(address.body)])}
    if address.answer is not None:
        operation["responses"]["200"]["content"] = _json(by_type[id(address.answer)])
    return operation


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
