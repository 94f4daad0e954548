"""Which labels does a parser find in a line? `json`, `logfmt`, `unpack`, `pattern`, `regexp`.

https://grafana.com/docs/loki/latest/query/log_queries/#parser-expression
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from tocsin.kit.regex import compile_pattern
from tocsin.query.logql import ast
from tocsin.query.logql.labels import safe_name

ERROR, DETAILS = "__error__", "__error_details__"
Pairs = Iterator[tuple[str, str]]
Parse = Callable[[str], "Found"]

_LOGFMT = re.compile(r"""([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*)))?""")
_CAPTURE = re.compile(r"<(_|[a-zA-Z_]\w*)>", re.ASCII)
_PATH = re.compile(r"""\.?([a-zA-Z_@][\w@-]*)|\["((?:[^"\\]|\\.)*)"\]|\[(\d{1,6})\]""")
_DEEPEST = 20


class Found(msgspec.Struct, frozen=True):
    """Labels of a line; `error` says what was wrong, `line` replaces the line (`unpack`)."""

    labels: dict[str, str]
    error: str = ""
    line: str | None = None


def compiled(stage: ast.Parser) -> Parse:
    """The parser that a stage asks for."""
    match stage.kind:
        case "json":
            return _json_picked(stage.picks) if stage.picks else _json
        case "logfmt":
            return _logfmt(stage)
        case "unpack":
            return _unpack
        case "regexp":
            return _regexp(stage.pattern)
    return _regexp(pattern_regex(stage.pattern))


def _json(line: str) -> Found:
    try:
        content = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Found({}, "JSONParserErr")
    if not isinstance(content, dict):
        return Found({}, "JSONParserErr")
    return Found(dict(_flat(content, "", _DEEPEST)))


def _flat(content: Mapping[str, object], prefix: str, left: int) -> Pairs:
    for key, value in content.items():
        name = safe_name(prefix + key)
        if isinstance(value, dict):
            if left:
                yield from _flat(value, name + "_", left - 1)
        elif not isinstance(value, list) and value is not None:
            yield name, _text(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _json_picked(picks: tuple[tuple[str, str], ...]) -> Parse:
    paths = [(name, _path(path)) for name, path in picks]

    def parse(line: str) -> Found:
        try:
            content = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return Found({}, "JSONParserErr")
        found = {}
        for name, path in paths:
            value = _at(content, path)
            found[name] = "" if value is None else _text(value)
        return Found(found)

    return parse


def _path(text: str) -> list[str | int]:
    found: list[str | int] = []
    for name, quoted, index in _PATH.findall(text):
        found.append(int(index) if index else (quoted.replace('\\"', '"') or name))
    return found


def _at(content: object, path: list[str | int]) -> object:
    for step in path:
        if isinstance(content, dict) and isinstance(step, str):
            content = content.get(step)
        elif isinstance(content, list) and isinstance(step, int) and step < len(content):
            content = content[step]
        else:
            return None
    return content


def _logfmt(stage: ast.Parser) -> Parse:
    picks = {path: name for name, path in stage.picks}

    def parse(line: str) -> Found:
        found: dict[str, str] = {}
        for one in _LOGFMT.finditer(line):
            name, quoted, bare = one.groups()
            value = quoted.replace('\\"', '"').replace("\\\\", "\\") if quoted else bare or ""
            if not value and not stage.keep_empty:
                continue
            if not picks:
                found.setdefault(safe_name(name), value)
            elif name in picks:
                found[picks[name]] = value
        return Found(found)

    return parse


def _unpack(line: str) -> Found:
    try:
        content = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Found({}, "JSONParserErr")
    if not isinstance(content, dict):
        return Found({}, "JSONParserErr")
    labels = {safe_name(n): v for n, v in content.items() if isinstance(v, str) and n != "_entry"}
    entry = content.get("_entry")
    return Found(labels, line=entry if isinstance(entry, str) else None)


def _regexp(pattern: str) -> Parse:
    search = compile_pattern(pattern).search

    def parse(line: str) -> Found:
        found = search(line)
        if found is None:
            return Found({})
        return Found({name: value for name, value in found.groupdict().items() if value})

    return parse


def pattern_regex(pattern: str, *, whole: bool = True) -> str:
    """`<ip> - <_> "<method>` as an expression in RE2."""
    pieces = _CAPTURE.split(pattern)
    found = []
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            found.append(re.escape(piece))
        else:
            last = place == len(pieces) - 2 and not pieces[-1]
            body = ".*" if last else ".*?"
            found.append(body if piece == "_" else f"(?P<{piece}>{body})")
    return ("^" if whole else "") + "".join(found)
