"""How is a template in Jinja2 filled without trusting its author with anything but the fields?

Only an allowed part of the language is taken: fields, conditions, loops over a field's texts, and
filters that neither reach objects nor multiply text without bound. So its time is bounded by its
length; time and size are watched besides. https://jinja.palletsprojects.com/en/stable/sandbox/
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache, wraps
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tocsin.incident.words.fields import Value, shown
from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected

_LARGEST = 100_000
_SECONDS = 1.0
_MOST_TURNS = 1_000
"""So many values a loop, a sort and the like take: texts' letters are more."""
_TURNS, _UNTIL = "@turns", "@until"
"""Names that no template can write."""
_DEEPEST_LOOP = 2
_DEEPEST = 20
_LOOP_PARTS = frozenset(("index", "index0", "first", "last", "length", "revindex"))
_FILTERS = frozenset(
    (
        "upper",
        "lower",
        "title",
        "capitalize",
        "trim",
        "default",
        "d",
        "join",
        "length",
        "count",
        "first",
        "last",
        "truncate",
        "replace",
        "sort",
        "unique",
        "reverse",
        "list",
        "string",
        "wordcount",
        "e",
        "escape",
    )
)
_TESTS = frozenset(("defined", "undefined", "none", "eq", "ne", "in", "string", "sequence"))
_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.For,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
    nodes.Add,
    nodes.CondExpr,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Tuple,
    nodes.List,
    nodes.Keyword,
)


class Texts(tuple[str, ...]):
    """Texts that print as one, joined by commas."""

    __slots__ = ()

    def __str__(self) -> str:
        return ", ".join(self)


def check(source: str, known: Collection[str]) -> None:
    """Raises Rejected, naming the line, for what is no template or names what is not there."""
    try:
        tree = _environment().parse(source)
    except jinja2.TemplateSyntaxError as error:
        raise Rejected(f"line {error.lineno} of the template: {error.message}") from error
    if _height(tree) > _DEEPEST:
        raise Rejected("the template is nested too deeply")
    _check(tree, frozenset(known), frozenset(), depth=0)
    try:
        _compiled(source)
    except (jinja2.TemplateError, SyntaxError) as error:
        raise Rejected(f"the template is none: {error}") from error


def fill(source: str, values: Mapping[str, Value]) -> str:
    """The text; raises Rejected when it fails, takes longer than a second or grows beyond 100,000
    characters. It must have been checked."""
    given: dict[str, object] = {
        name: value if isinstance(value, str) else Texts(value) for name, value in values.items()
    }
    parts: list[str] = []
    size, until = 0, time.monotonic() + _SECONDS
    given[_UNTIL] = until
    try:
        for part in _compiled(source).generate(given):
            parts.append(part)
            size += len(part)
            if size > _LARGEST:
                raise Rejected(f"the text grows beyond {_LARGEST:,} characters")
            _check_time(until)
    except (jinja2.TemplateError, TypeError, ValueError, LookupError) as error:
        raise Rejected(f"the template fails: {error}") from error
    return "".join(parts)


def _height(tree: nodes.Node) -> int:
    """How deep nodes stand in each other: the engine's time grows with the power of it."""
    deepest, left = 0, [(tree, 1)]
    while left:
        node, level = left.pop()
        deepest = max(deepest, level)
        if deepest > _DEEPEST:
            break
        left += [(child, level + 1) for child in node.iter_child_nodes()]
    return deepest


def _check(node: nodes.Node, known: frozenset[str], local: frozenset[str], *, depth: int) -> None:
    if not isinstance(node, _ALLOWED):
        name = type(node).__name__.lower()
        raise _wrong(node, f"{name} is not allowed; use fields, if, for and filters")
    if isinstance(node, nodes.For):
        _check_for(node, known, local, depth=depth)
        return
    if isinstance(node, nodes.Name) and node.ctx == "load":
        _check_name(node, known, local)
    _check_reach(node, depth)
    for child in node.iter_child_nodes():
        _check(child, known, local, depth=depth)


def _check_name(node: nodes.Name, known: frozenset[str], local: frozenset[str]) -> None:
    if node.name not in known | local:
        hint = nearest(node.name, known)
        meant = f'; did you mean "{hint}"?' if hint else "."
        listed = ", ".join(sorted(known))
        raise _wrong(node, f"unknown field {node.name!r}{meant} Known: {listed}")


def _check_reach(node: nodes.Node, depth: int) -> None:
    """Nothing is reached but texts, and nothing is called but what is known."""
    match node:
        case nodes.Filter(name=name) if name not in _FILTERS:
            raise _wrong(node, f"the filter {name!r} is not there; {_list(_FILTERS)}")
        case nodes.Test(name=name) if name not in _TESTS:
            raise _wrong(node, f"the test {name!r} is not there; {_list(_TESTS)}")
        case nodes.Getattr(node=inner, attr=attr):
            is_loop = isinstance(inner, nodes.Name) and inner.name == "loop" and depth
            if not is_loop or attr not in _LOOP_PARTS:
                raise _wrong(node, f"a field has no parts: .{attr}")
        case nodes.Getitem(arg=arg):
            if not (isinstance(arg, nodes.Const) and isinstance(arg.value, int)):
                raise _wrong(node, "only a number may stand in brackets, such as services[0]")
        case _:
            pass


def _check_for(
    node: nodes.For, known: frozenset[str], local: frozenset[str], *, depth: int
) -> None:
    if depth >= _DEEPEST_LOOP or node.recursive:
        raise _wrong(node, f"loops stand at most {_DEEPEST_LOOP} deep in each other")
    if not isinstance(node.target, nodes.Name):
        raise _wrong(node, "a loop has one name, such as {% for one in services %}")
    if not isinstance(node.iter, (nodes.Name, nodes.Filter)):
        raise _wrong(node, "a loop goes through a field, such as services")
    _check(node.iter, known, local, depth=depth)
    inside = local | {node.target.name, "loop"}
    for child in (*node.body, *node.else_, *([node.test] if node.test else ())):
        _check(child, known, inside, depth=depth + 1)


def _wrong(node: nodes.Node, words: str) -> Rejected:
    return Rejected(f"line {node.lineno} of the template: {words}")


def _list(names: Collection[str]) -> str:
    return f"there are: {', '.join(sorted(names))}"


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: value,
    )
    for name in ("sort", "unique", "list"):
        environment.filters[name] = _of_few(environment.filters[name])
    bounded: dict[str, Callable[..., Any]] = {"replace": _replace, "join": _join, _TURNS: _turns}
    environment.filters.update(bounded)
    environment.globals.clear()
    return environment


@lru_cache(maxsize=512)
def _compiled(source: str) -> jinja2.Template:
    tree = _environment().parse(source)
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _TURNS, [], [], None, None, lineno=loop.lineno)
    return _environment().from_string(tree)


@jinja2.pass_context
def _turns(context: jinja2.runtime.Context, values: Collection[object]) -> Iterator[object]:
    """What a loop goes through: few values, and within the time, also when it says nothing."""
    _check_few(values)
    until = context[_UNTIL]
    for one in values:
        _check_time(until)
        yield one


def _of_few(inner: Callable[..., Any]) -> Callable[..., Any]:
    """The filter for few values alone."""

    @wraps(inner)
    def bounded(*given: Any, **named: Any) -> Any:
        for one in given:
            if isinstance(one, (str, tuple, list)):
                _check_few(one)
        return inner(*given, **named)

    return bounded


def _check_few(values: Collection[object]) -> None:
    if len(values) > _MOST_TURNS:
        raise Rejected(f"a template goes through at most {_MOST_TURNS:,} values")


def _check_time(until: float) -> None:
    if time.monotonic() > until:
        raise Rejected(f"the template takes longer than {_SECONDS:g} s")


def _replace(text: object, old: object, new: object) -> str:
    found, old, new = str(text), str(old), str(new)
    if len(found) + found.count(old) * len(new) > _LARGEST:
        raise Rejected(f"the text grows beyond {_LARGEST:,} characters")
    return found.replace(old, new)


def _join(values: object, between: object = "") -> str:
    found = [values] if isinstance(values, str) else [str(one) for one in _texts(values)]
    if sum(map(len, found)) + len(str(between)) * len(found) > _LARGEST:
        raise Rejected(f"the text grows beyond {_LARGEST:,} characters")
    return str(between).join(found)


def _texts(values: object) -> tuple[object, ...]:
    return tuple(values) if isinstance(values, (tuple, list)) else (shown(str(values)),)
