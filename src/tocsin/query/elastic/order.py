"""In which order do hits come, and behind which one does a page begin (`search_after`)?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tocsin.query.elastic import option
from tocsin.query.elastic.dates import moment_ns
from tocsin.query.elastic.faults import illegal, parsing
from tocsin.query.elastic.values import MILLIS, is_time, text_sql
from tocsin.query.logs.fields import Part, names_of, place_of
from tocsin.query.logs.search import Line
from tocsin.store.literal import literal

_TIES = ("_doc", "_shard_doc", "_id", "_score")
_PLACE = "(toUnixTimestamp64Nano(ts), batch, number)"
_ID = re.compile(r"(\d{1,19})-(\d{1,20})-(\d{1,10})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Order:
    """One criterion. A tie's value is the line's id, in the order of time."""

    field: str
    is_descending: bool
    form: str = ""

    @property
    def is_tie(self) -> bool:
        """Whether it is the line's place itself."""
        return self.field in _TIES

    def sql(self) -> str:
        """For ORDER BY; numbers by size before other texts, lines without the field last."""
        way = "DESC" if self.is_descending else "ASC"
        if self.is_tie or is_time(self.field):
            return f"ts {way}, batch {way}, number {way}"
        if place_of(self.field)[0] is Part.LEVEL:
            return f"level {way}"
        value = text_sql(self.field)
        return f"{value} = '' ASC, toFloat64OrNull({value}) {way} NULLS LAST, {value} {way}"

    def value(self, line: Line) -> Any:  # JSON of several kinds
        """What a hit tells to be asked for behind it."""
        if self.field == "_score":
            return None
        if self.is_tie:
            return line.id
        if is_time(self.field):
            if "nano" in self.form and "optional_time" not in self.form:
                return line.ts_ns
            return line.ts_ns // 1_000_000
        part, name = place_of(self.field)
        if part is Part.LEVEL:
            return line.level
        if part is Part.BODY:
            return line.body
        if part is Part.COLUMN:
            return getattr(line, name) or None
        known = line.attributes
        value = next((known[one] for one in names_of(name) if one in known), "")
        return _number(value) if value else None

    def behind(self, value: object, now_ns: int) -> tuple[str, str]:
        """That a line lies behind a value, and that it has the same."""
        sign = "<" if self.is_descending else ">"
        if self.is_tie:
            own = _ID.fullmatch(str(value))
            if own is None:
                raise illegal(f"[search_after] value [{str(value)[:60]}] is not from a hit's sort")
            place = f"({', '.join(str(int(one)) for one in own.groups())})"
            return f"{_PLACE} {sign} {place}", f"{_PLACE} = {place}"
        if is_time(self.field):
            at = moment_ns(value, now_ns) // 10**6
            return f"{MILLIS} {sign} {at}", f"{MILLIS} = {at}"
        if place_of(self.field)[0] is Part.LEVEL:
            level = int(value) if isinstance(value, int) else 0
            return f"level {sign} {level}", f"level = {level}"
        kept = text_sql(self.field)
        if value is None:
            return "0", f"{kept} = ''"
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = f"toFloat64OrNull({kept})"
            return (
                f"(ifNull({number} {sign} {value!r}, 1) OR {kept} = '')",
                f"ifNull({number} = {value!r}, 0)",
            )
        wanted = literal(option.scalar(value, "search_after"))
        return f"({kept} {sign} {wanted} OR {kept} = '')", f"{kept} = {wanted}"


def _number(kept: str) -> Any:  # a number when it is one
    try:
        value = float(kept)
    except ValueError:
        return kept
    return int(kept) if re.fullmatch(r"-?\d{1,15}", kept) else value


def orders_of(given: object, *, with_tie: bool = False) -> list[Order]:
    """The criteria of a request's `sort`; the newest first by itself. Raises ElasticFault."""
    listed = given if isinstance(given, list) else [given] if given else []
    found: list[Order] = []
    for one in listed:
        if isinstance(one, str):
            name, _, way = one.partition(":")
            found.append(_order(name, way or ("desc" if name == "_score" else "asc")))
        elif isinstance(one, dict):
            found += [_order(str(name), options) for name, options in one.items()]
        else:
            raise parsing("malformed sort format, either start array, start object, or a string")
    if with_tie and not any(one.is_tie for one in found):
        found.append(Order("_shard_doc", is_descending=bool(found) and found[0].is_descending))
    return found


def _order(name: str, options: object) -> Order:
    if isinstance(options, dict):
        way, form = option.text(options, "order", "asc"), option.text(options, "format")
    else:
        way, form = option.scalar(options, "order"), ""
    if way.lower() not in ("asc", "desc"):
        raise illegal(f"Unknown SortOrder [{way[:40]}]")
    return Order(name, way.lower() == "desc", form)


def after_sql(orders: Sequence[Order], values: Sequence[object], now_ns: int) -> str:
    """That a line comes behind the one with these sort values."""
    if len(values) != len(orders):
        raise illegal(f"search_after has {len(values)} value(s) but sort has {len(orders)}.")
    ways: list[str] = []
    same: list[str] = []
    for order, value in zip(orders, values, strict=True):
        behind, equal = order.behind(value, now_ns)
        ways.append(" AND ".join([*same, behind]))
        same.append(equal)
    return "(" + " OR ".join(f"({one})" for one in ways) + ")"
