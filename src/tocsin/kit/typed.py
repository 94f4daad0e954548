"""How does what was written in a file become a typed value, or an error that helps?

The types are `msgspec.Struct`s and what they are made of. A class with a classmethod
`from_config(text) -> Self` (raising Rejected) reads itself from the text of a scalar; a struct with
one may be written short (`auth: off`).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union, cast

import msgspec

from tocsin.kit.document import (
    ConfigError,
    Document,
    Entries,
    Items,
    KeyPath,
    Node,
    Scalar,
    dotted,
    nearest,
    plain,
)
from tocsin.kit.fault import Rejected

T = TypeVar("T")

_YES_NO = {
    **dict.fromkeys(("true", "yes", "on", "y"), True),
    **dict.fromkeys(("false", "no", "off", "n"), False),
}


def decode(document: Document, kind: type[T]) -> T:
    """Make a value of that type; raises ConfigError with the place of the first mistake.

    Unknown keys are mistakes. A key without a value keeps its default. Numbers and booleans are
    taken as texts where a text is expected, as Go's YAML does, and `yes`/`on` as booleans where
    one is.
    """
    return cast("T", _convert(document.node, kind, document.path))


def type_name(kind: Any) -> str:  # Any: a type as written, e.g. a union
    """What a value of that type is called where people read it: "a text", "true or false"."""
    if typing.get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_name(k) for k in typing.get_args(kind) if k is not types.NoneType)
    return _name(kind)


def _convert(
    node: Node, kind: Any, path: KeyPath
) -> object:  # Any: a type as written, e.g. a union
    origin = typing.get_origin(kind)
    if origin is Annotated:
        return _constrained(node, kind, path)
    if origin in (Union, types.UnionType):
        return _one_of(node, typing.get_args(kind), path)
    if origin is Literal:
        return _literal(node, typing.get_args(kind), path)
    if kind is Document:
        return Document(node, path)
    if kind in (Any, object):
        return plain(node)
    base = origin or kind
    if not isinstance(base, type):
        return _leaf(node, kind, path)
    if issubclass(base, msgspec.Struct):
        return _struct(node, base, path)
    if issubclass(base, Mapping):
        return _mapping(node, kind, path)
    if issubclass(base, (list, tuple, set, frozenset)) or base is Sequence:
        return _sequence(node, kind, path)
    return _leaf(node, kind, path)


def _struct(node: Node, kind: type[msgspec.Struct], path: KeyPath) -> object:
    if _is_null(node):
        node = Entries(node.place, {}, {})
    short = getattr(kind, "from_config", None)
    if isinstance(node, Scalar) and short is not None:
        return _own_reading(node, short, path)
    if not isinstance(node, Entries):
        raise _expected("a mapping", node, path)
    fields = _fields(kind)
    tag = kind.__struct_config__.tag_field
    values: dict[str, object] = {}
    for key, child in node.nodes.items():
        field = fields.get(key)
        if field is None and key != tag:
            known = ", ".join(sorted(fields))
            problem = f"unknown key; known here: {known}" if known else "unknown key"
            where = dotted((*path, key))
            raise ConfigError(node.keys[key], where, problem, nearest(key, fields))
        if field is not None and not (_is_null(child) and not field.required):
            values[field.name] = _convert(child, field.type, (*path, key))
    for key, field in fields.items():
        if field.required and field.name not in values:
            raise ConfigError(node.place, dotted(path), f'the key "{key}" is missing')
    return _built(node, kind, values, path)


def _built(
    node: Node, kind: type[msgspec.Struct], values: dict[str, object], path: KeyPath
) -> object:
    try:
        return kind(**values)
    except ConfigError:
        raise
    except (Rejected, ValueError) as error:  # said by the struct's own __post_init__
        raise ConfigError(node.place, dotted(path), str(error)) from error


@lru_cache(maxsize=1024)
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _mapping(node: Node, kind: Any, path: KeyPath) -> object:  # Any: a type as written
    if _is_null(node):
        return {}
    if not isinstance(node, Entries):
        raise _expected("a mapping", node, path)
    key_kind, value_kind = typing.get_args(kind) or (str, Any)
    return {
        _convert(Scalar(node.keys[key], key), key_kind, (*path, key)): _convert(
            value, value_kind, (*path, key)
        )
        for key, value in node.nodes.items()
    }


def _sequence(node: Node, kind: Any, path: KeyPath) -> object:  # Any: a type as written
    origin = typing.get_origin(kind) or kind
    make = cast("Callable[[list[object]], object]", tuple if origin is Sequence else origin)
    if _is_null(node):
        return make([])
    if not isinstance(node, Items):
        raise _expected("a list", node, path)
    inner = typing.get_args(kind)
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        if len(inner) != len(node.nodes):
            raise _expected(f"a list of {len(inner)} values", node, path)
        kinds = list(inner)
    else:
        kinds = [inner[0] if inner else Any] * len(node.nodes)
    return make(
        [_convert(n, k, (*path, i)) for i, (n, k) in enumerate(zip(node.nodes, kinds, strict=True))]
    )


def _one_of(node: Node, kinds: tuple[Any, ...], path: KeyPath) -> object:
    if types.NoneType in kinds and _is_null(node):
        return None
    wanted = [kind for kind in kinds if kind is not types.NoneType]
    if len(wanted) == 1:
        return _convert(node, wanted[0], path)
    tagged = _tagged(node, wanted, path)
    if tagged is not None:
        return _struct(node, tagged, path)
    fitting = [kind for kind in wanted if _fits(node, kind)]
    problems: list[ConfigError] = []
    for kind in fitting:
        try:
            return _convert(node, kind, path)
        except ConfigError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    names = " or ".join(_name(kind) for kind in wanted)
    raise _expected(names, node, path) from (problems[0] if problems else None)


def _tagged(node: Node, kinds: list[Any], path: KeyPath) -> type[msgspec.Struct] | None:
    """The struct that the tag in the mapping names, None when these are not tagged structs."""
    by_tag: dict[str, type[msgspec.Struct]] = {}
    field = None
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            config = kind.__struct_config__
            if config.tag_field is not None:
                field = config.tag_field
                by_tag[str(config.tag)] = kind
    if field is None or not isinstance(node, Entries):
        return None
    child = node.nodes.get(field)
    if not isinstance(child, Scalar):
        raise ConfigError(node.place, dotted(path), f'the key "{field}" is missing')
    if child.text not in by_tag:
        where = dotted((*path, field))
        problem = f"expected {_either(sorted(by_tag))}, got {child.text!r}"
        raise ConfigError(child.place, where, problem, nearest(child.text, by_tag))
    return by_tag[child.text]


def _fits(node: Node, kind: Any) -> bool:  # Any: a type as written
    base = typing.get_origin(kind) or kind
    if base is Annotated:
        return _fits(node, typing.get_args(kind)[0])
    if kind is Document or not isinstance(base, type):
        return kind is not Document or not isinstance(node, Scalar)
    if issubclass(base, (msgspec.Struct, Mapping)):
        return isinstance(node, Entries)
    if issubclass(base, (list, tuple, set, frozenset)):
        return isinstance(node, Items)
    if base in (int, float, bool) and isinstance(node, Scalar):
        return type(node.value) is base or (base is float and type(node.value) is int)
    return isinstance(node, Scalar)


def _literal(node: Node, allowed: tuple[object, ...], path: KeyPath) -> object:
    by_text = {_written(value): value for value in allowed}
    if isinstance(node, Scalar):
        for text in (node.text, node.text.lower()):
            if text in by_text:
                return by_text[text]
        problem = f"expected {_either(by_text)}, got {node.text!r}"
        raise ConfigError(node.place, dotted(path), problem, nearest(node.text, by_text))
    raise _expected(_either(by_text), node, path)


def _constrained(node: Node, kind: Any, path: KeyPath) -> object:  # Any: a type as written
    inner = typing.get_args(kind)[0]
    value = _convert(node, inner, path)
    if isinstance(inner, type) and inner in (int, float, str):
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            problem = str(error)[:1].lower() + str(error)[1:]
            raise ConfigError(node.place, dotted(path), f"{problem}, got {value!r}") from error
    return value


def _leaf(node: Node, kind: Any, path: KeyPath) -> object:  # Any: a type as written
    if not isinstance(node, Scalar):
        raise _expected(_name(kind), node, path)
    if isinstance(kind, type) and issubclass(kind, Enum):
        members = tuple(member.value for member in kind)
        return kind(_literal(node, members, path))
    read = getattr(kind, "from_config", None)
    if read is not None:
        return _own_reading(node, read, path)
    if kind is str:
        return node.text
    if kind is bool and node.text.lower() in _YES_NO and node.plain:
        return _YES_NO[node.text.lower()]
    value = node.value
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise _expected(_name(kind), node, path)


def _own_reading(node: Scalar, read: Callable[[str], object], path: KeyPath) -> object:
    try:
        return read(node.text)
    except (Rejected, ValueError) as error:
        raise ConfigError(node.place, dotted(path), str(error)) from error


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _expected(what: str, node: Node, path: KeyPath) -> ConfigError:
    got = "a list" if isinstance(node, Items) else "a mapping"
    if isinstance(node, Scalar):
        got = "nothing" if node.value is None else repr(node.text[:80])
    return ConfigError(node.place, dotted(path), f"expected {what}, got {got}")


_NAMES: dict[object, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _name(kind: Any) -> str:  # Any: a type as written
    origin = typing.get_origin(kind)
    if origin is Annotated:
        return _name(typing.get_args(kind)[0])
    if origin is Literal:
        return _either([_written(value) for value in typing.get_args(kind)])
    base = origin or kind
    expected = getattr(base, "EXPECTED", None)
    if isinstance(expected, str):
        return expected
    if base is Document:
        return "a path or a mapping"
    if isinstance(base, type) and issubclass(base, (msgspec.Struct, Mapping)):
        return "a mapping"
    if isinstance(base, type) and issubclass(base, (list, tuple, set, frozenset)):
        return "a list"
    return _NAMES.get(base, "a text")


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _either(names: Any) -> str:  # Any: any iterable of texts, the sized ones are not one type
    listed = [f'"{name}"' for name in names]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"
