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
_GO = re.compile(
    r"\{\{-?[^}]*?(?<![\w)\]\"'.])\$?\.[A-Za-z_]|\{\{-?\s*(?:end\b|(?:range|with)\s+[.$])"
)


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
    """The notation that the text looks like."""
    if "{{" not in source and "{%" not in source:
        return Notation.BRACES
    return Notation.GO if _GO.search(source) else Notation.JINJA2


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
    found = Template(source, notation or notation_of(source))
    _ROOMS[found.notation].check(source, known)
    return found
