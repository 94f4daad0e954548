"""The names of label sets are Alertmanager's, one by one and many at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.model import notices
from tocsin.model.labels import from_mapping
from tocsin.model.notices import fingerprint, name_many

_SETS = st.lists(
    st.dictionaries(st.text(min_size=1, max_size=6), st.text(min_size=1, max_size=40), max_size=4),
    max_size=60,
)


def test_a_name_is_fnv_1a_of_names_and_values() -> None:
    assert fingerprint(()) == "cbf29ce484222325"
    assert fingerprint(from_mapping({"alertname": "a"})) == _fnv(b"alertname\xffa\xff")


@given(sets=_SETS)
def test_many_at_once_have_the_names_that_each_has(sets: list[dict[str, str]]) -> None:
    many = [from_mapping(one) for one in sets]
    many += [from_mapping({"n": str(number), "long": "x" * number}) for number in range(0, 600, 9)]
    notices._known.clear()
    name_many(many)
    at_once = {one: fingerprint(one) for one in many}
    assert len(notices._known) == len(set(many))
    notices._known.clear()
    assert {one: fingerprint(one) for one in many} == at_once


def _fnv(data: bytes) -> str:
    total = 0xCBF29CE484222325
    for byte in data:
        total = (total ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{total:016x}"
