"""What does a question in TraceQL ask about one span? Sets of spans without a pipeline.

https://grafana.com/docs/tempo/latest/traceql/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.query.logs.ast import All, Compare, Everything, Field, Has, Not, Query, Regex, Some
from tocsin.query.traces.go_duration import go_duration_ns

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`)
  | (?P<duration>-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+(?![\w.]))
  | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
  | (?P<name>[A-Za-z_.:][\w.:/@-]*(?:"(?:[^"\\]|\\.)*"[\w./-]*)*)
  | (?P<sign>&&|\|\||=~|!~|!=|>=|<=|=|>|<|[{}()!|>~+*/^&-])
    )""",
    re.VERBOSE,
)
_LONGEST = 8_000
_DEEPEST = 40

_SIGNS = {
    "=": Compare.EXACT,
    "!=": Compare.DIFFERENT,
    ">": Compare.GREATER,
    ">=": Compare.AT_LEAST,
    "<": Compare.LESS,
    "<=": Compare.AT_MOST,
}
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_INTRINSICS = {
    **dict.fromkeys(("name", "span:name"), "name"),
    **dict.fromkeys(("status", "span:status"), "status"),
    **dict.fromkeys(("statusMessage", "span:statusMessage"), "status_message"),
    **dict.fromkeys(("kind", "span:kind"), "kind"),
    **dict.fromkeys(("duration", "span:duration"), "duration"),
    "span:id": "span_id",
    "span:parentID": "parent_id",
    "trace:id": "trace_id",
    "event:name": "event",
    "instrumentation:name": "scope",
}
_WORDS = ("status", "kind")
"""Intrinsics whose values are words without quotation marks."""
_OF_TRACE = {
    "rootName": "name",
    "trace:rootName": "name",
    "rootServiceName": "resource.service.name",
    "trace:rootService": "resource.service.name",
    "traceDuration": "duration",
    "trace:duration": "duration",
}
_ROOT = "nestedSetParent"
_SCOPES = ("resource.", "span.", "event.", ".")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Query:
    """The condition on a span. Raises Rejected, with the place, for what is no TraceQL and for the
    parts of it that are about whole traces, or compute."""
    return _Parser(_tokens(text)).query()


def _tokens(text: str) -> list[_Token]:
    if len(text) > _LONGEST:
        raise Rejected(f"a TraceQL question has {_LONGEST:,} characters at the most")
    found, at = [], 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            raise Rejected(f"TraceQL: {text[at:].strip()[:20]!r} cannot be read at {at + 1}")
        kind = token.lastgroup or ""
        found.append(_Token(kind, token[kind], token.start(kind) + 1))
        at = token.end()
    found.append(_Token("end", "", len(text) + 1))
    return found


class _Parser:
    """Reads tokens from the left to the right; `||` binds less than `&&`."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def query(self) -> Query:
        """The whole question."""
        if self._next.kind == "end":
            return Everything()
        found = [self._set()]
        while self._taken("||"):
            found.append(self._set())
        if self._next.text in ("&&", ">", ">>", "<", "~", "!"):
            self._refuse("how spans of a trace relate", "write what one span is: { a && b }")
        if self._next.text == "|":
            self._refuse("a pipeline", "ask for spans with { … } alone")
        self._expect_end()
        return found[0] if len(found) == 1 else Some(tuple(found))

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _set(self) -> Query:
        self._expect("{")
        if self._taken("}"):
            return Everything()
        found = self._either()
        self._expect("}")
        return found

    def _either(self) -> Query:
        parts = [self._both()]
        while self._taken("||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _both(self) -> Query:
        parts = [self._one()]
        while self._taken("&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Query:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Rejected(f"TraceQL: at most {_DEEPEST} conditions within one another")
        if self._taken("!"):
            found: Query = Not(self._one())
        elif self._taken("("):
            found = self._either()
            self._expect(")")
        else:
            found = self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> Query:
        left = self._take_value()
        sign = self._next
        if sign.text not in (*_SIGNS, "=~", "!~"):
            return self._alone(left)
        self._at += 1
        right = self._take_value()
        if self._next.text in ("+", "-", "*", "/", "^", "&"):
            self._refuse("arithmetic", "write the number")
        if not _is_field(left) and _is_field(right):
            left, right = right, left
            return self._compared(left, _TURNED.get(sign.text, sign.text), right)
        return self._compared(left, sign.text, right)

    def _alone(self, token: _Token) -> Query:
        if token.text == "true":
            return Everything()
        if token.text == "false":
            return Not(Everything())
        if _is_field(token) and token.text.startswith(_SCOPES):
            return Field(_named(token), Compare.EXACT, "true")
        raise Rejected(f"TraceQL: {token.text[:40]!r} at {token.at} is compared with nothing")

    def _compared(self, field: _Token, sign: str, value: _Token) -> Query:
        if not _is_field(field):
            raise Rejected(f"TraceQL: {field.text[:40]!r} at {field.at} is no field of a span")
        if field.text == _ROOT:
            return self._root(sign, value)
        if (of_root := _OF_TRACE.get(field.text)) is not None:
            raise Rejected(
                f"TraceQL: {field.text} at {field.at} is of a whole trace; ask for its first span:"
                f" {{ nestedSetParent < 0 && {of_root} {sign} … }}"
            )
        name = _named(field)
        if value.text == "nil" and value.kind == "name":
            return Has(name) if sign == "!=" else Not(Has(name))
        if sign in ("=~", "!~"):
            return self._matched(name, sign, value)
        text = _value(name, value)
        found: Query = Field(name, _SIGNS[sign], text)
        # What a span does not have is not different.
        is_open = sign == "!=" and field.text.startswith(_SCOPES)
        return All((Has(name), found)) if is_open else found

    @staticmethod
    def _root(sign: str, value: _Token) -> Query:
        is_root = (sign, value.text) in (("<", "0"), ("=", "-1"))
        if not is_root and (sign, value.text) not in ((">=", "0"), ("!=", "-1"), (">", "-1")):
            raise Rejected(f"TraceQL: {_ROOT} can only be asked for as `{_ROOT} < 0`: a root")
        return Field("root", Compare.EXACT, "true" if is_root else "false")

    @staticmethod
    def _matched(name: str, sign: str, value: _Token) -> Query:
        if value.kind != "text":
            raise Rejected(f"TraceQL: a regular expression is a text, not {value.text[:40]!r}")
        pattern = f"^(?:{_unquoted(value.text)})$"
        compile_pattern(pattern)
        found = Regex(name, pattern)
        return found if sign == "=~" else All((Has(name), Not(found)))

    def _take_value(self) -> _Token:
        token = self._next
        if token.kind in ("end", "sign"):
            said = repr(token.text) if token.text else "the end"
            raise Rejected(f"TraceQL: a field or a value is missing before {said} at {token.at}")
        self._at += 1
        return token

    def _taken(self, sign: str) -> bool:
        if self._next.kind == "sign" and self._next.text == sign:
            self._at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._taken(sign):
            found = self._next
            said = repr(found.text[:20]) if found.text else "the end"
            raise Rejected(f"TraceQL: {sign!r} is expected at {found.at}, not {said}")

    def _expect_end(self) -> None:
        if self._next.kind != "end":
            found = self._next
            raise Rejected(f"TraceQL: {found.text[:20]!r} at {found.at} is not understood")

    def _refuse(self, what: str, instead: str) -> NoReturn:
        raise Rejected(f"TraceQL: {what} (at {self._next.at}) cannot be asked for; {instead}")


def _is_field(token: _Token) -> bool:
    """Whether it names a part of a span; words such as `error` are values."""
    known = (*_INTRINSICS, *_OF_TRACE, _ROOT)
    return token.kind == "name" and (token.text in known or token.text.startswith(_SCOPES))


def _named(token: _Token) -> str:
    """The field by the name that questions about spans have for it."""
    if token.text in _INTRINSICS:
        return _INTRINSICS[token.text]
    return re.sub(r'"((?:[^"\\]|\\.)*)"', lambda found: found[1].replace("\\", ""), token.text)


def _value(name: str, token: _Token) -> str:
    if name == "duration":
        if token.kind != "duration":
            raise Rejected(f"TraceQL: {token.text[:40]!r} at {token.at} is no duration")
        return f"{go_duration_ns(token.text)}ns"
    if token.kind == "text":
        return _unquoted(token.text)
    if token.kind == "duration":
        return str(go_duration_ns(token.text))
    if token.kind == "name" and name not in _WORDS and token.text not in ("true", "false"):
        raise Rejected(f'TraceQL: {token.text[:40]!r} at {token.at} needs quotation marks: "…"')
    return token.text


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1])
