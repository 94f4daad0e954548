"""How are the stages of a LogQL pipeline read?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.model.labels import Matcher, MatchOp
from tocsin.query.logql import ast
from tocsin.query.logql.faults import LogqlError, at
from tocsin.query.logql.units import amount_of
from tocsin.query.promql.quoting import unquote

_SPACE = re.compile(r"(?:\s+|\#[^\n]*)+")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`')
_NAME = re.compile(r"[a-zA-Z_][\w.]*", re.ASCII)
_WORD = re.compile(r"[a-zA-Z_]\w*", re.ASCII)
_AMOUNT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[a-zA-Zµ0-9.]*")
_OPS = {"=": MatchOp.EQUAL, "!=": MatchOp.NOT_EQUAL, "=~": MatchOp.REGEX, "!~": MatchOp.NOT_REGEX}
_COMPARISONS = (">=", "<=", "==", "!=", "=~", "!~", ">", "<", "=")
_LINE_OPS = ("|=", "|~", "|>", "!=", "!~", "!>")
_DEEPEST = 50


@dataclass(slots=True)
class Cursor:
    """A place in the query."""

    text: str
    at: int = 0
    depth: int = 0

    def skip(self) -> None:
        """Over blanks and comments."""
        if found := _SPACE.match(self.text, self.at):
            self.at = found.end()

    def sees(self, sign: str) -> bool:
        """Whether a sign comes next."""
        self.skip()
        return self.text.startswith(sign, self.at)

    def sign(self, sign: str) -> bool:
        """Take a sign if it comes next."""
        if not self.sees(sign):
            return False
        self.at += len(sign)
        return True

    def need(self, sign: str) -> None:
        """Take a sign that must come next."""
        if not self.sign(sign):
            raise self.unexpected(f"expecting {sign}")

    def end(self) -> None:
        """Nothing may follow."""
        self.skip()
        if self.at < len(self.text):
            raise self.unexpected("expecting the end")

    def word(self) -> str | None:
        """Take a word."""
        self.skip()
        found = _WORD.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def keyword(self, word: str) -> bool:
        """Take this very word if it comes next."""
        self.skip()
        found = _WORD.match(self.text, self.at)
        if found is None or found.group() != word:
            return False
        self.at = found.end()
        return True

    def name(self) -> str:
        """A label's name."""
        self.skip()
        found = _NAME.match(self.text, self.at)
        if found is None:
            raise self.unexpected("expecting IDENTIFIER")
        self.at = found.end()
        return found.group()

    def string(self) -> str:
        """A text in quotes."""
        self.skip()
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self.unexpected("expecting STRING")
        self.at = found.end()
        return unquote(found.group())

    def number(self) -> float:
        """A number without a unit."""
        self.skip()
        found = _AMOUNT.match(self.text, self.at)
        if found is None:
            raise self.unexpected("expecting NUMBER")
        try:
            value = float(found.group())
        except ValueError as error:
            raise self.unexpected("expecting NUMBER") from error
        self.at = found.end()
        return value

    def amount(self) -> tuple[float, str] | None:
        """A number with or without a unit of time or size."""
        self.skip()
        found = _AMOUNT.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        try:
            return amount_of(found.group())
        except Rejected as error:
            raise at(self.text, found.start(), str(error)) from error

    def unexpected(self, wanted: str) -> LogqlError:
        """`syntax error: unexpected …`."""
        self.skip()
        rest = re.match(r"\w+|.", self.text[self.at :], re.DOTALL)
        got = rest.group() if rest else "$end"
        return at(self.text, self.at, f"syntax error: unexpected {got}, {wanted}")


def selector(cursor: Cursor) -> tuple[Matcher, ...]:
    """`{app="x", level=~"warn|error"}`."""
    cursor.need("{")
    found: list[Matcher] = []
    while not cursor.sign("}"):
        found.append(matcher(cursor))
        if not cursor.sees("}"):
            cursor.need(",")
    return tuple(found)


def matcher(cursor: Cursor) -> Matcher:
    """`app="x"`."""
    name = cursor.name()
    op = next((one for one in ("=~", "!~", "!=", "=") if cursor.sign(one)), None)
    if op is None:
        raise cursor.unexpected("expecting = or != or =~ or !~")
    return _matcher(cursor, name, op, cursor.string())


def _matcher(cursor: Cursor, name: str, op: str, value: str) -> Matcher:
    try:
        return Matcher(name, _OPS[op], value)
    except Rejected as error:
        raise at(cursor.text, cursor.at, str(error)) from error


def stages(cursor: Cursor) -> tuple[ast.Stage, ...]:
    """Everything behind a selector, up to what is no stage."""
    found: list[ast.Stage] = []
    while True:
        cursor.skip()
        line_op = next((one for one in _LINE_OPS if cursor.text.startswith(one, cursor.at)), None)
        if line_op is not None:
            cursor.at += len(line_op)
            found.append(_line_filter(cursor, line_op))
        elif cursor.sign("|"):
            found.append(_stage(cursor))
        else:
            return tuple(found)


def _line_filter(cursor: Cursor, op: str) -> ast.LineFilter:
    texts: list[str] = []
    is_ip = False
    while True:
        if cursor.keyword("ip"):
            is_ip = True
            cursor.need("(")
            texts.append(cursor.string())
            cursor.need(")")
        else:
            texts.append(cursor.string())
        if not cursor.keyword("or"):
            break
    if op in ("|~", "!~"):
        for text in texts:
            checked(cursor, text)
    return ast.LineFilter(op, tuple(texts), is_ip)


def checked(cursor: Cursor, pattern: str) -> str:
    """A regular expression that is one."""
    try:
        compile_pattern(pattern)
    except Rejected as error:
        raise at(cursor.text, cursor.at, str(error)) from error
    return pattern


def _stage(cursor: Cursor) -> ast.Stage:
    before = cursor.at
    word = cursor.word()
    # A label may be called like a stage: `| json = "x"`.
    if (
        word is not None
        and word in _STAGES
        and not re.match(r"\s*(?:=~|!~|!=|==|[=<>])", cursor.text[cursor.at :])
    ):
        return _STAGES[word](cursor)
    cursor.at = before
    return ast.LabelFilter(_either(cursor))


def _either(cursor: Cursor) -> ast.Condition:
    parts = [_both(cursor)]
    while cursor.keyword("or"):
        parts.append(_both(cursor))
    return _joined(parts, ast.Either)


def _both(cursor: Cursor) -> ast.Condition:
    parts = [_condition(cursor)]
    while cursor.keyword("and") or cursor.sign(","):
        parts.append(_condition(cursor))
    return _joined(parts, ast.Both)


def _joined(
    parts: list[ast.Condition], join: Callable[[ast.Condition, ast.Condition], ast.Condition]
) -> ast.Condition:
    """All in order; nested as little as can be, for whatever reads them goes down into them."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return join(_joined(parts[:half], join), _joined(parts[half:], join))


def _condition(cursor: Cursor) -> ast.Condition:
    if cursor.sign("("):
        cursor.depth += 1
        if cursor.depth > _DEEPEST:
            raise cursor.unexpected(f"no more than {_DEEPEST} parentheses in each other")
        found = _either(cursor)
        cursor.need(")")
        cursor.depth -= 1
        return found
    name = cursor.name()
    op = next((one for one in _COMPARISONS if cursor.sign(one)), None)
    if op is None:
        raise cursor.unexpected("expecting a comparison")
    cursor.skip()
    if op in ("=", "!=") and cursor.keyword("ip"):
        cursor.need("(")
        network = cursor.string()
        cursor.need(")")
        return ast.Address(name, op, network)
    if op in _OPS and cursor.text[cursor.at : cursor.at + 1] in ('"', "`"):
        return ast.Text(_matcher(cursor, name, op, cursor.string()))
    amount = cursor.amount()
    if amount is None or op in ("=~", "!~"):
        raise cursor.unexpected("expecting STRING, NUMBER, DURATION or BYTES")
    return ast.Number(name, "==" if op == "=" else op, *amount)


def _picks(cursor: Cursor) -> tuple[tuple[str, str], ...]:
    """`a="b.c", d`: labels and where they come from."""
    found: list[tuple[str, str]] = []
    cursor.skip()
    while _WORD.match(cursor.text, cursor.at) and not cursor.keyword("offset"):
        name = cursor.name()
        found.append((name, cursor.string() if cursor.sign("=") else name))
        if not cursor.sign(","):
            break
        cursor.skip()
    return tuple(found)


def _logfmt(cursor: Cursor) -> ast.Parser:
    strict = keep_empty = False
    while True:
        if cursor.sign("--strict"):
            strict = True
        elif cursor.sign("--keep-empty"):
            keep_empty = True
        else:
            break
    return ast.Parser("logfmt", "", _picks(cursor), strict, keep_empty)


def _regexp(cursor: Cursor) -> ast.Parser:
    pattern = checked(cursor, cursor.string())
    if "(?P<" not in pattern and "(?<" not in pattern:
        raise at(cursor.text, cursor.at, "at least one named capture must be supplied")
    return ast.Parser("regexp", pattern)


def _pattern(cursor: Cursor) -> ast.Parser:
    pattern = cursor.string()
    if not re.search(r"<[a-zA-Z_]\w*>", pattern):
        raise at(cursor.text, cursor.at, "at least one capture is required")
    return ast.Parser("pattern", pattern)


def _label_format(cursor: Cursor) -> ast.LabelFormat:
    found: list[tuple[str, str, bool]] = []
    while True:
        name = cursor.name()
        cursor.need("=")
        cursor.skip()
        if cursor.text[cursor.at : cursor.at + 1] in ('"', "`"):
            found.append((name, cursor.string(), True))
        else:
            found.append((name, cursor.name(), False))
        if not cursor.sign(","):
            return ast.LabelFormat(tuple(found))


def _chosen(kind: str) -> Callable[[Cursor], ast.Chosen]:
    def read(cursor: Cursor) -> ast.Chosen:
        names: list[str] = []
        matchers: list[Matcher] = []
        while True:
            name = cursor.name()
            op = next((one for one in ("=~", "!~", "!=", "=") if cursor.sign(one)), None)
            if op is None:
                names.append(name)
            else:
                matchers.append(_matcher(cursor, name, op, cursor.string()))
            if not cursor.sign(","):
                return ast.Chosen(kind, tuple(names), tuple(matchers))

    return read


def _unwrap(cursor: Cursor) -> ast.Unwrap:
    name = cursor.name()
    if name in ("duration", "duration_seconds", "bytes") and cursor.sign("("):
        label = cursor.name()
        cursor.need(")")
        return ast.Unwrap(label, "bytes" if name == "bytes" else "duration")
    return ast.Unwrap(name, "")


_STAGES: Mapping[str, Callable[[Cursor], ast.Stage]] = {
    "json": lambda cursor: ast.Parser("json", "", _picks(cursor)),
    "logfmt": _logfmt,
    "unpack": lambda _cursor: ast.Parser("unpack"),
    "regexp": _regexp,
    "pattern": _pattern,
    "line_format": lambda cursor: ast.LineFormat(cursor.string()),
    "label_format": _label_format,
    "drop": _chosen("drop"),
    "keep": _chosen("keep"),
    "decolorize": lambda _cursor: ast.Decolorize(),
    "unwrap": _unwrap,
}
