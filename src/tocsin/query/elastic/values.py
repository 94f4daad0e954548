"""Which value of a line does a field's name mean in SQL: as text, as a number, as a time?"""

from __future__ import annotations

from tocsin.query.logs.fields import Part, names_of, place_of
from tocsin.store.literal import literal

LEVEL_TEXT = (
    "multiIf(level = 0, '', level < 5, 'trace', level < 9, 'debug', level < 13, 'info',"
    " level < 17, 'warn', level < 21, 'error', 'fatal')"
)
MILLIS = "toUnixTimestamp64Milli(ts)"


def text_sql(field: str) -> str:
    """The value as text, empty when there is none."""
    part, name = place_of(field)
    match part:
        case Part.BODY:
            return "body"
        case Part.COLUMN:
            return f"toString({name})"
        case Part.LEVEL:
            return LEVEL_TEXT
        case Part.PATTERN:
            return "if(pattern = 0, '', toString(pattern))"
        case Part.TIME:
            return f"toString({MILLIS})"
    return attribute_sql(name)


def attribute_sql(name: str) -> str:
    """An attribute under any of the names that it is kept by."""
    places = [f"attributes[{literal(one)}]" for one in names_of(name)]
    if len(places) == 1:
        return places[0]
    return f"if({places[0]} != '', {places[0]}, {places[1]})"


def number_sql(field: str) -> str:
    """The value as a number, null when it is none; a time is in milliseconds."""
    part, _ = place_of(field)
    if part is Part.TIME:
        return f"toNullable(toFloat64({MILLIS}))"
    if part is Part.LEVEL:
        return "toNullable(toFloat64(level))"
    return f"toFloat64OrNull({text_sql(field)})"


def is_time(field: str) -> bool:
    """Whether the field is the line's time."""
    return place_of(field)[0] is Part.TIME
