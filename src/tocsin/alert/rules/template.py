"""What does an alert say? Go templates with Prometheus's functions and variables.

Rendered by gotpl; see docs/decisions. Source of the functions: prometheus.io, "Template reference".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, cast
from urllib.parse import quote_plus, urlsplit

import gotpl
from gotpl import TypedMap
from gotpl.runtime.gofmt import sprintf

from tocsin.alert.rules import humanize
from tocsin.alert.rules.template_error import go_s_words
from tocsin.kit.fault import Fault, Rejected
from tocsin.kit.regex import Match, compile_pattern
from tocsin.kit.template_reach import Readable, enclosed
from tocsin.model.labels import Labels
from tocsin.query.promql.durations import parse_duration

_VARIABLES = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)
_SHIFT = len(_VARIABLES)
_GROUP = re.compile(r"\$(?:(\$)|\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
# Go's `Title` begins a word after every sign of ASCII, apostrophes too, and after white space.
_WORD_START = re.compile(r"(?:\A|(?<=[\x00-/:-@\[-^`{-\x7f\s])).", re.S)
_BUDGET = gotpl.ExecutionBudget.strict()
_DIRECTIVE = re.compile(r"%[^a-zA-Z%]*")
_DIGITS = re.compile(r"[0-9]+")
_WIDEST = 10_000
_DIGITS_MOST = 9
_ASKING = re.compile(r"\bquery\b")


class Sample(Readable):
    """One element of a query's result, as templates see it."""

    __slots__ = ("Labels", "Value")

    def __init__(self, labels: Labels, value: float) -> None:
        self.Labels = _map(labels)
        self.Value = value

    def __str__(self) -> str:
        return str(sprintf("{%v %v}", self.Labels, self.Value))


Ask = Callable[[str], Awaitable[Sequence[tuple[Labels, float]]]]
"""What `query` in a template calls: an expression, asked at the time of the evaluation."""


@dataclass(frozen=True, slots=True)
class World:
    """What every template of a configuration may use."""

    external_labels: Labels = ()
    external_url: str = ""


class _Data:
    """The dot of a rule's template; an unknown field is an error, as it is of a Go struct."""

    __slots__ = ("_fields",)

    def __init__(self, labels: Labels, value: float, world: World) -> None:
        self._fields: dict[str, object] = {
            "Labels": _map(labels),
            "ExternalLabels": _map(world.external_labels),
            "ExternalURL": world.external_url,
            "Value": value,
        }

    def __gotemplate_lookup__(self, name: str) -> object:
        if name not in self._fields:
            raise gotpl.TemplateExecutionError(f"can't evaluate field {name}")
        return self._fields[name]

    def __str__(self) -> str:
        return str(sprintf("{%v %v %v %v}", *self._fields.values()))


def check(text: str, name: str) -> None:
    """Raises Rejected with the reason when the text is no template; `name` is the alert's."""
    if "{{" in text:
        try:
            _compiled(text, name, "")
        except gotpl.TemplateError as error:
            raise Rejected(_words(error)) from error


async def expand(
    text: str, name: str, labels: Labels, value: float, *, world: World, ask: Ask
) -> tuple[str, str]:
    """The text for one sample of an alerting rule, and what went wrong (empty when nothing did).

    A failing template gives Prometheus's `<error expanding template: …>` instead of its text.
    """
    if "{{" not in text:
        return text, ""
    try:
        template = _compiled(text, name, world.external_url)
        data = _Data(labels, value, world)
        if not _ASKING.search(text):
            return template.render(data), ""

        async def query(expression: str) -> list[Sample]:
            return [Sample(*one) for one in await ask(expression)]

        functions = {**_functions(world.external_url), "query": query}
        asking = template.with_functions(functions)
        return await asking.render_async(data), ""
    except gotpl.TemplateExecutionError as error:
        words = go_s_words(error, _VARIABLES + text)
    except (gotpl.TemplateError, Fault) as error:
        words = str(error)
    problem = f"error executing template __alert_{name}: {words}"
    return f"<error expanding template: {problem}>", problem


@lru_cache(maxsize=4096)
def _compiled(text: str, name: str, external_url: str) -> gotpl.Template:
    functions = _functions(external_url)
    return gotpl.Template(
        _VARIABLES + text,
        name=f"__alert_{name}",
        functions=functions,
        missing_key="zero",
        sandbox=enclosed(functions, _BUDGET),
        budget=_BUDGET,
    )


def _words(error: Exception) -> str:
    """The error with the columns of the text that its author wrote."""
    message = str(error)
    line, column = getattr(error, "line", None), getattr(error, "column", None)
    if line == 1 and isinstance(column, int) and column > _SHIFT:
        return message.replace(f":1:{column}:", f":1:{column - _SHIFT}:")
    return message


def _map(labels: Labels) -> TypedMap[str, str]:
    return TypedMap(dict(labels), "", "string", "string")


async def _no_query(expression: str) -> list[Sample]:
    raise Rejected(f"nothing can be asked here: {expression}")


@lru_cache(maxsize=16)
def _functions(external_url: str) -> Mapping[str, Callable[..., Any]]:  # Any: what templates call
    path = urlsplit(external_url).path
    return {
        "query": _no_query,
        "printf": _printf,
        "first": _first,
        "value": lambda given: _sample(given).Value,
        "label": lambda name, given: _sample(given).Labels.get(name, ""),
        "strvalue": lambda given: _sample(given).Labels.get("__value__", ""),
        "sortByLabel": _sorted_by_label,
        "args": lambda *given: {f"arg{number}": one for number, one in enumerate(given)},
        "humanize": humanize.humanize,
        "humanize1024": humanize.humanize1024,
        "humanizeDuration": humanize.humanize_duration,
        "humanizePercentage": humanize.humanize_percentage,
        "humanizeTimestamp": humanize.humanize_timestamp,
        "toTime": humanize.instant,
        "parseDuration": lambda text: parse_duration(text) / 1000,
        "title": lambda text: _WORD_START.sub(lambda found: _upper(found[0]), text),
        "toUpper": _upper,
        "toLower": lambda text: "".join(one.lower()[0] for one in text),
        "match": lambda pattern, text: compile_pattern(pattern).search(text) is not None,
        "reReplaceAll": _replace_all,
        "stripPort": _strip_port,
        "stripDomain": _strip_domain,
        "safeHtml": lambda text: text,
        "graphLink": lambda expression: link(expression, table=False),
        "tableLink": lambda expression: link(expression, table=True),
        "externalURL": lambda: external_url,
        "pathPrefix": lambda: path,
    }


def link(expression: str, *, table: bool) -> str:
    """The path of a page that shows an expression, in Prometheus's own words."""
    return f"/graph?g0.expr={quote_plus(expression)}&g0.tab={1 if table else 0}"


def _printf(text: str, *given: object) -> str:
    """Go's `printf`; a width beyond 10,000 is refused, for it would fill memory with blanks."""
    directives = _DIRECTIVE.findall(text.replace("%%", ""))
    numbers = _DIGITS.findall(" ".join(directives))
    widths = [_WIDEST + 1 if len(number) > _DIGITS_MOST else int(number) for number in numbers]
    if "*" in text:
        widths += [abs(one) for one in given if isinstance(one, int)]
    if max(widths, default=0) > _WIDEST:
        raise Rejected(f"printf: a width or precision of more than {_WIDEST:,}")
    return str(sprintf(text, *given))


def _upper(text: str) -> str:
    """Letter by letter, as Go does it: what has no capital letter of its own stays."""
    capitals = ((one, one.upper()) for one in text)
    return "".join(large if len(large) == 1 else one for one, large in capitals)


def _sample(given: object) -> Sample:
    if not isinstance(given, Sample):
        raise Rejected(f"can't handle {sprintf('%v', given)} for arg of type *template.sample")
    return given


def _sorted_by_label(name: str, found: object) -> list[Sample]:
    return sorted(_samples(found), key=lambda one: one.Labels.get(name, ""))


def _samples(given: object) -> list[Sample]:
    if not isinstance(given, list):
        raise Rejected(f"can't handle {sprintf('%v', given)} for arg of type template.queryResult")
    return [_sample(one) for one in given]


def _first(found: object) -> Sample:
    samples = _samples(found)
    if not samples:
        raise Rejected("first() called on vector with no elements")
    return samples[0]


def _replace_all(pattern: str, replacement: str, text: str) -> str:
    """RE2 with Go's `$1` and `${name}`; a group that is not there gives nothing."""
    compile_pattern(pattern)  # what is wrong is said of the pattern as it was written
    # Go's `.` does not match newlines; Tocsin's own patterns do.
    compiled = cast("_Replacing", compile_pattern(f"(?-s){pattern}"))

    def filled(found: Match) -> str:
        def group(reference: re.Match[str]) -> str:
            if reference[1]:
                return "$"
            name = reference[2] or reference[3]
            try:
                return found.group(int(name) if name.isdecimal() else name) or ""
            except (IndexError, KeyError):
                return ""

        return _GROUP.sub(group, replacement)

    return compiled.sub(filled, text)


class _Replacing(Protocol):
    """The part of RE2's patterns that only templates use."""

    def sub(self, replacement: Callable[[Match], str], text: str) -> str: ...


def _strip_port(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not colon or "]" in port:
        return address
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    return address if ":" in host else host


def _strip_domain(address: str) -> str:
    host = _strip_port(address)
    port = address[len(host) :] if address.startswith(host) else ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.split(".", 1)[0] + port
    return address
