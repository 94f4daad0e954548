"""Which addresses are there for programs, what does each need, and how is it called?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.web.api import openapi
from tocsin.web.api.described import DESCRIBED, GROUPS, Described, Parameter, group_of
from tocsin.web.pages import connect
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Address, Addresses

_NEEDS = {
    Access.PUBLIC: "nothing",
    Access.READ: "read",
    Access.INGEST: "ingest",
    Access.BROWSER_INGEST: "ingest or a browser key",
    Access.RESPOND: "member",
    Access.ADMIN: "admin",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One address. `fields` are those of its JSON body and answer, with their types in words."""

    path: str
    methods: tuple[str, ...]
    needs: str
    summary: str
    parameters: tuple[Parameter, ...]
    body: Sequence[tuple[str, str]]
    answer: Sequence[tuple[str, str]]
    curl: str


@dataclass(frozen=True, slots=True)
class Group:
    """Addresses that belong together."""

    name: str
    words: str
    entries: Sequence[Entry]


def groups(addresses: Sequence[Address], base: str) -> Sequence[Group]:
    """The described addresses, grouped; `base` is how this Tocsin is reached."""
    entries: dict[str, list[Entry]] = {name: [] for name, _, _ in GROUPS}
    for address in openapi.for_programs(addresses):
        entries[group_of(address.path)].append(_entry(address, base))
    return [Group(name, words, entries[name]) for name, words, _ in GROUPS if entries[name]]


def _entry(address: Address, base: str) -> Entry:
    path = openapi.path_of(address)
    described = DESCRIBED.get(path, Described())
    return Entry(
        path=path,
        methods=tuple(one for one in address.methods if one != "HEAD"),
        needs=_NEEDS[address.access],
        summary=openapi.summary_of(address),
        parameters=described.parameters,
        body=_fields(address.body),
        answer=_fields(address.answer),
        curl=_curl(address, path, described, base),
    )


def _fields(kind: Any) -> Sequence[tuple[str, str]]:  # Any: whatever type an address names
    if kind is None:
        return ()
    (schema,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    many = schema.get("type") == "array"
    found = components.get(schema.get("items", schema).get("$ref", ""), {})
    fields = found.get("properties", {})
    return [
        (f"{'[].' if many else ''}{name}", _type_words(shape)) for name, shape in fields.items()
    ]


def _type_words(shape: Mapping[str, Any]) -> str:  # Any: JSON schema
    if "$ref" in shape:
        return str(shape["$ref"])
    if "anyOf" in shape:
        return " or ".join(_type_words(one) for one in shape["anyOf"])
    if "enum" in shape:
        return " or ".join(json.dumps(one) for one in shape["enum"])
    if "prefixItems" in shape:
        return f"[{', '.join(_type_words(one) for one in shape['prefixItems'])}]"
    if shape.get("type") == "array":
        return f"list of {_type_words(shape.get('items', {}))}"
    return str(shape.get("type", "anything"))


def _curl(address: Address, path: str, described: Described, base: str) -> str:
    method = address.methods[0]
    asked = [one for one in described.parameters if one.required]
    query = "&".join(f"{quote(one.name, safe='[]')}={quote(one.example)}" for one in asked)
    parts = ["curl -fsS -g" if "[" in query else "curl -fsS"]
    if method not in ("GET", "POST") or (method == "POST" and not _sends(address, described)):
        parts.append(f"-X {method}")
    if address.access is not Access.PUBLIC:
        parts.append(f"-H 'Authorization: Bearer {connect.PLACEHOLDER}'")
    if _sends(address, described):
        kind = described.media[0] if described.media else "application/json"
        parts.append(f"-H 'Content-Type: {kind}'")
        parts.append(f"--data-binary {shlex.quote(described.example or '@body')}")
    parts.append(shlex.quote(f"{base}{path}{'?' if query else ''}{query}"))
    return " \\\n  ".join(parts)


def _sends(address: Address, described: Described) -> bool:
    has_body = address.body is not None or bool(described.media)
    return has_body and address.methods[0] in ("POST", "PUT", "PATCH")


async def _docs(request: Request) -> Response:
    addresses = request.app.state.addresses
    shown = groups(addresses, connect.address_of(request))
    return page(request, "pages/docs.html", groups=shown, key=connect.PLACEHOLDER)


ADDRESSES: Addresses = (Address("/docs", _docs, Access.READ),)
