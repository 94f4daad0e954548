"""A block is read back, and the rows that are wanted make another one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.logs import LogBatch, LogRecord
from tocsin.store.log_writer import rows_of
from tocsin.store.native_block import Block

_TEXT = st.text(max_size=200) | st.sampled_from(["", "same"])
_RECORDS = st.lists(
    st.builds(
        LogRecord,
        ts_ns=st.integers(0, (1 << 63) - 1),
        body=_TEXT,
        service=_TEXT,
        level=st.integers(0, 24),
        pattern=st.integers(0, (1 << 64) - 1),
        attributes=st.dictionaries(_TEXT, _TEXT, max_size=4),
        original=_TEXT,
    ),
    min_size=1,
    max_size=6,
)


def rows(records: list[LogRecord]) -> bytes:
    return bytes(rows_of(LogBatch(records=tuple(records), key=7, taken_ms=1000)).data)


@given(_RECORDS)
def test_a_block_of_all_rows_is_the_same_block(records: list[LogRecord]) -> None:
    data = rows(records)
    assert Block(data).taken(range(len(records))) == data


@given(_RECORDS, st.data())
def test_some_rows_are_those_of_these_records_alone(
    records: list[LogRecord], data: st.DataObject
) -> None:
    wanted = sorted(data.draw(st.sets(st.sampled_from(range(len(records))), min_size=1)))
    part = Block(Block(rows(records)).taken(wanted))
    assert part.rows == len(wanted)
    assert part.numbers("ts").tolist() == [records[row].ts_ns for row in wanted]
    assert part.numbers("number").tolist() == wanted
    assert set(part.numbers("batch").tolist()) == {7}
    again = [records[row] for row in wanted]
    same = Block(rows(again))
    for name in ("ts", "level", "pattern"):
        assert part.numbers(name).tolist() == same.numbers(name).tolist()
