"""What is said about each key? The configuration reference, made from the types themselves."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import textwrap
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeGuard

import msgspec

from tocsin.app.effective import effective, needs_restart
from tocsin.app.settings_tree import Config
from tocsin.kit.typed import type_name

_HEAD = """# Configuration

Tocsin reads `tocsin.yaml` in the current folder, or the file named by `--config`; without one,
every key has the default below. Flags of the command line win over the file. A mistake stops the
start (or the reload) and is reported with its file, line, column and key. `tocsin check config`
reads a file without starting anything.

- Durations are written `15s`, `1h30m`, `30d`; sizes `512MiB`, `10GB`.
- `${NAME}` in a value is replaced by that environment variable, `${NAME:-default}` when it may be
  missing; `$${` stands for `${`. Nothing is replaced inside an embedded `prometheus` or
  `alertmanager`, so `${1}` in relabelling stays.
- A key that ends in `_file` names a file that holds the secret; it is read at each use, and its
  last newline is cut. Relative paths start at the configuration file's folder.
- The file is read again on `SIGHUP`, on `POST /-/reload` and when it changes. A file with a mistake
  changes nothing. Keys marked *restart* are only read at the start.
- `limits` may also stand at the top instead of in `ingest`.

This page is made from the program's own types: `make docs`.
"""


def reference() -> str:
    """The whole page in Markdown."""
    defaults = effective(Config())
    sections = [_HEAD, "## At the top\n", _top()]
    for key, field in _fields(Config).items():
        below = defaults[key]
        if _is_section(field.type):
            sections.append(_section(field.type, key, below if isinstance(below, dict) else {}))
    return "\n".join(sections)


def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


_HEADINGS = ("| key | what it takes | default | meaning |", "| --- | --- | --- | --- |")


def _top() -> str:
    rows = list(_HEADINGS)
    said = _attribute_docs(Config)
    for key, field in _fields(Config).items():
        takes, default, meaning = type_name(field.type), "none", said.get(key, "")
        if _is_section(field.type):
            default = f"[below](#{key})"
            meaning = meaning or _first_words(field.type).split(". ")[0].rstrip(".") + "."
        elif key == "data":
            default = _shown(Config().data)
        rows.append(f"| `{key}` | {_cell(takes)} | {default} | {_cell(meaning)}{_restart(key)} |")
    return "\n".join(rows) + "\n"


def _section(kind: type[msgspec.Struct], key: str, defaults: Mapping[str, object]) -> str:
    rows = [*_HEADINGS, *_rows(kind, key, defaults)]
    return f"## `{key}`\n\n{_first_words(kind)}\n\n" + "\n".join(rows) + "\n"


def _rows(kind: type[msgspec.Struct], prefix: str, defaults: Mapping[str, object]) -> Iterator[str]:
    said = _attribute_docs(kind)
    for key, field in _fields(kind).items():
        name, default = f"{prefix}.{key}", defaults.get(key)
        if _is_section(field.type):
            yield from _rows(field.type, name, default if isinstance(default, dict) else {})
            continue
        takes, meaning = _cell(type_name(field.type)), _cell(said.get(field.name, ""))
        yield f"| `{name}` | {takes} | {_shown(default)} | {meaning}{_restart(name)} |"


def _is_section(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _restart(key: str) -> str:
    return " *(restart)*" if needs_restart(key) else ""


def _shown(value: object) -> str:
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _first_words(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())


@lru_cache(maxsize=256)
def _attribute_docs(kind: type) -> dict[str, str]:
    """The texts that stand under the attributes in the class's source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    return dict(_documented(tree.body[0]))


def _documented(node: ast.stmt) -> Iterator[tuple[str, str]]:
    body = node.body if isinstance(node, ast.ClassDef) else []
    for statement, below in itertools.pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            yield statement.target.id, " ".join(below.value.value.split())


def main(arguments: list[str]) -> int:
    """Write the page to the file that is named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tocsin.app.config_docs FILE\n")
        return 2
    Path(arguments[0]).write_text(reference())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
