"""How does `line_format` make a line? Go's text/template, with Loki's functions.

https://grafana.com/docs/loki/latest/query/template_functions/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import gotpl
import msgspec
from gotpl.environment import Environment
from gotpl.runtime.gofmt import sprintf

from tocsin.kit.fault import Fault, Rejected
from tocsin.kit.go_time import GoTime
from tocsin.kit.regex import compile_pattern
from tocsin.kit.template_reach import enclosed, in_go_s_words
from tocsin.query.logql.units import bytes_of, seconds_of

_BUDGET = gotpl.ExecutionBudget(
    max_output_chars=200_000,
    max_iterations=10_000,
    max_template_depth=20,
    max_function_calls=10_000,
)
_SIMPLE = re.compile(r"\{\{-?\s*\.(\w+)\s*-?\}\}", re.ASCII)

_DIRECTIVE = re.compile(r"%[^a-zA-Z%]*")
_DIGITS = re.compile(r"[0-9]+")
_WIDEST = 10_000
"""Blanks that are filled in at the most: the budget counts what was made already."""
_LONGEST = 200_000
_LARGEST_NUMBER = 1e18

Render = Callable[[Mapping[str, str], str, int], str]
"""The text, of the labels, the line and its time in nanoseconds."""


def compiled(source: str) -> Render:
    """A template; raises Rejected for one that is none. Rendering raises Rejected too."""
    pieces = _SIMPLE.split(source)
    if not any("{{" in piece for piece in pieces[::2]) and "{{-" not in source:
        return _plain(pieces)
    context = _Context()
    functions = context.functions()
    environment = Environment(
        functions=functions,
        missing_key="zero",
        sandbox=enclosed(functions, _BUDGET),
        budget=_BUDGET,
    )
    try:
        engine = environment.from_sources({"line": source})
    except gotpl.TemplateError as error:
        raise Rejected(f"invalid line template: {error}") from error

    def render(labels: Mapping[str, str], line: str, ts_ns: int) -> str:
        context.line, context.ts_ns = line, ts_ns
        try:
            return engine.render_source(source, dict(labels)).replace("<no value>", "")
        except (gotpl.TemplateError, Fault) as error:
            raise Rejected(in_go_s_words(str(error))) from error

    return render


def _plain(pieces: list[str]) -> Render:
    """What only names labels needs no engine."""

    def render(labels: Mapping[str, str], _line: str, _ts_ns: int) -> str:
        return "".join(
            labels.get(piece, "") if place % 2 else piece for place, piece in enumerate(pieces)
        )

    return render


class _Context:
    """The line that is being made, for the functions that ask about it."""

    def __init__(self) -> None:
        self.line = ""
        self.ts_ns = 0

    def functions(self) -> dict[str, Any]:  # of many signatures
        return {
            **_TEXT,
            **_NUMBERS,
            "__line__": lambda: self.line,
            "__timestamp__": lambda: GoTime(self.ts_ns // 1_000_000),
        }


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def _whole(value: object) -> int:
    number = _number(value)
    return int(number) if abs(number) <= _LARGEST_NUMBER else 0  # not NaN either


def _width(count: object) -> int:
    width = _whole(count)
    if not 0 <= width <= _WIDEST:
        raise Rejected(f"a width must be from 0 to {_WIDEST:,}, got {width}")
    return width


def _printf(text: str, *given: object) -> str:
    """Go's `printf`, no wider than `_WIDEST`."""
    widths = _DIGITS.findall(" ".join(_DIRECTIVE.findall(text.replace("%%", ""))))
    if any(len(one) > len(str(_WIDEST)) or int(one) > _WIDEST for one in widths):
        raise Rejected(f"printf: a width or precision of more than {_WIDEST:,}")
    if "*" in text and any(isinstance(one, int) and abs(one) > _WIDEST for one in given):
        raise Rejected(f"printf: a width or precision of more than {_WIDEST:,}")
    return str(sprintf(text, *given))


def _repeat(count: object, text: str) -> str:
    return text * min(_whole(count), 1000, _LONGEST // max(1, len(text)) + 1)


def _replace(text: str, old: str, new: str, most: int = -1) -> str:
    if text.count(old) * len(new) > _LONGEST:
        raise Rejected(f"replace would make more than {_LONGEST:,} characters")
    return text.replace(old, new, most)


def _indented(count: object, text: str) -> str:
    blanks = " " * _width(count)
    return blanks + _replace(text, "\n", "\n" + blanks)


def _regex_replace(pattern: str, text: str, by: str) -> str:
    """As Go's ReplaceAllString, `$1` and `${name}` for what was captured."""
    found, done, made, pieces = compile_pattern(pattern), 0, 0, []
    while (one := found.search(text, done)) is not None and done <= len(text):
        start, end = one.start(), one.end()
        made += len(by)
        if made > _LONGEST:
            raise Rejected(f"regexReplaceAll would make more than {_LONGEST:,} characters")
        pieces.append(text[done:start])
        pieces.append(re.sub(r"\$\{?(\w+)\}?", lambda ref, m=one: _group(m, ref[1]), by))  # type: ignore[misc]  # a match each
        if end == start:
            pieces.append(text[start : start + 1])
            end += 1
        done = end
    return "".join([*pieces, text[done:]])


def _group(found: Any, name: str) -> str:  # a match of RE2
    return str(found.group(int(name) if name.isdecimal() else name) or "")


def _from_json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}


_TEXT: Mapping[str, Any] = {
    "ToLower": str.lower,
    "ToUpper": str.upper,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "trim": str.strip,
    "TrimSpace": str.strip,
    "Trim": lambda text, cut: text.strip(cut),
    "TrimLeft": lambda text, cut: text.lstrip(cut),
    "TrimRight": lambda text, cut: text.rstrip(cut),
    "TrimPrefix": lambda text, cut: text.removeprefix(cut),
    "TrimSuffix": lambda text, cut: text.removesuffix(cut),
    "trimAll": lambda cut, text: text.strip(cut),
    "trimPrefix": lambda cut, text: text.removeprefix(cut),
    "trimSuffix": lambda cut, text: text.removesuffix(cut),
    "Replace": _replace,
    "replace": lambda old, new, text: _replace(text, old, new),
    "contains": lambda part, text: part in text,
    "hasPrefix": lambda part, text: text.startswith(part),
    "hasSuffix": lambda part, text: text.endswith(part),
    "default": lambda other, text="": text or other,
    "repeat": _repeat,
    "printf": _printf,
    "trunc": lambda count, text: text[:count] if count >= 0 else text[count:],
    "substr": lambda start, end, text: text[max(start, 0) : end if end >= 0 else None],
    "indent": _indented,
    "nindent": lambda count, text: "\n" + _indented(count, text),
    "alignLeft": lambda count, text: text[: _width(count)].ljust(count),
    "alignRight": lambda count, text: text[-count:].rjust(count) if _width(count) else "",
    "regexReplaceAll": _regex_replace,
    "regexReplaceAllLiteral": lambda pattern, text, by: _regex_replace(
        pattern, text, by.replace("$", "$$")
    ),
    "count": lambda pattern, text: len(re.findall(re.escape(pattern), text)),
    "urlencode": quote_plus,
    "urldecode": unquote_plus,
    "fromJson": _from_json,
}
_NUMBERS: Mapping[str, Any] = {
    "add": lambda *of: sum(map(_whole, of)),
    "sub": lambda a, b: _whole(a) - _whole(b),
    "mul": lambda a, *of: _product([a, *of]),
    "div": lambda a, b: _whole(a) // (_whole(b) or 1),
    "mod": lambda a, b: _whole(a) % (_whole(b) or 1),
    "addf": lambda *of: sum(map(_number, of)),
    "subf": lambda a, b: _number(a) - _number(b),
    "mulf": lambda a, b: _number(a) * _number(b),
    "divf": lambda a, b: _number(a) / (_number(b) or 1.0),
    "max": lambda *of: max(map(_whole, of)),
    "min": lambda *of: min(map(_whole, of)),
    "floor": lambda a: float(int(_number(a) // 1)),
    "ceil": lambda a: float(-int(-_number(a) // 1)),
    "round": lambda a, digits=0: round(_number(a), digits),
    "int": _whole,
    "float64": _number,
    "bytes": lambda text: bytes_of(text) or 0.0,
    "duration": lambda text: seconds_of(text) or 0.0,
    "duration_seconds": lambda text: seconds_of(text) or 0.0,
}


def _product(numbers: list[object]) -> int:
    total = 1
    for one in numbers:
        total *= _whole(one)
    return total
