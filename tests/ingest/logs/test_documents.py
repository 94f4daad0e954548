"""Many documents at once become the records that they become one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.ingest.logs.documents import read, records_of
from tocsin.ingest.logs.fields import flattened, record_of
from tocsin.ingest.logs.stamps import all_nanoseconds
from tocsin.kit.timestamps import nanoseconds

NOW_NS = 1_700_000_000_000_000_000

scalars = st.one_of(
    st.text(max_size=5), st.integers(-5, 60), st.floats(-2, 2), st.booleans(), st.none()
)
names = st.sampled_from(["message", "level", "fields", "a", "a.b", "status", "@timestamp", "b"])
values = st.recursive(
    scalars | st.sampled_from(["error", "2026-11-22T10:00:00Z", "yesterday"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def one_by_one(documents: list[dict[str, Any]], texts: list[str]) -> list[Any]:
    return [
        record_of(flattened(one), now_ns=NOW_NS, original=text)
        for one, text in zip(documents, texts, strict=True)
    ]


@given(st.lists(st.dictionaries(names, values, max_size=4), min_size=1, max_size=4))
def test_documents_of_mixed_kinds_are_read_as_one_by_one(kinds: list[dict[str, Any]]) -> None:
    documents = kinds * 12  # enough of each kind to be read together
    texts = [f"{number}" for number in range(len(documents))]
    assert records_of(documents, texts, now_ns=NOW_NS) == one_by_one(documents, texts)


@given(st.lists(values, min_size=20, max_size=30))
def test_a_field_may_have_another_kind_of_value_in_each_document(found: list[Any]) -> None:
    documents = [{"message": "m", "a": {"b": value}, "level": value} for value in found]
    texts = ["x"] * len(documents)
    assert records_of(documents, texts, now_ns=NOW_NS) == one_by_one(documents, texts)


@given(
    st.dictionaries(names, values, max_size=4),
    st.lists(st.dictionaries(names, values, max_size=4), max_size=2),
    st.booleans(),
)
def test_lines_are_read_as_their_documents_are_one_by_one(
    usual: dict[str, Any], others: list[dict[str, Any]], turned: bool
) -> None:
    documents = [*[usual] * 40, *others]
    if turned:
        documents[20] = dict(reversed(usual.items()))
    lines = [msgspec.json.encode(one) for one in documents]
    documents = [msgspec.json.decode(one) for one in lines]
    found = read(lines, now_ns=NOW_NS)
    assert not found.problems
    assert found.records == one_by_one(documents, [one.decode() for one in lines])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param('{"n":1}', '{"n":1.0}', id="a number, whole or not"),
        pytest.param('{"n":1}', '{"n":true}', id="a number or a truth value"),
        pytest.param('{"n":1}', '{"n":123456789012345678901234567890}', id="a very large number"),
        pytest.param('{"n":"1"}', '{"n":null}', id="a text or nothing"),
        pytest.param('{"n":{"a":1}}', '{"n":{"a":1,"b":2}}', id="another field within"),
        pytest.param('{"n":1,"m":2}', '{"m":2,"n":1}', id="another order"),
        pytest.param('{"n":1}', '{"n":1,"n":2}', id="the same field twice"),
        pytest.param('{"a.b":1,"a":{"b":2}}', '{"a.b":3,"a":{"b":4}}', id="the same name twice"),
        pytest.param('{"n":[1,{}]}', '{"n":[]}', id="lists"),
        pytest.param("{}", '{"":{}}', id="nothing, and an empty name"),
    ],
)
def test_lines_that_differ_are_each_read_as_they_are(first: str, second: str) -> None:
    texts = [first] * 40 + [second] * 40
    documents = [msgspec.json.decode(one) for one in texts]
    assert read([one.encode() for one in texts], now_ns=NOW_NS).records == one_by_one(
        documents, texts
    )


@pytest.mark.parametrize("wrong", [b"[1]", b"{", b'{"a":"\xff"}', b'{"a":1}{"a":2}', b"", b"null"])
def test_lines_that_are_no_objects_are_told_by_their_places(wrong: bytes) -> None:
    found = read([*[b'{"a":1}'] * 40, wrong, b'{"a":2}'], now_ns=NOW_NS)
    assert list(found.problems) == [40]
    assert [one.body for one in found.records] == [*['{"a":1}'] * 40, '{"a":2}']


def test_what_is_nested_too_deeply_is_kept_as_text_in_many_documents_too() -> None:
    document: dict[str, Any] = {"leaf": 1}
    for _ in range(40):
        document = {"a": document}
    documents, texts = [document] * 10, [""] * 10
    assert records_of(documents, texts, now_ns=NOW_NS) == one_by_one(documents, texts)


def test_records_of_one_kind_share_nothing_that_can_be_changed() -> None:
    found = records_of([{"message": "m"}] * 20, ["{}"] * 20, now_ns=NOW_NS)
    found[0].attributes["only"] = "here"
    assert found[1].attributes == {}


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["2026-11-22T10:00:00.123Z", "1970-01-01T00:00:00.000Z"], id="JavaScript"),
        pytest.param(["2026-11-22T10:00:00.123456+00:00"], id="Python"),
        pytest.param(["2026-11-22T10:00:00Z", "2026-11-22T10:00:00.5Z"], id="of two lengths"),
        pytest.param(["2026-11-22T10:00:00Z", "2026-13-22T10:00:00Z"], id="no such month"),
        pytest.param(["2026-11-22T10:00:00Z", "2026-02-30T10:00:00Z"], id="no such day"),
        pytest.param(["2026-11-22T10:00:00Z", "2026-11-22T24:00:00Z"], id="no such hour"),
        pytest.param(["2026-11-22T10:00:00Z", "2026-11-22T10:00:60Z"], id="a leap second"),
        pytest.param(["2026-11-22T10:00:00Z", "1926-11-22T10:00:00Z"], id="before the epoch"),
        pytest.param(["2026-11-22T10:00:00Z", "9999-11-22T10:00:00Z"], id="too far away"),
        pytest.param(["2026-11-22T10:00:00Z", "0000-11-22T10:00:00Z"], id="no such year"),
        pytest.param(["2026-11-22T10:00:00Z", "2026-11-22 10:00:00Z"], id="a space"),
        pytest.param(["2026-11-22T10:00:00Z", "2026-11-22T10:00:0éZ"], id="no digit"),
        pytest.param(["2026-11-22T10:00:00.123456789Z"], id="nanoseconds"),
        pytest.param(["yesterday"], id="no time"),
    ],
)
def test_times_are_read_together_as_one_by_one(texts: list[str]) -> None:
    many = texts * 20
    assert all_nanoseconds(many) == [nanoseconds(one) for one in many]


@given(st.datetimes(), st.sampled_from(["Z", "+00:00"]), st.sampled_from(["seconds", "auto"]))
def test_any_time_is_read_together_as_by_itself(at: Any, zone: str, precision: str) -> None:
    text = at.isoformat(timespec=precision) + zone
    assert all_nanoseconds([text] * 20) == [nanoseconds(text)] * 20
