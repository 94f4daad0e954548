"""Where is the parser in the query, and how does it complain about what it finds there?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tocsin.kit.fault import Rejected
from tocsin.query.promql.ast import Pos
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.lexer import Lexer
from tocsin.query.promql.tokens import Kind, Token, describe

MAX_DEPTH = 500
"""How deep expressions may nest, parentheses and chains of operators both counted."""


class Cursor:
    """One token of look-ahead over a query, read only when somebody asks for it.

    A complaint without words of its own takes those of the construct around it (`within`): that is
    what the grammar of Prometheus does, and so its messages.
    """

    def __init__(self, query: str, *, experimental: bool) -> None:
        self.query = query
        self.experimental = experimental
        self.last_end = 0
        self._lexer = Lexer(query)
        self._ahead: Token | None = None
        self._contexts: list[tuple[str, str]] = []
        self._depth = 0

    def peek(self) -> Token:
        """The next token, not yet taken."""
        if self._ahead is None:
            self._ahead = self._lexer.next()
        return self._ahead

    def sees(self, *kinds: Kind) -> bool:
        """Whether the next token is one of these."""
        return self.peek().kind in kinds

    def take(self) -> Token:
        """The next token, taken."""
        token = self.peek()
        self._ahead = None
        self.last_end = token.end
        return token

    def expect(self, kind: Kind, context: str = "", expected: str = "") -> Token:
        """The next token, which must be of this kind."""
        if self.peek().kind is not kind:
            raise self.unexpected(context, expected)
        return self.take()

    def unexpected(self, context: str = "", expected: str = "") -> ParseError:
        """The complaint about the next token."""
        token = self.peek()
        if not context and self._contexts:
            context, expected = self._contexts[-1]
        reason = f"unexpected {describe(token)}"
        if context:
            reason += f" in {context}"
        if expected:
            reason += f", expected {expected}"
        return self.error(reason, token.start, token.end)

    def error(self, reason: str, start: int, end: int) -> ParseError:
        """A complaint about a stretch of the query."""
        return ParseError(reason, self.query, Pos(start, end))

    @contextmanager
    def within(self, context: str, expected: str = "") -> Iterator[None]:
        """Complaints inside are told in these words if they have none of their own."""
        self._contexts.append((context, expected))
        yield
        self._contexts.pop()

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One more level of nesting."""
        self._depth += 1
        self.check_depth(self._depth)
        yield
        self._depth -= 1

    def check_depth(self, depth: int) -> None:
        """Refuse what nests too deep to be evaluated safely."""
        if depth > MAX_DEPTH:
            start = self.peek().start
            reason = (
                f"expression nests deeper than {MAX_DEPTH} levels; "
                "split it into several queries or recording rules"
            )
            raise self.error(reason, start, start)

    @contextmanager
    def blaming(self, start: int, end: int) -> Iterator[None]:
        """Refusals from inside (numbers, durations) become complaints about this place."""
        try:
            yield
        except ParseError:
            raise
        except Rejected as refusal:
            raise self.error(str(refusal), start, end) from refusal
