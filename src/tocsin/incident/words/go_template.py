"""How is a Go template filled with an incident's fields? `.Severity` means `.severity` too."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

import gotpl

from tocsin.incident.words.fields import Value
from tocsin.incident.words.go_functions import FUNCTIONS
from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.template_reach import enclosed, in_go_s_words

_BUDGET = gotpl.ExecutionBudget(
    max_output_chars=100_000,
    max_iterations=20_000,
    max_template_depth=10,
    max_function_calls=5_000,
)
_ACTION = re.compile(r"\{\{-?(.{0,2000}?)-?\}\}", re.S)
_COMMENT = re.compile(r"^\s*/\*.*\*/\s*$", re.S)
_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`')
_FIELD = re.compile(r"(?<![\w)\].])(?:\$)?\.([A-Za-z_]\w*)")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+")


def check(source: str, known: Collection[str]) -> None:
    """Raises Rejected for what is no template or names what is not there."""
    for action in _ACTION.finditer(source):
        if _COMMENT.match(action[1]):
            continue
        for field in _FIELD.finditer(_TEXT.sub('""', action[1])):
            if field_name(field[1]) not in known:
                line = source.count("\n", 0, action.start()) + 1
                hint = nearest(field_name(field[1]), known)
                meant = f'; did you mean "{hint}"?' if hint else "."
                words = f"unknown field {field[1]!r}{meant} Known: {', '.join(sorted(known))}"
                raise Rejected(f"line {line} of the template: {words}")
    try:
        _compiled(source)
    except gotpl.TemplateError as error:
        raise Rejected(f"the template is none: {error}") from error


def fill(source: str, values: Mapping[str, Value]) -> str:
    """The text; raises Rejected when it fails or grows beyond its bounds."""
    try:
        return str(_compiled(source).render(_Fields(values)))
    except (gotpl.TemplateError, TypeError, ValueError) as error:
        raise Rejected(f"the template fails: {in_go_s_words(str(error))}") from error


def field_name(name: str) -> str:
    """`NextUpdateTime` and `IncidentID` as `next_update_time` and `incident_id`."""
    return "_".join(part.lower() for part in _WORD.findall(name)) if name[:1].isupper() else name


class _Fields:
    """The dot: an unknown field is an error, as it is of a Go struct."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def __gotemplate_lookup__(self, name: str) -> object:
        found = self._values.get(field_name(name))
        if found is None:
            raise gotpl.TemplateExecutionError(f"can't evaluate field {name}")
        return found if isinstance(found, str) else list(found)


@lru_cache(maxsize=512)
def _compiled(source: str) -> gotpl.Template:
    return gotpl.Template(
        source,
        name="words",
        functions=dict(FUNCTIONS),
        missing_key="error",
        sandbox=enclosed(FUNCTIONS, _BUDGET),
        budget=_BUDGET,
    )
