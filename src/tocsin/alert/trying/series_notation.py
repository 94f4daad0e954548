"""What series does `1+2x3 _ stale` stand for? The notation of promtool's unit tests.

Source: prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tocsin.kit.fault import Rejected
from tocsin.model import labels as model
from tocsin.model.labels import Labels, MatchOp
from tocsin.model.samples import STALE
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse_selector

_NUMBER = r"[-+]?(?:0[xX][0-9a-fA-F]+|[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[iI]nf|[nN]a[nN])"
_RUN = re.compile(rf"({_NUMBER})(?:([-+])({_NUMBER.removeprefix('[-+]?')}))?x([0-9]+)")
_MOST = 1_000_000


def labels_of(text: str) -> Labels:
    """The labels of `metric{name="value"}`; `{}` has none. Raises Rejected."""
    if text.strip() in ("", "{}"):
        return ()
    try:
        matchers = parse_selector(text)
    except ParseError as error:
        raise Rejected(f"{text!r} is no series: {error}") from error
    if any(matcher.op is not MatchOp.EQUAL for matcher in matchers):
        raise Rejected(f"{text!r} is no series: labels are given with =")
    return model.make((matcher.name, matcher.value) for matcher in matchers)


def values_of(text: str) -> list[float | None]:
    """One value for each step, None where there is no sample. Raises Rejected."""
    if "{{" in text:
        raise Rejected("native histograms are not supported; use classic buckets")
    found: list[float | None] = []
    for word in text.split():
        found.extend(_values(word))
        if len(found) > _MOST:
            raise Rejected(f"more than {_MOST:,} values in one series")
    return found


def _values(word: str) -> Iterator[float | None]:
    if word == "stale":
        yield STALE
    elif word.startswith("_"):
        yield from [None] * _count(word[1:].removeprefix("x") or "1", word)
    elif run := _RUN.fullmatch(word):
        value, change = _number(run[1], word), _number(run[3] or "0", word)
        for _ in range(_count(run[4], word) + 1):
            yield value
            # Added up step by step, as promtool does: the last bits of the sums agree.
            value += -change if run[2] == "-" else change
    else:
        yield _number(word, word)


def _count(text: str, word: str) -> int:
    if not text.isdecimal() or int(text) > _MOST:
        raise Rejected(f"{word!r}: expected a number of times up to {_MOST:,}")
    return int(text)


def _number(text: str, word: str) -> float:
    try:
        return float(int(text, 16)) if "x" in text.lower() else float(text)
    except ValueError:
        raise Rejected(f"{word!r} is no value, no run such as 1+2x3, not _ and not stale") from None
