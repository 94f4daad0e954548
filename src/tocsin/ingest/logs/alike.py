"""How are many JSON objects that have the same fields read? By a type that is made for them.

That takes a third of the time of reading them into dictionaries, and leaves nothing to the garbage
collector.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from tocsin.ingest.logs.fields import DEEPEST, scalar_text

_KINDS_KEPT = 200
_MOST_FIELDS = 200

Texts = Sequence[str]


class _Field(NamedTuple):
    """A field of a kind of objects: its name, its value, and how that becomes text (None: it is
    one), or the kind of the object that it is."""

    name: str
    value: Callable[[Any], Any]  # of an object whose type was made at run time
    text: Callable[[Any], str] | None
    inner: tuple[_Field, ...] | None = None


class _Kind(NamedTuple):
    """How objects of the same fields are read."""

    decode: Callable[[bytes], Any]
    fields: tuple[_Field, ...]


_decode = msgspec.json.Decoder(dict[str, object]).decode
_kinds: dict[Hashable, _Kind] = {}


def fields_of(lines: Sequence[bytes]) -> dict[str, Texts] | None:
    """Each field of all objects by its dotted name, as `fields.flattened` has it; None when they
    have not all the fields of the first one, and the same kinds of values, or are no objects."""
    try:
        kind = _kind_of(_decode(lines[0]))
        if kind is None:
            return None
        objects = list(map(kind.decode, lines))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    found: dict[str, Texts] = {}
    _gather(kind.fields, objects, "", found)
    return found


def _gather(
    fields: Sequence[_Field], objects: Sequence[object], prefix: str, found: dict[str, Texts]
) -> None:
    for name, value, text, inner in fields:
        column = list(map(value, objects))
        if inner is not None:
            _gather(inner, column, f"{prefix}{name}.", found)
        else:
            found[prefix + name] = column if text is None else list(map(text, column))


def _kind_of(document: Mapping[str, object]) -> _Kind | None:
    signature = _signature(document, DEEPEST)
    if signature is None:
        return None
    kind = _kinds.get(signature)
    if kind is None:
        if len(_kinds) >= _KINDS_KEPT:
            _kinds.clear()
        type_, fields = _made(document, DEEPEST)
        kind = _kinds[signature] = _Kind(msgspec.json.Decoder(type_).decode, fields)
    return kind


def _signature(document: Mapping[str, object], left: int) -> Hashable:
    """What tells kinds apart; None for more fields than a type is made for."""
    if len(document) > _MOST_FIELDS:
        return None
    found = []
    for name, value in document.items():
        inner = _signature(value, left - 1) if isinstance(value, dict) and left else type(value)
        if inner is None:
            return None
        found.append((name, float if inner is int else inner))
    return tuple(found)


def _made(document: Mapping[str, object], left: int) -> tuple[type, tuple[_Field, ...]]:
    """A type of objects such as this one, and their fields; nulls are no fields."""
    members: list[tuple[str, Any, Any]] = []
    fields: list[_Field] = []
    for place, (name, value) in enumerate(document.items()):
        own = f"f{place}"
        kind: Any = type(value)  # of a value of JSON
        if isinstance(value, dict) and left:
            kind, inner = _made(value, left - 1)
            fields.append(_Field(name, attrgetter(own), None, inner))
        elif isinstance(value, str):
            fields.append(_Field(name, attrgetter(own), None))
        elif isinstance(value, bool):
            fields.append(_Field(name, attrgetter(own), scalar_text))
        elif isinstance(value, int | float):
            # Neither is taken for the other: 1 and 1.0 stay what they are.
            kind = int | float
            fields.append(_Field(name, attrgetter(own), repr))
        elif value is not None:
            fields.append(_Field(name, attrgetter(own), _as_json))
        members.append((own, kind, msgspec.field(name=name)))
    type_ = msgspec.defstruct("Alike", members, gc=False, forbid_unknown_fields=True)
    return type_, tuple(fields)


def _as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
