"""Which words and signs is a query made of, and how are they named in messages?"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from tocsin.query.promql.quoting import quote, quote_short


class Kind(Enum):
    """The kinds of tokens; the value is how the sign or word is written, in small letters."""

    EOF = "end of input"
    IDENTIFIER = "identifier"
    METRIC_IDENTIFIER = "metric identifier"
    STRING = "string"
    NUMBER = "number"
    DURATION = "duration"
    LEFT_PAREN = "("
    RIGHT_PAREN = ")"
    LEFT_BRACE = "{"
    RIGHT_BRACE = "}"
    LEFT_BRACKET = "["
    RIGHT_BRACKET = "]"
    COMMA = ","
    COLON = ":"
    EQL = "="
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"
    POW = "^"
    EQLC = "=="
    NEQ = "!="
    LTE = "<="
    LSS = "<"
    GTE = ">="
    GTR = ">"
    TRIM_LOWER = ">/"
    TRIM_UPPER = "</"
    EQL_REGEX = "=~"
    NEQ_REGEX = "!~"
    AT = "@"
    AND = "and"
    OR = "or"
    UNLESS = "unless"
    ATAN2 = "atan2"
    SUM = "sum"
    AVG = "avg"
    COUNT = "count"
    MIN = "min"
    MAX = "max"
    GROUP = "group"
    STDDEV = "stddev"
    STDVAR = "stdvar"
    TOPK = "topk"
    BOTTOMK = "bottomk"
    COUNT_VALUES = "count_values"
    QUANTILE = "quantile"
    LIMITK = "limitk"
    LIMIT_RATIO = "limit_ratio"
    OFFSET = "offset"
    SMOOTHED = "smoothed"
    ANCHORED = "anchored"
    BY = "by"
    WITHOUT = "without"
    ON = "on"
    IGNORING = "ignoring"
    GROUP_LEFT = "group_left"
    GROUP_RIGHT = "group_right"
    FILL = "fill"
    FILL_LEFT = "fill_left"
    FILL_RIGHT = "fill_right"
    BOOL = "bool"
    START = "start"
    END = "end"
    STEP = "step"
    RANGE = "range"
    MIN_OF = "min_of"
    MAX_OF = "max_of"


class Token(NamedTuple):
    """A token, where it starts, and its text as it was written."""

    kind: Kind
    start: int
    text: str

    @property
    def end(self) -> int:
        """Where the next character stands."""
        return self.start + len(self.text)


SET_OPERATORS = frozenset({Kind.AND, Kind.OR, Kind.UNLESS})
COMPARISONS = frozenset({Kind.EQLC, Kind.NEQ, Kind.LTE, Kind.LSS, Kind.GTE, Kind.GTR})
ARITHMETIC = frozenset({Kind.ADD, Kind.SUB, Kind.MUL, Kind.DIV, Kind.MOD, Kind.POW, Kind.ATAN2})
TRIMS = frozenset({Kind.TRIM_LOWER, Kind.TRIM_UPPER})
"""Operators for native histograms alone."""

MATCH_OPERATORS = frozenset({Kind.EQL, Kind.NEQ, Kind.EQL_REGEX, Kind.NEQ_REGEX})
OPERATORS = (
    SET_OPERATORS | COMPARISONS | ARITHMETIC | TRIMS | MATCH_OPERATORS - {Kind.EQL} | {Kind.AT}
)
AGGREGATORS = frozenset(
    {
        Kind.SUM,
        Kind.AVG,
        Kind.COUNT,
        Kind.MIN,
        Kind.MAX,
        Kind.GROUP,
        Kind.STDDEV,
        Kind.STDVAR,
        Kind.TOPK,
        Kind.BOTTOMK,
        Kind.COUNT_VALUES,
        Kind.QUANTILE,
        Kind.LIMITK,
        Kind.LIMIT_RATIO,
    }
)

KEYWORDS = frozenset(
    {
        Kind.OFFSET,
        Kind.SMOOTHED,
        Kind.ANCHORED,
        Kind.BY,
        Kind.WITHOUT,
        Kind.ON,
        Kind.IGNORING,
        Kind.GROUP_LEFT,
        Kind.GROUP_RIGHT,
        Kind.FILL,
        Kind.FILL_LEFT,
        Kind.FILL_RIGHT,
        Kind.BOOL,
    }
)
FILLS = frozenset({Kind.FILL, Kind.FILL_LEFT, Kind.FILL_RIGHT})
DURATION_WORDS = frozenset({Kind.STEP, Kind.RANGE, Kind.MIN_OF, Kind.MAX_OF, Kind.MIN, Kind.MAX})
"""What is a word inside square brackets; `min` and `max` are what older versions call the two."""

WORDS = {kind.value: kind for kind in Kind if kind.value.isidentifier()} | {
    "inf": Kind.NUMBER,
    "nan": Kind.NUMBER,
}
for _name in ("identifier", "string", "number", "duration"):
    del WORDS[_name]

METRIC_NAMES = (
    AGGREGATORS
    | DURATION_WORDS
    | {
        Kind.IDENTIFIER,
        Kind.METRIC_IDENTIFIER,
        Kind.AND,
        Kind.OR,
        Kind.UNLESS,
        Kind.BY,
        Kind.WITHOUT,
        Kind.OFFSET,
        Kind.START,
        Kind.END,
        Kind.ANCHORED,
        Kind.SMOOTHED,
    }
)
"""What may stand where a metric's name is expected."""

LABEL_NAMES = METRIC_NAMES | KEYWORDS | {Kind.ATAN2}
"""What may stand where a label's name is expected in `by (…)` and the like."""

_DESCRIBED = frozenset(
    {Kind.IDENTIFIER, Kind.METRIC_IDENTIFIER, Kind.STRING, Kind.NUMBER, Kind.DURATION}
)


def describe(token: Token) -> str:
    """How Prometheus names a token it did not expect: `identifier "x"`, `<by>`, `<op:+>`."""
    kind = token.kind
    if kind is Kind.EOF:
        return "end of input"
    if kind in (Kind.IDENTIFIER, Kind.METRIC_IDENTIFIER):
        return f"{kind.value} {quote(token.text)}"
    if kind in _DESCRIBED:
        return f"{kind.value} {quote_short(token.text)}"
    if kind in KEYWORDS:
        return f"<{token.text}>"
    if kind in OPERATORS:
        return f"<op:{token.text}>"
    if kind in AGGREGATORS:
        return f"<aggr:{token.text}>"
    return quote_short(token.text)
