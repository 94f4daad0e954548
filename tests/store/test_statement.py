"""What a request asks of the engine is read as ClickHouse reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.store.embedded_http import form_fields, statement_of
from tocsin.store.lanes import EngineError
from tocsin.store.statement import lane_of, split


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        pytest.param("SELECT 1;", b"", ("SELECT 1", None, None), id="a query in the address"),
        pytest.param("", b"SELECT 1\n", ("SELECT 1", None, None), id="a query in the body"),
        pytest.param(
            "INSERT INTO t (a) FORMAT RowBinary",
            b"\n\x00;\xff",
            ("INSERT INTO t (a)", b"\n\x00;\xff", "RowBinary"),
            id="an insert in the address, its data in the body",
        ),
        pytest.param(
            "",
            b"insert into t format TSV\n1\n FORMAT CSV\n",
            ("insert into t", b"1\n FORMAT CSV\n", "TSV"),
            id="an insert with its data, both in the body",
        ),
        pytest.param(
            "", b"INSERT INTO t VALUES (1)", ("INSERT INTO t VALUES (1)", None, None), id="values"
        ),
        pytest.param(
            "",
            b"INSERT INTO t SELECT 1 FORMAT TSV",
            ("INSERT INTO t SELECT 1 FORMAT TSV", None, None),
            id="an insert from a query",
        ),
    ],
)
def test_query_and_body_make_one_statement(
    query: str, body: bytes, expected: tuple[str, bytes | None, str | None]
) -> None:
    assert split(query, body) == expected


@pytest.mark.parametrize(
    ("sql", "wanted", "lane"),
    [
        pytest.param("SELECT 1", "", "query", id="a query"),
        pytest.param("SELECT 1", "short", "short", id="what the caller asks for"),
        pytest.param("SELECT 1", "a comment", "query", id="a comment is no lane"),
        pytest.param(" insert into t", "", "insert", id="an insert"),
        pytest.param("BACKUP DATABASE d TO File('x')", "", "background", id="long work"),
    ],
)
def test_a_statement_has_a_lane(sql: str, wanted: str, lane: str) -> None:
    assert lane_of(sql, wanted) == lane


@given(query=st.text(), body=st.binary())
def test_any_request_is_a_statement_or_an_engine_error(query: str, body: bytes) -> None:
    code = 0
    try:
        statement_of({"query": query}, body)
    except EngineError as error:
        code = error.code
    assert code in (0, 62)


@given(boundary=st.text(max_size=8), body=st.binary())
def test_any_form_is_fields(boundary: str, body: bytes) -> None:
    assert isinstance(form_fields(f"multipart/form-data; boundary={boundary}", body), dict)


def test_a_form_holds_its_values_as_they_are() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 1\r\n'
        b'--x\r\nContent-Disposition: form-data; name="param_a"\r\n\r\n\r\nb\r\n\r\n--x--\r\n'
    )
    fields = form_fields("multipart/form-data; boundary=x", body)
    assert fields == {"query": "SELECT 1", "param_a": "\r\nb\r\n"}
