"""Which addresses are there for programs? An OpenAPI 3.1 description of our own table."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tocsin.web.api.described import DESCRIBED, FOR_PROGRAMS, GROUPS, Described, Parameter, group_of
from tocsin.web.routing import Access, Address

_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_SECURITY: Mapping[Access, list[dict[str, list[str]]]] = {
    Access.PUBLIC: [],
    Access.READ: [{"token": ["read"]}, {"session": []}],
    Access.INGEST: [{"token": ["ingest"]}, {"session": []}],
    Access.BROWSER_INGEST: [{"token": ["ingest"]}, {"browserKey": []}, {"session": []}],
    Access.RESPOND: [{"token": ["admin"]}, {"session": []}],
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
    listed = for_programs(addresses)
    named = {id(kind): kind for a in listed for kind in (a.body, a.answer) if kind is not None}
    schemas, components = msgspec.json.schema_components(
        list(named.values()), ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(named, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for address in listed:
        path = path_of(address)
        for method in address.methods:
            if method != "HEAD":
                paths.setdefault(path, {})[method.lower()] = _operation(address, method, by_type)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Tocsin", "version": version, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "tags": [{"name": name, "description": words} for name, words, _ in GROUPS],
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }
    return msgspec.json.encode(document)


def path_of(address: Address) -> str:
    """The address as the description writes it: `/api/tokens/{id}`."""
    return _PARAMETER.sub(r"{\1}", address.path)


def summary_of(address: Address) -> str:
    """What the description says of an address, else the first line of what its code says."""
    said = _described(address).summary
    text = inspect.getdoc(address.handler) or ""
    return said or (text.splitlines()[0] if text else "")


def for_programs(addresses: Iterable[Address]) -> list[Address]:
    """The addresses that are described, by path; pages are left out."""
    chosen = (one for one in addresses if one.path.startswith(FOR_PROGRAMS))
    return sorted(chosen, key=lambda one: (one.path, one.methods))


def _described(address: Address) -> Described:
    return DESCRIBED.get(path_of(address), Described())


def _operation(address: Address, method: str, by_type: Mapping[int, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary_of(address),
        "description": inspect.getdoc(address.handler) or summary_of(address),
        "operationId": f"{method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', address.path)}",
        "tags": [group_of(address.path)],
        "security": _SECURITY[address.access],
        "responses": {"200": {"description": "Done."}, "default": {"description": "An error."}},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name, _ in _PARAMETER.findall(address.path)
    ]
    parameters += [_parameter(one) for one in _described(address).parameters]
    if parameters:
        operation["parameters"] = parameters
    if address.body is not None and method != "GET":
        operation["requestBody"] = {"content": _json(by_type[id(address.body)])}
    elif _described(address).media and method in ("POST", "PUT"):
        media: dict[str, dict[str, Any]] = {kind: {} for kind in _described(address).media}
        operation["requestBody"] = {"content": media, "required": True}
    if address.answer is not None:
        operation["responses"]["200"]["content"] = _json(by_type[id(address.answer)])
    return operation


def _parameter(given: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if given.many:
        schema = {"type": "array", "items": schema}
    shown: dict[str, Any] = {
        "name": given.name,
        "in": "query",
        "required": given.required,
        "description": given.words,
        "schema": schema,
    }
    if given.example:
        shown["example"] = [given.example] if given.many else given.example
    return shown


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
