"""What did the file say, and where did it say it?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tocsin.kit.fault import Rejected

KeyPath: TypeAlias = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?[0-9]{1,40}|0x[0-9a-fA-F]{1,32}|0o[0-7]{1,40}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file; line and column count from one."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class ConfigError(Rejected):
    """A mistake in a configuration file: where it is, what was expected, what is nearest to it.

    `key` is the dotted path of the mistake, empty at the top; `problem` is the message without the
    place; `nearest` is the closest valid name, if one is close.
    """

    def __init__(self, place: Place, key: str, problem: str, nearest: str | None = None) -> None:
        hint = f'; did you mean "{nearest}"?' if nearest else ""
        where = f"{place}: {key}: " if key else f"{place}: "
        super().__init__(f"{where}{problem}{hint}")
        self.place = place
        self.key = key
        self.problem = problem
        self.nearest = nearest


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One value as it was written. `plain` values may be numbers, true, false or null; quoted ones
    are texts."""

    place: Place
    text: str
    plain: bool = True

    @property
    def value(self) -> object:
        """What the text means by YAML 1.2's core schema (chapter 10.3): `on`, `no`, `12:30` and
        dates are texts."""
        if not self.plain:
            return self.text
        if self.text in _WORDS:
            return _WORDS[self.text]
        if _INTEGER.fullmatch(self.text):
            return int(self.text, 0 if self.text[:2] in ("0x", "0o") else 10)
        if _FLOAT.fullmatch(self.text):
            return float(self.text)
        return self.text


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A sequence."""

    place: Place
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """A mapping; keys are kept as they were written."""

    place: Place
    nodes: Mapping[str, Node]
    keys: Mapping[str, Place]


Node: TypeAlias = Scalar | Items | Entries


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A file, or the part of one under `path`, with the place of everything in it."""

    node: Node
    path: KeyPath = ()

    @property
    def name(self) -> str:
        """The file's name."""
        return self.node.place.file

    @property
    def data(self) -> object:
        """Dicts, lists, texts, numbers, booleans and None."""
        return plain(self.node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document) and self.data == other.data

    def __hash__(self) -> int:
        return hash(repr(self.data))

    def get(self, *path: str | int) -> Document | None:
        """The part under that path, None when it is not there."""
        node: Node = self.node
        for step in path:
            found = _child(node, step)
            if found is None:
                return None
            node = found
        return Document(node, (*self.path, *path))

    def place(self, *path: str | int) -> Place:
        """Where that path's key stands; the nearest place above it when it is not there."""
        node: Node = self.node
        where = node.place
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            in_mapping = isinstance(node, Entries) and isinstance(step, str)
            where = node.keys[step] if in_mapping else found.place  # type: ignore[union-attr,index]  # checked by in_mapping
            node = found
        return where

    def error(self, problem: str, *path: str | int, nearest: str | None = None) -> ConfigError:
        """A mistake at that path, to be raised by the caller."""
        return ConfigError(self.place(*path), dotted((*self.path, *path)), problem, nearest)


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node, Entries) and isinstance(step, str):
        return node.nodes.get(step)
    if isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.nodes):
        return node.nodes[step]
    return None


def plain(node: Node) -> object:
    """The node as dicts, lists and values."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(item) for item in node.nodes]
        case Entries():
            return {key: plain(value) for key, value in node.nodes.items()}


def dotted(path: Iterable[str | int]) -> str:
    """`("jobs", 0, "name")` as `jobs[0].name`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that is most like the word, None when none is like it."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word[:100].lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None
