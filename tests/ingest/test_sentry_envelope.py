"""Envelopes are read as each SDK writes them; broken parts leave the good ones alone."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.ingest.protocols.sentry_envelope import MOST_ITEMS, json_object, read, stored
from tocsin.kit.fault import Rejected, TooLarge


def test_javascripts_items_end_at_the_newline_and_pythons_at_their_length() -> None:
    body = (
        b'{"event_id":"AA-bb","dsn":"http://k@h/1"}\n'
        b'{"type":"event"}\n{"message":"js"}\n'
        b'{"type":"attachment","length":5,"filename":"a"}\na\nb\nc\n'
        b'{"type":"session","length":2}\n{}\n'
    )
    found = read(body)
    assert found.event_id == "aabb"
    assert [(one.type, one.payload) for one in found.items] == [
        ("event", b'{"message":"js"}'),
        ("attachment", b"a\nb\nc"),
        ("session", b"{}"),
    ]
    assert found.problems == ()


def test_a_header_may_be_empty_and_the_last_newline_missing() -> None:
    found = read(b'{}\n{"type":"client_report"}\n{"discarded_events":[]}')
    assert [one.type for one in found.items] == ["client_report"]


@pytest.mark.parametrize(
    "header", [b"", b"nothing", b"[]", b"{", b'{"a":' * 100_000, b"{" + b" " * 100_000]
)
def test_an_envelope_without_a_header_is_refused(header: bytes) -> None:
    with pytest.raises(Rejected):
        read(header + b'\n{"type":"event"}\n{}\n')


BROKEN = {
    "a length beyond the end": b'{"type":"event","length":99}\n{"a":1}\n',
    "a length that is too short": b'{"type":"event","length":2}\n{"a":1}\n',
    "a length that is no number": b'{"type":"event","length":"x"}\n{"a":1}\n',
    "a header before it that is no JSON": b'what\n{"type":"event"}\n{"a":1}\n',
    "an item without a type before it": b'{"length":2}\n{}\n{"type":"event"}\n{"a":1}\n',
    "an item of a type that is unknown": b'{"type":"new"}\n{}\n{"type":"event"}\n{"a":1}\n',
}


@pytest.mark.parametrize("items", BROKEN.values(), ids=BROKEN)
def test_the_good_part_is_kept_despite(items: bytes) -> None:
    found = read(b"{}\n" + items)
    assert [one.json() for one in found.items if one.type == "event"] == [{"a": 1}]


def test_an_envelope_of_many_items_is_bounded() -> None:
    found = read(b"{}\n" + b'{"type":"event"}\n{}\n' * (MOST_ITEMS + 10))
    assert len(found.items) == MOST_ITEMS
    assert found.problems


def test_endless_garbage_is_given_up_soon() -> None:
    assert len(read(b"{}\n" + b"x\n" * 100_000).problems) == 20


def test_empty_lines_between_items_are_passed_in_one_step() -> None:
    found = read(b"{}\n" + b" \n" * 3_000_000 + b'{"type":"event"}\n{}\n\n\n')
    assert [one.type for one in found.items] == ["event"]


@given(some.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        found = read(b"{}\n" + body)
    except Rejected:
        return
    for one in found.items:
        assert one.type


def test_json_that_is_not_quite_is_read() -> None:
    assert json_object(b'{"a": NaN}', "x").keys() == {"a"}
    assert json_object(b'{"a": "\\ud800"}', "x").keys() == {"a"}


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(Rejected, match="deeply"):
        json_object(b'{"a":' + b"[" * 200_000, "x")


def test_old_sdks_pack_their_events() -> None:
    packed = base64.b64encode(zlib.compress(json.dumps({"message": "x"}).encode()))
    assert stored(packed, 1_000) == b'{"message": "x"}'
    assert stored(b' {"a":1} ', 1_000) == b'{"a":1}'
    with pytest.raises(Rejected):
        stored(b"###", 1_000)
    with pytest.raises(TooLarge):
        stored(base64.b64encode(zlib.compress(b"x" * 10_000)), 1_000)
