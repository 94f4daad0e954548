"""In which unit does a condition speak? `p95_response_time > 2000ms` of ms, where PromQL has s."""

from __future__ import annotations

import re

from tocsin.alert.plain.condition_tokens import UNITS, ConditionError, Kind, tokens

_COMPARES = frozenset((">", ">=", "<", "<=", "==", "!="))
_WRITTEN = re.compile(r"-?[0-9.eE+-]*[0-9.]\s?(%|[A-Za-zµμ]+)")


def unit_of(condition: str) -> str:
    """The unit of the number that a condition ends in and compares with; empty when it compares
    more than once, with no unit, or with several (`1m30s`)."""
    try:
        found = tokens(condition)
    except ConditionError:
        return ""
    signs = [at for at, one in enumerate(found) if one.kind is Kind.SIGN and one.text in _COMPARES]
    end = found[-2] if len(found) > 2 else found[-1]
    if len(signs) != 1 or end.kind is not Kind.QUANTITY or signs[0] != len(found) - 3:
        return ""
    match = _WRITTEN.fullmatch(end.text)
    return match[1] if match and match[1] in UNITS else ""
