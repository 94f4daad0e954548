"""What do the braces of a selector say? Matchers, and the name of the metric in quotes."""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected
from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.query.promql.cursor import Cursor
from tocsin.query.promql.quoting import unquote
from tocsin.query.promql.tokens import MATCH_OPERATORS, Kind, Token

_CONTEXT = "label matching"

# RE2's words for what is wrong with a pattern, and Go's for the same.
_GO_WORDS = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "missing closing )",  # the backslash escapes the anchor's parenthesis
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid character class": "invalid character class range",
    "invalid named capture group": "invalid named capture",
}
_ABOUT_ALL = frozenset({"missing closing )", "unexpected )"})
_RE2_MESSAGE = re.compile(r"error parsing regexp: ([^:]*)(?:: (.*))?", re.DOTALL)


def matchers(cursor: Cursor) -> tuple[Matcher, ...]:
    """The matchers between `{`, which is taken already, and `}`; a comma may trail."""
    found: list[Matcher] = []
    while not cursor.sees(Kind.RIGHT_BRACE):
        found.append(_matcher(cursor))
        if not cursor.sees(Kind.COMMA, Kind.RIGHT_BRACE):
            raise cursor.unexpected(_CONTEXT, '"," or "}"')
        if cursor.sees(Kind.COMMA):
            cursor.take()
    cursor.take()
    return tuple(found)


def _matcher(cursor: Cursor) -> Matcher:
    if not cursor.sees(Kind.IDENTIFIER, Kind.STRING):
        raise cursor.unexpected(_CONTEXT, 'identifier or "}"')
    label = cursor.take()
    name = unquote(label.text) if label.kind is Kind.STRING else label.text
    if cursor.peek().kind not in MATCH_OPERATORS:
        if label.kind is Kind.STRING:
            return Matcher(NAME, MatchOp.EQUAL, name)
        raise cursor.unexpected(_CONTEXT, "label matching operator")
    operator = cursor.take()
    value = cursor.expect(Kind.STRING, _CONTEXT, "string")
    return _compiled(cursor, label, name, operator, value)


def _compiled(cursor: Cursor, label: Token, name: str, operator: Token, value: Token) -> Matcher:
    pattern = unquote(value.text)
    try:
        return Matcher(name, MatchOp(operator.text), pattern)
    except Rejected as refusal:
        reason = _in_words_of_go(str(refusal), pattern)
        raise cursor.error(reason, label.start, value.end) from refusal


def _in_words_of_go(message: str, pattern: str) -> str:
    """RE2's complaint as Prometheus makes it, about the pattern anchored at both ends."""
    found = _RE2_MESSAGE.fullmatch(message)
    if found is None:
        return message
    words = _GO_WORDS.get(found[1], found[1])
    about = found[2] or ""
    if words in _ABOUT_ALL:
        about = f"^(?s:{pattern})$"
    elif found[1] == "missing ]":
        about += ")$"
    return f"error parsing regexp: {words}: `{about}`"
