"""Which field of a document is which part of a record."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.ingest.logs import fields
from tocsin.ingest.logs.fields import flattened, record_of
from tocsin.model.logs import LogRecord

NOW_NS = 1_700_000_000_000_000_000


def made(document: dict[str, Any]) -> LogRecord:
    text = msgspec.json.encode(document).decode()
    return record_of(flattened(document), now_ns=NOW_NS, original=text)


def test_fields_have_dotted_names_and_texts_as_values() -> None:
    found = flattened(
        {"a": {"b": {"c": 1}}, "t": True, "f": 0.5, "l": [1, "x"], "n": None, "e": {}, "s": "é"}
    )
    assert found == {"a.b.c": "1", "t": "true", "f": "0.5", "l": '[1,"x"]', "s": "é"}


def test_what_is_nested_too_deeply_is_kept_as_text() -> None:
    document: dict[str, Any] = {"leaf": 1}
    for _ in range(40):
        document = {"a": document}
    ((name, value),) = flattened(document).items()
    assert name.count(".") == 12
    assert '"leaf":1' in value


def test_the_documents_own_fields_come_before_the_wrapped_ones() -> None:
    record = made({"severity": "warn", "message": "m", "fields": {"level": "info", "n": 1}})
    assert (record.level, record.severity, record.body) == (13, "warn", "m")
    assert record.attributes == {"level": "info", "n": "1"}


def test_a_wrapped_field_never_hides_one_of_the_same_name() -> None:
    record = made({"message": "m", "run": "outer", "fields": {"run": "inner"}})
    assert record.attributes == {"run": "outer", "fields.run": "inner"}


def test_a_document_without_a_text_is_its_own_text() -> None:
    record = made({"n": 1})
    assert (record.body, record.original, record.attributes) == ('{"n":1}', "", {"n": "1"})


def test_a_time_that_is_none_stays_a_field_and_the_line_has_the_time_of_its_arrival() -> None:
    record = made({"message": "m", "@timestamp": "yesterday"})
    assert record.ts_ns == NOW_NS
    assert record.attributes == {"@timestamp": "yesterday"}


@pytest.mark.parametrize(
    ("field", "value", "level"),
    [
        ("level", 10, 1),
        ("level", 30, 9),
        ("level", 35, 9),
        ("level", 50, 17),
        ("level", 60, 21),
        ("level", "warning", 13),
        ("PRIORITY", "3", 17),
        ("severity_number", 17, 17),
        ("level", 200, 0),
        ("status", 200, 0),
        ("status", "error", 17),
        ("level", "²", 0),
    ],
)
def test_levels_are_words_or_the_usual_numbers(field: str, value: object, level: int) -> None:
    assert made({"message": "m", field: value}).level == level


_KEYS = st.sampled_from(["message", "level", "fields", "@timestamp", "a", "host", "", "é.b"])
_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
_INNER = _LEAF | st.lists(_LEAF, max_size=3) | st.dictionaries(_KEYS, _LEAF, max_size=4)
_JSON = _INNER | st.lists(_INNER, max_size=3) | st.dictionaries(_KEYS, _INNER, max_size=4)


@given(st.dictionaries(_KEYS, _JSON, max_size=6))
def test_any_document_is_a_record_of_texts(document: dict[str, Any]) -> None:
    record = made(document)
    assert {type(value) for value in record.attributes.values()} <= {str}
    assert 0 <= record.ts_ns < 1 << 63


def test_senders_that_make_up_names_and_levels_do_not_fill_the_memory() -> None:
    fields._shapes.clear()
    fields._level.cache_clear()
    record = made({"message": "m", "level": "x" * 50_000, "k" * 50_000: "v"})
    assert record.level == 0
    assert record.attributes == {"level": "x" * 50_000, "k" * 50_000: "v"}
    assert not fields._shapes
    assert not fields._level.cache_info().currsize
