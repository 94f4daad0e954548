"""How is a YAML file read so that a mistake in it can be pointed at?

`load` or `loads` gives a `Document`; `decode` makes a typed value of it. PyYAML's C parser is asked
for events only: the tree is built here, within bounds, so that neither deep nesting nor aliases
that multiply (the "billion laughs") can exhaust the process.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import yaml

from tocsin.kit.document import ConfigError, Document, Entries, Items, Node, Place, Scalar
from tocsin.kit.typed import decode

__all__ = ["ConfigError", "Document", "Place", "decode", "load", "loads"]

_LARGEST_FILE_BYTES = 16 << 20
_DEEPEST = 100
_MOST_NODES = 1_000_000
_ESCAPED_OR_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STR_TAG = "tag:yaml.org,2002:str"
_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "map", "seq")
)


def load(
    path: Path | str,
    *,
    environment: Mapping[str, str] | None = None,
    verbatim: Collection[str] = (),
) -> Document:
    """Read a file; raises ConfigError when it cannot be read or is not one YAML document.

    With `environment`, `${NAME}` and `${NAME:-default}` in values are replaced (`$${` stands for
    `${`), except inside mappings and lists under the top-level keys `verbatim`.
    """
    start = Place(str(path), 1, 1)
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(_LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(start, "", f"cannot read the file: {reason}") from error
    if len(content) > _LARGEST_FILE_BYTES:
        raise ConfigError(start, "", f"the file is larger than {_LARGEST_FILE_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ConfigError(Place(str(path), line, column), "", "expected UTF-8 text") from error
    return loads(text, str(path), environment=environment, verbatim=verbatim)


def loads(
    text: str,
    name: str = "<text>",
    *,
    environment: Mapping[str, str] | None = None,
    verbatim: Collection[str] = (),
) -> Document:
    """As `load`, of a text. An empty text is an empty mapping."""
    try:
        parsed = yaml.parse(text, Loader=yaml.CSafeLoader)
        node = _Composer(name, parsed).document()
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_place(name, error.problem_mark), "", _words(error)) from error
    except yaml.YAMLError as error:
        raise ConfigError(Place(name, 1, 1), "", f"not YAML: {error}") from error
    except UnicodeEncodeError as error:
        raise ConfigError(Place(name, 1, 1), "", "expected UTF-8 text") from error
    if environment is not None:
        node = _expand_top(node, environment, verbatim)
    return Document(node)


def _words(error: yaml.MarkedYAMLError) -> str:
    context = f" ({error.context})" if error.context else ""
    hint = "; indent with spaces" if "cannot start any token" in str(error.problem) else ""
    return f"not YAML: {error.problem}{context}{hint}"


def _place(name: str, mark: _Mark | None) -> Place:
    return Place(name, mark.line + 1, mark.column + 1) if mark else Place(name, 1, 1)


class _Mark(Protocol):
    """Where the parser is: PyYAML's Python and C marks."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Composer:
    """Builds the tree from the parser's events; nodes behind aliases are shared."""

    def __init__(self, name: str, parsed: Iterator[yaml.Event]) -> None:
        self._name = name
        self._events = parsed
        self._anchors: dict[str, Node] = {}
        self._cost: dict[int, tuple[int, int]] = {}
        """Of each node that has an anchor: how many nodes and how deep, aliases followed."""
        self._count = 0

    def document(self) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self._error(event, "expected one document, found a second `---`")
                root, _ = self._node(next(self._events), 0)
        return root if root is not None else Entries(Place(self._name, 1, 1), {}, {})

    def _node(self, event: yaml.Event, depth: int) -> tuple[Node, int]:
        """The node and its height."""
        self._bound(event, 1, depth)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        before = self._count
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _STR_TAG) and tag not in _CORE_TAGS:
            raise self._error(event, f"the tag {tag} is not supported; remove it")
        node, height = self._made(event, depth, tag)
        anchor = getattr(event, "anchor", None)
        if anchor:
            self._anchors[anchor] = node
            self._cost[id(node)] = (self._count - before + 1, height)
        return node, height

    def _made(self, event: yaml.Event, depth: int, tag: str | None) -> tuple[Node, int]:
        place = _place(self._name, event.start_mark)
        if isinstance(event, yaml.ScalarEvent):
            is_plain = event.style in (None, "") and tag not in ("!", _STR_TAG)
            return Scalar(place, event.value, is_plain), 1
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(place, depth)
        return self._entries(place, depth)

    def _items(self, place: Place, depth: int) -> tuple[Node, int]:
        nodes, highest = [], 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node, height = self._node(event, depth + 1)
            nodes.append(node)
            highest = max(highest, height)
        return Items(place, tuple(nodes)), highest + 1

    def _entries(self, place: Place, depth: int) -> tuple[Node, int]:
        nodes: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        merged: list[tuple[yaml.Event, Node]] = []
        highest = 0
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, depth + 1)
            value, height = self._node(next(self._events), depth + 1)
            highest = max(highest, height)
            if key.text == "<<" and key.plain:
                merged.append((event, value))
                continue
            if key.text in nodes:
                first = keys[key.text].line
                raise ConfigError(key.place, key.text, f"this key is already given in line {first}")
            nodes[key.text] = value
            keys[key.text] = key.place
        for event, value in merged:
            self._merge(event, value, nodes, keys)
        return Entries(place, nodes, keys), highest + 1

    def _key(self, event: yaml.Event, depth: int) -> Scalar:
        key, _ = self._node(event, depth)
        if not isinstance(key, Scalar):
            raise self._error(event, "a key must be a plain text")
        return key

    def _merge(
        self, event: yaml.Event, value: Node, nodes: dict[str, Node], keys: dict[str, Place]
    ) -> None:
        """`<<: *defaults` (YAML 1.1 merge keys): what is given in place wins, then the earlier."""
        for source in value.nodes if isinstance(value, Items) else (value,):
            if not isinstance(source, Entries):
                raise self._error(event, "`<<` must be followed by a mapping or a list of them")
            for key, node in source.nodes.items():
                if key not in nodes:
                    nodes[key] = node
                    keys[key] = source.keys[key]

    def _alias(self, event: yaml.AliasEvent, depth: int) -> tuple[Node, int]:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise self._error(event, f"the alias *{event.anchor} stands before its anchor")
        count, height = self._cost[id(node)]
        self._bound(event, count, depth + height)
        return node, height

    def _bound(self, event: yaml.Event, more: int, depth: int) -> None:
        self._count += more
        if depth > _DEEPEST:
            raise self._error(event, f"nested deeper than {_DEEPEST} levels")
        if self._count > _MOST_NODES:
            raise self._error(event, f"more than {_MOST_NODES} values once aliases are followed")

    def _error(self, event: yaml.Event, problem: str) -> ConfigError:
        return ConfigError(_place(self._name, event.start_mark), "", problem)


def _expand_top(node: Node, environment: Mapping[str, str], verbatim: Collection[str]) -> Node:
    if not isinstance(node, Entries):
        return _expand(node, environment)
    nodes = {
        key: value
        if key in verbatim and not isinstance(value, Scalar)
        else _expand(value, environment)
        for key, value in node.nodes.items()
    }
    return Entries(node.place, nodes, node.keys)


def _expand(node: Node, environment: Mapping[str, str]) -> Node:
    if isinstance(node, Items):
        return Items(node.place, tuple(_expand(item, environment) for item in node.nodes))
    if isinstance(node, Entries):
        nodes = {key: _expand(value, environment) for key, value in node.nodes.items()}
        return Entries(node.place, nodes, node.keys)
    if "${" not in node.text:
        return node

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        return _variable(node.place, match, environment)

    # What a variable holds is read like a bare word, so that a port or a switch may come from one.
    return Scalar(node.place, _ESCAPED_OR_VARIABLE.sub(replace, node.text), plain=True)


def _variable(place: Place, match: re.Match[str], environment: Mapping[str, str]) -> str:
    name = match["name"]
    if not _NAME.fullmatch(name):
        raise ConfigError(place, "", f"{match[0]} is not ${{NAME}}; write $${{ for a literal ${{")
    value = environment.get(name)
    if value or (value is not None and match["default"] is None):
        return value
    if match["default"] is None:
        problem = (
            f"the environment variable {name} is not set; set it or write ${{{name}:-default}}"
        )
        raise ConfigError(place, "", problem)
    return match["default"]
