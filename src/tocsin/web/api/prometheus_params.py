"""What does a caller of the Prometheus API ask for? Parameters from the URL or a form body."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request

from tocsin.kit.fault import Rejected
from tocsin.model.labels import Matcher
from tocsin.query.promql.durations import parse_duration
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse_selector
from tocsin.query.promql.quoting import quote
from tocsin.web.body import read_body
from tocsin.web.services import services

MIN_MS, MAX_MS = -(2**52), 2**52
"""The range of times that are told apart: 140,000 years to each side, exact as floats too."""

_EVER = ("-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z")
"""How clients write the first and the last time that Prometheus knows."""

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))"
)
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 10_000


class BadParameter(Rejected):
    """A parameter that cannot be used; the text names it as Prometheus does."""

    @classmethod
    def named(cls, name: str, reason: object) -> BadParameter:
        """`invalid parameter "start": …`."""
        return cls(f"invalid parameter {quote(name)}: {reason}")


class Params:
    """The request's parameters; those of the body come before those of the URL."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    @classmethod
    async def of(cls, request: Request) -> Params:
        """Read a GET's query or a POST's form; a body that says to be no form is not read."""
        pairs: list[tuple[str, str]] = []
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method == "POST" and kind == _FORM:
            body = await read_body(request, services(request).config.ingest.body)
            pairs = _fields(body.decode("utf-8", "replace"))
        return cls([*pairs, *_fields(request.url.query)])

    def text(self, name: str) -> str:
        """The first value, empty when there is none."""
        return self._values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """All values in order."""
        return self._values.get(name, [])

    def time(self, name: str, default_ms: int) -> int:
        """A time in milliseconds."""
        text = self.text(name)
        if not text:
            return default_ms
        try:
            return parse_time(text)
        except Rejected as error:
            reason = f"Invalid time value for '{name}': {error}"
            raise BadParameter.named(name, reason) from error

    def needed_time(self, name: str) -> int:
        """A time that must be there."""
        try:
            return parse_time(self.text(name))
        except Rejected as error:
            raise BadParameter.named(name, error) from error

    def seconds(self, name: str) -> float | None:
        """A duration in seconds, None when it is not there."""
        if not self.text(name):
            return None
        return self.needed_seconds(name)

    def needed_seconds(self, name: str) -> float:
        """A duration that must be there."""
        try:
            return parse_seconds(self.text(name))
        except Rejected as error:
            raise BadParameter.named(name, error) from error

    def limit(self, name: str = "limit") -> int:
        """A count, 0 when there is none to keep to."""
        text = self.text(name)
        if not text:
            return 0
        if not is_number(text):
            reason = f"strconv.Atoi: parsing {quote(text)}: invalid syntax"
            raise BadParameter.named(name, reason)
        if int(text) < 0:
            raise BadParameter.named(name, "limit must be non-negative")
        return int(text)

    def matcher_sets(self) -> list[tuple[Matcher, ...]]:
        """The selectors in `match[]`; raises ParseError or BadParameter."""
        sets = [parse_selector(text) for text in self.all("match[]")]
        for matchers in sets:
            if all(matcher.matches("") for matcher in matchers):
                raise BadParameter("match[] must contain at least one non-empty matcher")
        return sets

    def named_matcher_sets(self) -> list[tuple[Matcher, ...]]:
        """The same, with mistakes told as those of the parameter."""
        try:
            return self.matcher_sets()
        except (ParseError, BadParameter) as error:
            raise BadParameter.named("match[]", error) from error


def _fields(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise BadParameter(f"error parsing form values: {error}") from error


def is_number(text: str) -> bool:
    """Whether it is a whole number of a size that a count may have."""
    return re.fullmatch(r"[+-]?\d{1,18}", text) is not None


def parse_time(text: str) -> int:
    """Milliseconds of seconds since the epoch or of an RFC 3339 time."""
    if _FLOAT.fullmatch(text):
        return round(min(max(float(text) * 1000, MIN_MS), MAX_MS))
    if text in _EVER:
        return MIN_MS if text == _EVER[0] else MAX_MS
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise Rejected(f"cannot parse {quote(text)} to a valid timestamp")
    try:
        moment = time.strptime(f"{found[1]} {found[2]}", "%Y-%m-%d %H:%M:%S")
    except ValueError as error:
        raise Rejected(f"cannot parse {quote(text)} to a valid timestamp") from error
    east = 0
    if found[4]:
        east = (int(found[5]) * 60 + int(found[6])) * (60 if found[4] == "+" else -60)
    fraction = int((found[3] or "0")[:3].ljust(3, "0"))
    return (calendar.timegm(moment) - east) * 1000 + fraction


def parse_seconds(text: str) -> float:
    """Seconds of a number or of a duration such as `1m30s`."""
    if _FLOAT.fullmatch(text):
        seconds = float(text)
        if abs(seconds) * 1e9 > 2**63:
            reason = f"cannot parse {quote(text)} to a valid duration. It overflows int64"
            raise Rejected(reason)
        return seconds
    try:
        return parse_duration(text) / 1000
    except Rejected as error:
        raise Rejected(f"cannot parse {quote(text)} to a valid duration") from error
