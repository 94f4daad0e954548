"""What is a communication template: in which notation, and what does it become?"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from types import ModuleType

from tocsin.incident.words import braces, go_template, jinja_template
from tocsin.incident.words.fields import FIELDS, Value
from tocsin.kit.fault import Rejected

_LONGEST = 20_000
_MOST_TAGS = 300
_LONGEST_TAG = 1000
_OPENS = re.compile(r"\{[{%]")
_CLOSES = {"{{": "}}", "{%": "%}"}
_GO_FIELD = re.compile(r"(?<![\w)\]\"'.])\$?\.[A-Za-z_]")
_GO_WORD = re.compile(r"-?\s*(?:end\b|(?:range|with)\s+[.$])")


class Notation(Enum):
    """How a template names its fields."""

    BRACES = "braces"
    """`{severity}`"""
    JINJA2 = "jinja2"
    """`{{ severity }}`"""
    GO = "go"
    """`{{ .severity }}`"""


_ROOMS: Mapping[Notation, ModuleType] = {
    Notation.BRACES: braces,
    Notation.JINJA2: jinja_template,
    Notation.GO: go_template,
}


def notation_of(source: str) -> Notation:
    """The notation that the text looks like. Raises Rejected for tags that are none."""
    inner = tags(source)
    if not inner:
        return Notation.BRACES
    is_go = any(_GO_FIELD.search(one) or _GO_WORD.match(one) for one in inner)
    return Notation.GO if is_go else Notation.JINJA2


def tags(source: str) -> list[str]:
    """What stands within `{{ }}` and `{% %}`. Raises Rejected for one that is not closed, holds
    another, or is long, and for many: reading those would take the engines very long."""
    found: list[str] = []
    at = 0
    while (opened := _OPENS.search(source, at)) is not None:
        start = opened.end()
        end = source.find(_CLOSES[opened[0]], start)
        inner = source[start:end]
        line = source.count("\n", 0, start) + 1
        if end < 0:
            raise Rejected(f"line {line} of the template: {opened[0]} is not closed")
        if _OPENS.search(inner):
            raise Rejected(f"line {line} of the template: {opened[0]} holds another one")
        if len(inner) > _LONGEST_TAG:
            raise Rejected(f"line {line} of the template: longer than {_LONGEST_TAG} characters")
        found.append(inner)
        if len(found) > _MOST_TAGS:
            raise Rejected(f"a template has at most {_MOST_TAGS} tags")
        at = end + 2
    return found


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was checked: it names nothing that is not there."""

    source: str
    notation: Notation

    def fill(self, values: Mapping[str, Value]) -> str:
        """The text, without blank lines around it; raises Rejected when it cannot be made."""
        filled: Callable[[str, Mapping[str, Value]], str] = _ROOMS[self.notation].fill
        return "\n".join(line.rstrip() for line in filled(self.source, values).strip().split("\n"))


def template_of(
    source: str, notation: Notation | None = None, known: Collection[str] = FIELDS
) -> Template:
    """Raises Rejected, saying where and what to write instead, when it is none."""
    if len(source) > _LONGEST:
        raise Rejected(f"a template has at most {_LONGEST:,} characters")
    looks = notation_of(source)
    found = Template(source, notation or looks)
    try:
        _ROOMS[found.notation].check(source, known)
    except RecursionError as error:
        raise Rejected("the template is nested too deeply") from error
    return found
