"""How is the text that people type read? As Lucene's query syntax, with comparisons.

`service:api level>=warn "timed out" -health user.id:42 duration_ms>500`: words next to each other
mean both; `OR`, `AND`, `NOT`, `-`, parentheses, `field:(a OR b)`, `field:[1 TO 5]`, `field:/re/`,
wildcards, `has:field` and `missing:field`.
https://www.elastic.co/docs/explore-analyze/query-filter/languages/lucene-query-syntax
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.query.logs.ast import (
    All,
    Compare,
    Everything,
    Field,
    Has,
    Not,
    Query,
    Range,
    Regex,
    Some,
    Wildcard,
    Words,
)

LONGEST = 10_000
DEEPEST = 50

_SPACE = re.compile(r"\s+")
_FIELD = re.compile(r"((?:[\w@.-]|[^\x00-\x7f\w]|\\.)+)(:|>=|<=|!=|=|>|<)")
"""Each letter can be taken in one way only: in two, a long word would be tried 2^n times."""
_WORD = re.compile(r'(?:[^\s()"\[\]{}\\]|\\.)+')
_VALUE = re.compile(r'(?:[^\s()"\\]|\\.)+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SLASHED = re.compile(r"/((?:[^/\\]|\\.)+)/(?=[\s)]|$)")
"""A path such as /api/v1 is no pattern: one ends with its slash."""
_RANGE = re.compile(r"([\[{])\s*(\"[^\"]*\"|[^\s\]}]+)\s+TO\s+(\"[^\"]*\"|[^\s\]}]+)\s*([\]}])")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WILD = re.compile(r"(?<!\\)[*?]")
_FUZZ = re.compile(r"[~^]\d*(?:\.\d+)?")
_EXISTS = ("has", "_exists_", "exists")


def parse(text: str, *, any_word: bool = False) -> Query:
    """The question; raises Rejected with the place of the first mistake and what is expected.

    With `any_word`, parts next to each other mean at least one, as Lucene has it by itself: `+`
    asks for a part, `-` and NOT exclude one.
    """
    if len(text) > LONGEST:
        raise Rejected(f"the question has {len(text):,} characters; {LONGEST:,} are the most")
    return _Parser(text, any_word).whole()


@dataclass(slots=True)
class _Parser:
    text: str
    any_word: bool = False
    at: int = 0
    depth: int = 0

    def whole(self) -> Query:
        self._skip()
        if self.at == len(self.text):
            return Everything()
        found = self._either()
        if self.at < len(self.text):
            raise self._wrong("this closes nothing; take it away or open it before")
        return found

    def _either(self) -> Query:
        parts = [self._both()]
        while self._word("OR") or self._sign("||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _both(self) -> Query:
        parts = [self._wanted()]
        joined = False
        while True:
            self._skip()
            if self.at == len(self.text) or self.text[self.at] == ")" or self._ahead("OR"):
                break
            if self.text.startswith("||", self.at):
                break
            if self._word("AND") or self._sign("&&"):
                joined = True
                parts[-1] = (True, parts[-1][1])
            else:
                joined = not self.any_word
            needed, part = self._wanted()
            parts.append((needed or joined, part))
        return self._together(parts)

    def _wanted(self) -> tuple[bool, Query]:
        """Whether a part must match whatever stands beside it, and the part."""
        self._skip()
        needed = self.text.startswith("+", self.at) or not self.any_word
        part = self._one()
        return needed or isinstance(part, Not), part

    def _together(self, parts: list[tuple[bool, Query]]) -> Query:
        every = [part for needed, part in parts if needed]
        some = [part for needed, part in parts if not needed]
        if some and all(isinstance(part, Not) for part in every):
            every.append(some[0] if len(some) == 1 else Some(tuple(some)))
        return every[0] if len(every) == 1 else All(tuple(every))

    def _one(self) -> Query:
        self._skip()
        if self.at == len(self.text):
            raise self._wrong("something to look for is expected here")
        if self._word("NOT") or self._negated():
            return Not(self._deeper(self._one))
        if self._sign("+"):
            return self._deeper(self._one)
        if self._sign("("):
            return self._closed(self._deeper(self._either))
        if named := _FIELD.match(self.text, self.at):
            return self._of_field(named)
        return self._value("")

    def _negated(self) -> bool:
        following = self.text[self.at + 1 : self.at + 2]
        return bool(following.strip()) and (self._sign("-") or self._sign("!"))

    def _of_field(self, named: re.Match[str]) -> Query:
        field, compare = _ESCAPED.sub(r"\1", named.group(1)), Compare(named.group(2))
        before = self.at
        self.at = named.end()
        if compare is Compare.EQUAL:
            for sign in (">=", "<=", ">", "<"):
                if self._sign(sign):  # Lucene's own way of writing it
                    compare = Compare(sign)
                    break
        if field in (*_EXISTS, "missing") and compare is Compare.EQUAL:
            has = Has(self._text_of_value())
            return Not(has) if field == "missing" else has
        if compare is not Compare.EQUAL:
            value = self._text_of_value()
            if not value:
                raise self._wrong(f"a value is expected behind {self.text[before : self.at]}")
            return Field(field, compare, value)
        if self._sign("("):
            return self._closed(self._deeper(lambda: self._any_of(field)))
        return self._value(field)

    def _any_of(self, field: str) -> Query:
        """`field:(a OR b)`, `field:(a b)`: one of them; `AND` wants all."""
        parts, is_all = [], False
        while True:
            self._skip()
            if self.at == len(self.text) or self.text[self.at] == ")":
                break
            if self._word("OR") or self._sign("||"):
                continue
            if self._word("AND") or self._sign("&&"):
                is_all = True
                continue
            is_not = self._word("NOT") or self._negated()
            self._skip()
            part = self._value(field)
            parts.append(Not(part) if is_not else part)
        if not parts:
            raise self._wrong("a value is expected in these parentheses")
        return All(tuple(parts)) if is_all else Some(tuple(parts))

    def _value(self, field: str) -> Query:
        if span := _RANGE.match(self.text, self.at):
            self.at = span.end()
            opening, low, high, closing = span.groups()
            return Range(field, low.strip('"'), high.strip('"'), opening == "[", closing == "]")
        if quoted := _QUOTED.match(self.text, self.at):
            self._past(quoted.end())
            value = _ESCAPED.sub(r"\1", quoted.group(1))
            return Field(field, Compare.EQUAL, value) if field else Words(value, is_phrase=True)
        if slashed := _SLASHED.match(self.text, self.at):
            pattern = slashed.group(1).replace("\\/", "/")
            try:
                compile_pattern(pattern)
            except Rejected as error:
                raise self._wrong(str(error)) from error
            self.at = slashed.end()
            return Regex(field, pattern)
        word = (_VALUE if field else _WORD).match(self.text, self.at)
        if word is None:
            raise self._wrong(self._what_is_open())
        self.at = word.end()
        raw = word.group()
        if raw == "*":
            return Has(field) if field else Everything()
        if _WILD.search(raw):
            return Wildcard(field, raw)
        value = _ESCAPED.sub(r"\1", raw)
        return Field(field, Compare.EQUAL, value) if field else Words(value)

    def _what_is_open(self) -> str:
        match self.text[self.at : self.at + 1]:
            case '"':
                return "this quotation mark is not closed"
            case "[" | "{":
                return "a range is expected here, such as [1 TO 5]"
            case ")":
                return "something to look for is expected before this parenthesis"
        return "a value is expected here"

    def _text_of_value(self) -> str:
        self._skip()
        if quoted := _QUOTED.match(self.text, self.at):
            self.at = quoted.end()
            return _ESCAPED.sub(r"\1", quoted.group(1))
        word = _VALUE.match(self.text, self.at)
        if word is None:
            raise self._wrong("a value is expected here")
        self.at = word.end()
        return _ESCAPED.sub(r"\1", word.group())

    def _past(self, end: int) -> None:
        """Behind a phrase, and behind a distance or boost that changes nothing here."""
        self.at = end
        if fuzz := _FUZZ.match(self.text, end):
            self.at = fuzz.end()

    def _closed(self, found: Query) -> Query:
        self._skip()
        if not self._sign(")"):
            raise self._wrong("a closing parenthesis is expected here")
        return found

    def _deeper(self, read: Callable[[], Query]) -> Query:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._wrong(f"more than {DEEPEST} parts are nested here")
        found = read()
        self.depth -= 1
        return found

    def _skip(self) -> None:
        if space := _SPACE.match(self.text, self.at):
            self.at = space.end()

    def _sign(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def _ahead(self, word: str) -> bool:
        end = self.at + len(word)
        behind = self.text[end : end + 1]
        return self.text.startswith(word, self.at) and (not behind or behind in " \t\n()")

    def _word(self, word: str) -> bool:
        self._skip()
        if not self._ahead(word):
            return False
        self.at += len(word)
        return True

    def _wrong(self, why: str) -> Rejected:
        return Rejected(f"character {self.at + 1}: {why}")
