"""How much do lines say?"""

from __future__ import annotations

from collections.abc import Sequence
from operator import add, attrgetter

from tocsin.model.logs import LogRecord

_BODY, _ORIGINAL = attrgetter("body"), attrgetter("original")


def characters(records: Sequence[LogRecord]) -> list[int]:
    """The characters of the text and the original of each line together."""
    texts = map(len, map(_BODY, records))
    return list(map(add, texts, map(len, map(_ORIGINAL, records))))
