"""What does `p95_response_time > 2000ms` mean? Conditions over indicators, compiled to PromQL.

    condition  = all {"or" all}
    all        = one {"and" one}
    one        = sum [(">" | ">=" | "<" | "<=" | "==" | "!=") sum]
               | sum "reaches" sum "within" duration | "disk full within" duration
               | sum "deviates" ">" number
    sum        = product {("+" | "-") product}
    product    = atom {("*" | "/") atom}
    atom       = number [unit] | name [matchers] | function "(" … ")" | "(" condition ")" | "-" atom

A name is an indicator's; with matchers in braces, empty ones too, it may be any metric's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tocsin.alert.checking.bounds import OPPOSITE, Bounds, can_hold
from tocsin.alert.plain import in_quotes
from tocsin.alert.plain import ready_functions as ready
from tocsin.alert.plain.condition_tokens import (
    SPOKEN,
    ConditionError,
    Dimension,
    Kind,
    Token,
    tokens,
)
from tocsin.alert.plain.indicators import Indicator
from tocsin.alert.plain.measure import Piece, Role, beside, dimension_of, is_zero, value_of, verdict
from tocsin.alert.plain.narrow import aggregates, narrowed
from tocsin.alert.plain.unparenthesised import unparenthesised
from tocsin.kit.document import nearest
from tocsin.model.labels import Matcher
from tocsin.query.promql import ast
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text

COMPARISONS = (">", ">=", "<", "<=", "==", "!=")
_MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_ARITHMETIC = (("+", "-"), ("*", "/"))
_LARGEST_SHARE = 1.0
_DEEPEST = 50
_LONGEST = 10_000
_WORDS = frozenset(("and", "or", "within", "for", "reaches", "deviates"))
_READY = ("absent", "flatline", "forecast", "seasonal", "promql", "lines")


def compiled(text: str, indicators: Mapping[str, Indicator], by: tuple[str, ...] = ()) -> str:
    """The condition as PromQL in its canonical form; `by` asks for each of these labels apart.

    Raises ConditionError with the character where it is wrong.
    """
    return _read(text, indicators, by)[0]


def doubts_about(
    text: str, indicators: Mapping[str, Indicator], by: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """What is allowed in a condition, and yet probably not meant: a share beyond 100%."""
    return _read(text, indicators, by)[1]


def _read(
    text: str, indicators: Mapping[str, Indicator], by: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    if len(text) > _LONGEST:
        words = f"more than {_LONGEST:,} characters; split it into several rules"
        raise ConditionError(words, _LONGEST)
    compiler = _Compiler(text, indicators, by)
    try:
        piece = compiler.condition()
        expr = to_text(unparenthesised(parse(piece.text)))
    except ParseError as error:
        words = f"too much for one rule, as PromQL: {error.reason}"
        raise ConditionError(words, 0) from error
    return expr, tuple(dict.fromkeys(compiler.doubts))


class _Compiler:
    """One reading of one condition, from the left to the right."""

    def __init__(self, text: str, indicators: Mapping[str, Indicator], by: tuple[str, ...]) -> None:
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0
        self._indicators = indicators
        self._by = by
        self.doubts: list[str] = []

    def condition(self) -> Piece:
        """All of the text."""
        piece = self._any()
        end = self._peek
        if end.kind is not Kind.END:
            raise ConditionError(f"expected and, or, or the end, got {end.said}", end.at)
        return self._judged(piece, 0)

    @property
    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._peek
        self._next += token.kind is not Kind.END
        return token

    def _accept(self, *texts: str) -> Token | None:
        token = self._peek
        is_it = token.kind in (Kind.SIGN, Kind.NAME) and token.text.lower() in texts
        return self._take() if is_it else None

    def _expect(self, text: str, why: str) -> Token:
        token = self._accept(text)
        if token is None:
            raise ConditionError(f"expected {text!r} {why}, got {self._peek.said}", self._peek.at)
        return token

    def _any(self) -> Piece:
        return self._joined(self._all, ("or", "||"), "or")

    def _all(self) -> Piece:
        return self._joined(self._one, ("and", "&&"), "and")

    def _joined(self, below: Callable[[], Piece], signs: tuple[str, ...], op: str) -> Piece:
        begun = self._peek.at
        left = below()
        while sign := self._accept(*signs):
            left = self._judged(left, begun)
            right = self._judged(below(), sign.at + len(sign.text))
            # One number without labels stands beside every series.
            apart = op == "and" and left.has_no_labels != right.has_no_labels
            matching = " on ()" if apart else ""
            is_single = left.has_no_labels and right.has_no_labels
            left = verdict(f"({left.text}) {op}{matching} ({right.text})", is_single=is_single)
        return left

    def _judged(self, piece: Piece, at: int) -> Piece:
        if piece.role is Role.VERDICT:
            return piece
        words = f"{piece.role.value} alone is no condition; compare it, as in x > 5"
        raise ConditionError(words, at)

    def _one(self) -> Piece:
        if (found := self._disk_full()) is not None:
            return found
        begun = self._peek.at
        left = self._sum(0)
        sign = self._accept(*COMPARISONS, "=", "reaches", "deviates")
        if sign is None:
            return left
        match sign.text.lower():
            case "=":
                raise ConditionError("'=' has no meaning here", sign.at, close="==")
            case "deviates":
                return self._deviates(left, sign)
            case "reaches":
                return self._reaches(left, sign)
        right = self._sum(0)
        again = self._accept(*COMPARISONS)
        if again is not None:
            raise ConditionError("compare two sides; join comparisons with and", again.at)
        return self._compared(left, sign.text, right, (begun, sign.at))

    def _compared(self, left: Piece, op: str, right: Piece, at: tuple[int, int]) -> Piece:
        for side in (left, right):
            if side.role is Role.VERDICT:
                raise ConditionError("a condition cannot be compared; join it with and", at[1])
        if left.role is right.role is Role.CONSTANT:
            raise ConditionError("both sides are numbers: nothing is measured", at[0])
        self._check_dimensions(left, right, at[1])
        if left.role is Role.CONSTANT:
            left, right, op = right, left, _MIRRORED.get(op, op)
        self._doubt(left, op, right)
        left = self._apart(left, op)
        if right.role is Role.MEASURE:
            right = self._apart(right, _MIRRORED.get(op, op))
        return verdict(f"{left.inside} {op}{beside(left, right)} {right.inside}")

    def _doubt(self, left: Piece, op: str, right: Piece) -> None:
        """Note a comparison that no share from 0 to 100% ever passes, or that each does."""
        is_share = left.is_indicator and left.dimension is Dimension.SHARE
        if not is_share or right.role is not Role.CONSTANT:
            return
        share, bound = Bounds(0.0, _LARGEST_SHARE), Bounds(right.value, right.value)
        words = f"a share is from 0% to 100%: {op} {right.value * 100:.15g}% is"
        if not can_hold(op, share, bound):
            self.doubts.append(f"{words} never true")
        elif op in OPPOSITE and not can_hold(OPPOSITE[op], share, bound):
            self.doubts.append(f"{words} always true")

    def _apart(self, piece: Piece, op: str) -> Piece:
        """Series that nothing sums up are asked `by` label for the worst of each."""
        if not self._by or aggregates(parse(piece.text)):
            return piece
        worst = "min" if op in ("<", "<=") else "max"
        text = f"{worst} by ({', '.join(self._by)}) ({piece.text})"
        return Piece(text, Role.MEASURE, piece.dimension)

    def _check_dimensions(self, left: Piece, right: Piece, at: int) -> None:
        one, other = left.dimension, right.dimension
        if one is None or other is None:
            return
        plain = Dimension.NUMBER
        for measure, constant in ((left, right), (right, left)):
            if measure.dimension is Dimension.SHARE and constant.role is Role.CONSTANT:
                if constant.dimension is plain and abs(constant.value) > _LARGEST_SHARE:
                    words = f"shares are compared as percentages: write {constant.value:g}%"
                    raise ConditionError(words, at)
                if constant.dimension is plain:
                    return
        if one is not other and not (is_zero(left) or is_zero(right)):
            words = f"the left side is {SPOKEN[one]}, the right side {SPOKEN[other]}"
            raise ConditionError(words, at)

    def _deviates(self, left: Piece, sign: Token) -> Piece:
        if not left.is_deviation:
            raise ConditionError("only seasonal(…) deviates", sign.at)
        self._expect(">", "after deviates")
        bound = self._sum(0)
        if bound.role is not Role.CONSTANT or bound.dimension is not Dimension.NUMBER:
            raise ConditionError("expected a number of standard deviations", sign.at)
        return verdict(f"abs({left.text}) > {bound.text}")

    def _reaches(self, left: Piece, sign: Token) -> Piece:
        goal = self._sum(0)
        self._expect("within", "and a time after reaches")
        ahead_ms = self._duration("within")
        if left.role is not Role.MEASURE or goal.role is not Role.CONSTANT:
            raise ConditionError("expected what is measured, and the number it reaches", sign.at)
        self._check_dimensions(left, goal, sign.at)
        later = self._apart(ready.forecast(left, ahead_ms), ">=")
        return verdict(f"{later.text} >= {goal.text}")

    def _disk_full(self) -> Piece | None:
        phrase = [token.text.lower() for token in self._tokens[self._next : self._next + 3]]
        if phrase != ["disk", "full", "within"]:
            return None
        at = self._peek.at
        self._next += 3
        ahead_ms = self._duration("within")
        free = self._indicator("disk_free", (), at)
        return ready.disk_full(free, ahead_ms)

    def _sum(self, level: int) -> Piece:
        def below() -> Piece:
            return self._sum(1) if level == 0 else self._atom()

        left = below()
        while sign := self._accept(*_ARITHMETIC[level]):
            left = self._computed(left, sign, below())
        return left

    def _computed(self, left: Piece, sign: Token, right: Piece) -> Piece:
        for side in (left, right):
            if side.role is Role.VERDICT:
                raise ConditionError("a condition has no value to compute with", sign.at)
        dimension = dimension_of(left, sign.text, right)
        if sign.text in "+-":
            self._check_dimensions(left, right, sign.at)
        role = Role.CONSTANT if left.role is right.role is Role.CONSTANT else Role.MEASURE
        text = f"{left.inside} {sign.text}{beside(left, right)} {right.inside}"
        if sign.text == "/" and right.role is Role.CONSTANT and right.value == 0:
            raise ConditionError("divided by zero", sign.at)
        if role is Role.MEASURE:
            return Piece(text, role, dimension)
        value = value_of(left.value, sign, right.value)
        return Piece(f"{value:.15g}", role, dimension, value)

    def _atom(self) -> Piece:
        self._depth += 1
        token = self._take()
        if self._depth > _DEEPEST:
            raise ConditionError(f"more than {_DEEPEST} parentheses within each other", token.at)
        piece = self._atom_of(token)
        self._depth -= 1
        return piece

    def _atom_of(self, token: Token) -> Piece:
        match token.kind:
            case Kind.QUANTITY:
                text = f"{token.value:.15g}"
                return Piece(text, Role.CONSTANT, token.dimension, token.value)
            case Kind.NAME if token.text.lower() not in _WORDS:
                return self._named(token)
            case Kind.SIGN if token.text == "-":
                return self._computed(Piece("0", Role.CONSTANT, None), token, self._atom())
            case Kind.SIGN if token.text == "(":
                piece = self._any()
                self._expect(")", "to close the parenthesis")
                return piece
        raise ConditionError(f"expected a number or an indicator, got {token.said}", token.at)

    def _named(self, token: Token) -> Piece:
        if self._peek.text == "(":
            return self._function(token)
        if self._peek.kind is Kind.BRACES:
            return self._selected(token, self._take())
        return self._indicator(token.text, (), token.at)

    def _indicator(self, name: str, matchers: tuple[Matcher, ...], at: int) -> Piece:
        found = self._indicators.get(name.replace(".", "_"))
        if found is None:
            close = nearest(name, self._indicators)
            words = (
                f"unknown indicator {name!r} (define it under indicators; the metric of that name"
                f" is written {name}{{}})"
            )
            raise ConditionError(words, at, close=close)
        expr = narrowed(parse(found.expr), matchers, self._by)
        is_selector = isinstance(expr, ast.VectorSelector)
        return Piece(
            to_text(expr),
            Role.MEASURE,
            found.dimension,
            is_selector=is_selector,
            is_indicator=True,
        )

    def _selected(self, name: Token, braces: Token) -> Piece:
        metric = name.text.replace(".", "_")
        try:
            parsed = parse(f"{metric}{braces.text}")
        except ParseError as error:
            raise ConditionError(f"wrong matchers: {error}", braces.at) from error
        assert isinstance(parsed, ast.VectorSelector)
        if metric in self._indicators and len(parsed.matchers) > 1:
            own = tuple(one for one in parsed.matchers if one.name != "__name__")
            return self._indicator(metric, own, name.at)
        return Piece(to_text(parsed), Role.MEASURE, is_selector=True)

    def _function(self, name: Token) -> Piece:
        opened = self._take()
        function = name.text.lower()
        if function not in ready.OVER_TIME and function not in _READY:
            known = (*_READY, *ready.OVER_TIME)
            words = f"unknown function {name.text!r}; known: {', '.join(sorted(known))}"
            raise ConditionError(words, name.at, close=nearest(name.text, known))
        piece = self._call(function, opened)
        self._expect(")", f"to close {function}(")
        return piece

    def _call(self, function: str, opened: Token) -> Piece:
        if function == "promql":
            return in_quotes.promql(self._take())
        if function == "lines":
            return self._lines()
        measured = self._measured(opened)
        match function:
            case "seasonal":
                return ready.seasonal(measured)
            case "absent":
                self._accept(",") or self._expect("for", "and a time in absent(x for 10m)")
                return ready.absent(measured, self._duration("absent"))
        self._expect(",", f"and a time in {function}(x, 30m)")
        span_ms = self._duration(function)
        match function:
            case "flatline":
                return ready.flatline(measured, span_ms)
            case "forecast":
                basis_ms = self._duration(function) if self._accept(",") else 0
                return ready.forecast(measured, span_ms, basis_ms)
        return ready.over_time(function, measured, span_ms)

    def _lines(self) -> Piece:
        question = self._take()
        self._expect(",", 'and a time in lines("…", 5m)')
        return in_quotes.lines(question, self._duration("lines"), self._by)

    def _measured(self, opened: Token) -> Piece:
        """A function's first argument, where a metric needs no braces unless it is nearly an
        indicator's name."""
        name, after = (
            self._tokens[self._next],
            self._tokens[min(self._next + 1, -1 % len(self._tokens))],
        )
        is_bare = name.kind is Kind.NAME and after.kind is not Kind.BRACES and after.text != "("
        metric = name.text.replace(".", "_")
        if is_bare and metric not in self._indicators:
            close = nearest(metric, self._indicators)
            if close is None:
                self._take()
                return Piece(metric, Role.MEASURE, is_selector=True)
        piece = self._sum(0)
        if piece.role is not Role.MEASURE:
            raise ConditionError("expected an indicator or a metric", opened.at + 1)
        return piece

    def _duration(self, where: str) -> int:
        token = self._take()
        is_time = token.kind is Kind.QUANTITY and token.dimension is Dimension.TIME
        if not is_time or token.value < 0.001:
            raise ConditionError(f"expected a time such as 10m for {where}", token.at)
        return round(token.value * 1000)
