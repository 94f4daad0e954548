"""How are `{severity}` and the like filled, the notation in which many teams keep their texts?"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from tocsin.incident.words.fields import Value, shown
from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected

_LARGEST = 100_000
FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def check(source: str, known: Collection[str]) -> None:
    """Raises Rejected, naming the line, for a field that is not there."""
    for found in FIELD.finditer(source):
        if found[1] not in known:
            line = source.count("\n", 0, found.start()) + 1
            hint = nearest(found[1], known)
            meant = f'; did you mean "{hint}"?' if hint else "."
            raise Rejected(
                f"line {line} of the template: unknown field {{{found[1]}}}{meant} "
                f"Known: {', '.join(sorted(known))}"
            )


def fill(source: str, values: Mapping[str, Value]) -> str:
    """The text; what a field says is never read as a template again. Raises Rejected when it grows
    beyond 100,000 characters."""
    parts, size, at = [], 0, 0
    for found in FIELD.finditer(source):
        parts += [source[at : found.start()], shown(values[found[1]])]
        size += len(parts[-1]) + len(parts[-2])
        at = found.end()
        if size > _LARGEST:
            raise Rejected(f"the text grows beyond {_LARGEST:,} characters")
    return "".join([*parts, source[at:]])
