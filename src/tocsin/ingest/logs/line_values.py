"""A line's fields by their names, to be read and changed: its own parts and its attributes."""

from __future__ import annotations

from tocsin.kit.timestamps import nanoseconds
from tocsin.model.logs import LogRecord, level_name, level_of
from tocsin.query.logs.fields import Part, names_of, place_of


def value_of(record: LogRecord, name: str) -> str | None:
    """The field as text; None when the line has none."""
    part, own = place_of(name)
    match part:
        case Part.BODY:
            return record.body
        case Part.LEVEL:
            return record.severity or (level_name(record.level) if record.level else None)
        case Part.TIME:
            return str(record.ts_ns)
        case Part.PATTERN:
            return str(record.pattern)
        case Part.COLUMN:
            return str(getattr(record, own)) or None
    names = names_of(own)
    return next((record.attributes[one] for one in names if one in record.attributes), None)


def put(record: LogRecord, name: str, value: str) -> None:
    """Give the field a value. What is no level, or no time, becomes an attribute of that name."""
    part, own = place_of(name)
    match part:
        case Part.BODY:
            if not record.original:
                record.original = record.body
            record.body = value
        case Part.LEVEL if level := level_of(value):
            record.level, record.severity = level, value
        case Part.TIME if (at := nanoseconds(value)) is not None:
            record.ts_ns = at
        case Part.COLUMN:
            setattr(record, own, value)
        case _:
            record.attributes[names_of(name)[0]] = value


def remove(record: LogRecord, name: str) -> None:
    """Leave the field out; the text and the time stay."""
    part, own = place_of(name)
    match part:
        case Part.LEVEL:
            record.level, record.severity = 0, ""
        case Part.COLUMN:
            setattr(record, own, "")
        case Part.ATTRIBUTE:
            for one in names_of(own):
                record.attributes.pop(one, None)
        case Part.BODY | Part.TIME | Part.PATTERN:
            return
