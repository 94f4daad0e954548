"""Where does one word of a query end and the next begin?

The rules depend on the brackets around: inside braces every word is a label's name, inside square
brackets only durations and their arithmetic are known. Tokens are made on demand, so that the
first mistake reported is the first in reading order, whoever finds it.
"""

from __future__ import annotations

import re

from tocsin.query.promql import numbers
from tocsin.query.promql.ast import Pos
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.quoting import quote, quote_rune
from tocsin.query.promql.tokens import DURATION_WORDS, FILLS, WORDS, Kind, Token

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_BLANKS = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LETTERS = re.compile(r"[a-zA-Z_]+")
_STRING_PART = {mark: re.compile(rf"[^{mark}\\\n\ufffd]*") for mark in "\"'"}
_RAW = re.compile(r"`[^`\ufffd]*")
_ESCAPE = re.compile(
    r"\\(?:[abfnrtv\\]|x[0-9a-fA-F]{2}|[0-3][0-7]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
)
_DIGITS_OF_ESCAPE = {"x": 2, "u": 4, "U": 8}
_DIGIT = "0123456789"
_TWO_SIGNS = {
    "==": Kind.EQLC,
    "!=": Kind.NEQ,
    "<=": Kind.LTE,
    ">=": Kind.GTE,
    ">/": Kind.TRIM_LOWER,
    "</": Kind.TRIM_UPPER,
}
_MATCH_SIGNS = {"=~": Kind.EQL_REGEX, "!~": Kind.NEQ_REGEX, "!=": Kind.NEQ}
_SIGNS = {
    kind.value: kind
    for kind in (
        *(Kind.COMMA, Kind.MUL, Kind.DIV, Kind.MOD, Kind.ADD, Kind.SUB, Kind.POW, Kind.EQL),
        *(Kind.LSS, Kind.GTR, Kind.AT),
    )
}
_IN_DURATION = ",*/%+-^"


class Lexer:
    """Tokens of one query, one at a time."""

    def __init__(self, query: str) -> None:
        self.query = query
        self._at = 0
        self._parens = 0
        self._in_braces = False
        self._in_brackets = False
        self._in_duration = False
        self._got_colon = False
        self._got_duration = False

    def next(self) -> Token:
        """The next token; EOF at the end, ever again. Raises ParseError."""
        space = (_BLANKS if self._in_duration else _SPACE).match(self.query, self._at)
        self._at = space.end() if space else self._at
        sign = self.query[self._at : self._at + 1]
        if self._in_braces:
            return self._next_in_braces(sign)
        if self._in_brackets:
            return self._next_in_brackets(sign)
        if sign == "":
            if self._parens:
                raise self._error("unclosed left parenthesis")
            return self._take(Kind.EOF, 0)
        word = _WORD.match(self.query, self._at)
        return self._word(word[0]) if word else self._sign_or_literal(sign)

    def _sign_or_literal(self, sign: str) -> Token:
        match sign:
            case "(" | ")":
                return self._paren(sign)
            case "{":
                self._in_braces = True
                return self._take(Kind.LEFT_BRACE, 1)
            case "[":
                self._in_brackets = self._in_duration = True
                self._got_colon = False
                return self._take(Kind.LEFT_BRACKET, 1)
            case "]":
                raise self._error(f"unexpected right bracket {quote_rune(sign)}")
            case '"' | "'" | "`":
                return self._string(sign)
        if sign in _DIGIT or (sign == "." and self._peek(1) in tuple(_DIGIT)):
            return self._number()
        return self._operator(sign)

    def _operator(self, sign: str) -> Token:
        following = self._peek(1)
        if sign + following in _TWO_SIGNS:
            return self._take(_TWO_SIGNS[sign + following], 2)
        if sign == "!" or (sign == "=" and following == "~"):
            what = f"unexpected character after '{sign}': {quote_rune(following)}"
            raise self._error(what)
        if sign in _SIGNS:
            return self._take(_SIGNS[sign], 1)
        raise self._error(f"unexpected character: {quote_rune(sign)}")

    def _next_in_braces(self, sign: str) -> Token:
        if sign == "":
            raise self._error("unexpected end of input inside braces")
        if label := _LABEL.match(self.query, self._at):
            return self._take(Kind.IDENTIFIER, len(label[0]))
        if sign in "\"'`":
            return self._string(sign)
        pair = sign + self._peek(1)
        if pair in _MATCH_SIGNS:
            return self._take(_MATCH_SIGNS[pair], 2)
        match sign:
            case "=" | ",":
                return self._take(_SIGNS[sign], 1)
            case "}":
                self._in_braces = False
                return self._take(Kind.RIGHT_BRACE, 1)
            case "{":
                raise self._error(f"unexpected left brace {quote_rune(sign)}")
            case "!":
                after = quote_rune(self._peek(1))
                raise self._error(f"unexpected character after '!' inside braces: {after}")
        raise self._error(f"unexpected character inside braces: {quote_rune(sign)}")

    def _next_in_brackets(self, sign: str) -> Token:
        if sign == "":
            raise self._error(self._end_in_brackets())
        if sign in "()":
            return self._paren(sign)
        if sign == "]":
            self._in_brackets = self._in_duration = False
            return self._take(Kind.RIGHT_BRACKET, 1)
        if sign == ":":
            return self._colon()
        if sign in _DIGIT or (sign == "." and self._peek(1) in tuple(_DIGIT)):
            self._got_duration = True
            self._in_duration = False
            return self._number()
        if letters := _LETTERS.match(self.query, self._at):
            return self._duration_word(letters[0])
        if self._in_duration and sign not in _IN_DURATION:
            raise self._error(f"unexpected character in duration expression: {quote_rune(sign)}")
        if sign == "[":
            raise self._error(f"unexpected left bracket {quote_rune(sign)}")
        return self._sign_or_literal(sign)

    def _end_in_brackets(self) -> str:
        if self._in_duration:
            return "unexpected end of input in duration expression"
        return "unclosed left parenthesis" if self._parens else "unclosed left bracket"

    def _colon(self) -> Token:
        colon = self._take(Kind.COLON, 1)
        if self._in_duration and not self._got_duration:
            raise self._error("unexpected colon before duration in duration expression")
        if self._got_colon:
            what = "unexpected repeated colon in duration expression"
            if not self._in_duration:
                self._at -= 1
                what = f"unexpected colon {quote_rune(':')}"
            raise self._error(what)
        self._got_colon = True
        return colon

    def _duration_word(self, letters: str) -> Token:
        kind = WORDS.get(letters.lower())
        if kind in DURATION_WORDS:
            self._got_duration = True
            return self._take(kind, len(letters))
        character = quote_rune(letters[0])
        if self._in_duration:
            raise self._error(f"unexpected character in duration expression: {character}")
        raise self._error(f"unexpected character: {character}, expected ':'")

    def _paren(self, sign: str) -> Token:
        self._parens += 1 if sign == "(" else -1
        token = self._take(Kind.LEFT_PAREN if sign == "(" else Kind.RIGHT_PAREN, 1)
        if self._parens < 0:
            raise self._error(f"unexpected right parenthesis {quote_rune(sign)}")
        return token

    def _word(self, word: str) -> Token:
        kind = WORDS.get(word.lower())
        if kind in FILLS and not self._followed_by_paren(len(word)):
            kind = Kind.IDENTIFIER
        if kind is None:
            kind = Kind.METRIC_IDENTIFIER if ":" in word else Kind.IDENTIFIER
        return self._take(kind, len(word))

    def _followed_by_paren(self, width: int) -> bool:
        """`fill` is a keyword only in front of `(`, so that metrics of that name go on working."""
        blanks = _BLANKS.match(self.query, self._at + width)
        return blanks is not None and self.query.startswith("(", blanks.end())

    def _number(self) -> Token:
        found = numbers.scan(self.query, self._at)
        if found is None:
            bad = numbers.malformed(self.query, self._at)
            raise self._error(f"bad number or duration syntax: {quote(bad)}")
        end, is_duration = found
        return self._take(Kind.DURATION if is_duration else Kind.NUMBER, end - self._at)

    def _string(self, mark: str) -> Token:
        at = self._at + 1
        if mark == "`":
            raw = _RAW.match(self.query, self._at)
            at = raw.end() if raw else at
            self._must_not_end(at, "unterminated raw string")
            return self._take(Kind.STRING, at + 1 - self._at)
        while True:
            part = _STRING_PART[mark].match(self.query, at)
            at = part.end() if part else at
            self._must_not_end(at, "unterminated quoted string")
            if self.query[at] == mark:
                return self._take(Kind.STRING, at + 1 - self._at)
            at = self._escape(at, mark)

    def _must_not_end(self, at: int, what: str) -> None:
        following = self.query[at : at + 1]
        if following in ("", "\n"):
            raise self._error(what)
        if following == "\ufffd":
            raise self._error("invalid UTF-8 rune")

    def _escape(self, at: int, mark: str) -> int:
        if self.query[at + 1 : at + 2] == mark:
            return at + 2
        found = _ESCAPE.match(self.query, at)
        if found is None:
            raise self._error(_bad_escape(self.query, at + 1))
        digits = found[0][2:]
        if found[0][1] in "uU":
            code = int(digits, 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise self._error("escape sequence is an invalid Unicode code point")
        return found.end()

    def _peek(self, ahead: int) -> str:
        return self.query[self._at + ahead : self._at + ahead + 1]

    def _take(self, kind: Kind, width: int) -> Token:
        token = Token(kind, self._at, self.query[self._at : self._at + width])
        self._at += width
        return token

    def _error(self, reason: str) -> ParseError:
        return ParseError(reason, self.query, Pos(self._at, len(self.query)))


def _bad_escape(query: str, at: int) -> str:
    letter = query[at : at + 1]
    if letter == "":
        return "escape sequence not terminated"
    if letter in "01234567":
        count, allowed = 3, "01234567"
    elif letter in _DIGITS_OF_ESCAPE:
        at, count, allowed = at + 1, _DIGITS_OF_ESCAPE[letter], "0123456789abcdefABCDEF"
    else:
        return f"unknown escape sequence {_unicode(letter)}"
    for index in range(at, at + count):
        digit = query[index : index + 1]
        if digit == "":
            return "escape sequence not terminated"
        if digit not in allowed:
            return f"illegal character {_unicode(digit)} in escape sequence"
    return "escape sequence is an invalid Unicode code point"


def _unicode(character: str) -> str:
    """Go's `%#U`: `U+0067 'g'`."""
    shown = f" '{character}'" if character.isprintable() else ""
    return f"U+{ord(character):04X}{shown}"
