"""How far may a Go template reach? To what it is given, never into Python.

gotpl looks fields up as attributes of Python's values. A text has a method `format`, which reads
any attribute of anything, and `ljust`, which fills memory: neither is there in Go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import gotpl

_DENIED = re.compile(r"(?:attribute|property|method) '([^']*)' is not allowed$")


class Readable:
    """A value whose public names templates may use; other values of Python have no fields."""

    __slots__ = ()

    def __gotemplate_lookup__(self, name: str) -> object:
        if name.startswith("_") or not hasattr(type(self), name):
            raise gotpl.TemplateExecutionError(
                f"can't evaluate field {name} in type {type(self).__name__}"
            )
        return getattr(self, name)


def enclosed(functions: Iterable[str], budget: gotpl.ExecutionBudget) -> gotpl.SandboxPolicy:
    """What a template may use: these functions, mappings, and fields of what is `Readable` or has a
    `__gotemplate_lookup__` of its own."""
    return gotpl.SandboxPolicy(
        allow_functions=functions, allow_custom_lookup=True, default_budget=budget
    )


def in_go_s_words(message: str) -> str:
    """The message of an error, as Go says that a value does not have a field."""
    return _DENIED.sub(r"can't evaluate field \1", message)
