"""The log gives back what was appended, whatever was cut off, damaged or done already."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.kit.fault import Permanent, Temporary
from tocsin.store import wal_record
from tocsin.store.errors import DiskFull, LogFull
from tocsin.store.wal import WriteAheadLog
from tocsin.store.wal_mark import Position
from tocsin.store.wal_record import Rows


def rows(number: int, size: int = 10) -> Rows:
    data = f"{number:08d}".encode() + bytes(Random(number).randbytes(size))
    return Rows("samples", ("id", "ts", "value"), "RowBinary", number, data)


@contextmanager
def opened(folder: Path, **options: int) -> Iterator[WriteAheadLog]:
    wal = WriteAheadLog(folder, **options)  # type: ignore[arg-type]  # only the sizes are given
    wal.open()
    yield wal
    wal.close()


def numbers(wal: WriteAheadLog) -> list[int]:
    found = []
    for record in wal.unapplied():
        number = record.rows.count
        assert bytes(record.rows.data) == rows(number, len(record.rows.data) - 8).data
        assert record.rows.columns == ("id", "ts", "value")
        found.append(number)
    return found


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.wal"))


def test_what_was_appended_is_found_by_the_next_process(tmp_path: Path) -> None:
    with opened(tmp_path, segment_bytes=500) as wal:
        for number in range(1, 50):
            wal.append([rows(number)])
        assert len(segments(tmp_path)) > 3
    with opened(tmp_path) as wal:
        assert numbers(wal) == list(range(1, 50))
        wal.append([rows(50), rows(51)])
    with opened(tmp_path) as wal:
        assert numbers(wal) == list(range(1, 52))


def test_what_is_applied_is_not_given_again_and_its_segments_go(tmp_path: Path) -> None:
    with opened(tmp_path, segment_bytes=500) as wal:
        ends = [wal.append([rows(number)]) for number in range(50)]
        wal.begin(ends[30], "token")
        wal.applied(ends[30])
        assert int(segments(tmp_path)[0].stem) == ends[30].segment
    with opened(tmp_path) as wal:
        assert wal.interrupted is None
        assert numbers(wal) == list(range(31, 50))
        wal.forget_all()
        assert segments(tmp_path) == []
    with opened(tmp_path) as wal:
        assert numbers(wal) == []
        end = wal.append([rows(7)])
        assert end.segment > ends[-1].segment
    with opened(tmp_path) as wal:
        assert numbers(wal) == [7]


def test_an_insert_without_an_outcome_is_remembered_with_its_token(tmp_path: Path) -> None:
    with opened(tmp_path) as wal:
        end = wal.append([rows(1)])
        wal.begin(end, "abc")
    with opened(tmp_path) as wal:
        assert wal.interrupted is not None
        assert wal.interrupted.until == end
        assert wal.interrupted.token == "abc"


def test_two_processes_cannot_share_a_log(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(Permanent, match="in use"):
        WriteAheadLog(tmp_path).open()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 300), min_size=1, max_size=12))
def test_a_log_cut_at_any_byte_gives_back_every_whole_record(seed: int, sizes: list[int]) -> None:
    pieces = [b"".join(wal_record.encode(rows(n, size))) for n, size in enumerate(sizes)]
    whole = b"".join(pieces)
    cut = Random(seed).randrange(len(whole) + 1)
    expected, at = [], 0
    for number, piece in enumerate(pieces):
        at += len(piece)
        if at <= cut:
            expected.append(number)
    found = list(wal_record.scan(whole[:cut]))
    assert [one.rows.count for one in found if one.rows is not None] == expected
    torn = [one for one in found if one.rows is None]
    assert len(torn) <= 1
    assert not torn or torn[0].end == cut


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 10))
def test_damage_costs_only_the_records_it_lies_in(seed: int, count: int) -> None:
    random = Random(seed)
    pieces = [b"".join(wal_record.encode(rows(n, random.randrange(60)))) for n in range(count)]
    hurt = random.randrange(count)
    piece = bytearray(pieces[hurt])
    piece[random.randrange(len(piece))] ^= random.randrange(1, 256)
    pieces[hurt] = bytes(piece)
    found = list(wal_record.scan(b"".join(pieces)))
    kept = [one.rows.count for one in found if one.rows is not None]
    assert kept == [number for number in range(count) if number != hurt]
    (damaged,) = [one for one in found if one.rows is None]
    assert damaged.start == sum(len(one) for one in pieces[:hurt])
    assert damaged.end - damaged.start == len(piece)


def test_a_torn_tail_is_passed_over_and_a_damaged_record_kept_aside(tmp_path: Path) -> None:
    with opened(tmp_path, segment_bytes=200) as wal:
        for number in range(20):
            wal.append([rows(number)])
    first, *_, last = segments(tmp_path)
    os.truncate(last, last.stat().st_size - 1)
    data = bytearray(first.read_bytes())
    data[30] ^= 1
    first.write_bytes(data)
    with opened(tmp_path) as wal:
        assert numbers(wal) == list(range(1, 19))
        assert [one.name for one in tmp_path.glob("damaged-*")] == ["damaged-00000001-0.bin"]


def test_a_damaged_mark_means_that_everything_is_given_again(tmp_path: Path) -> None:
    with opened(tmp_path) as wal:
        wal.append([rows(1)])
        wal.applied(wal.append([rows(2)]))
        wal.append([rows(3)])
    (tmp_path / "applied").write_bytes(b"00000000 [1]")
    with opened(tmp_path) as wal:
        assert numbers(wal) == [1, 2, 3]


def test_a_log_without_room_refuses_more(tmp_path: Path) -> None:
    with opened(tmp_path, limit_bytes=3000) as wal:
        end = wal.append([rows(1, 2000)])
        with pytest.raises(LogFull, match="later"):
            wal.append([rows(2, 2000)])
        wal.applied(end)
        wal.forget_all()
        wal.append([rows(2, 2000)])


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_told_and_leaves_no_half_record(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with opened(tmp_path) as wal:
            kept = 20
            for number in range(kept):
                wal.append([rows(number, 10_000)])
            with pytest.raises(DiskFull) as caught:
                wal.append([rows(kept, 100_000)])
            assert caught.value.retry_after == 30.0
            wal.append([rows(kept, 10)])
        with opened(tmp_path) as wal:
            assert numbers(wal) == list(range(kept + 1))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writes end there, as at the end of a disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_mark_that_could_not_be_written_whole_leaves_the_old_one(tmp_path: Path) -> None:
    with opened(tmp_path) as wal:
        wal.applied(wal.append([rows(1)]))
        end = wal.append([rows(2)])
        with largest_file(12), pytest.raises(Temporary):
            wal.applied(end)
    with opened(tmp_path) as wal:
        assert numbers(wal) == [2]


def test_half_a_record_that_cannot_be_cut_off_spoils_no_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as wal:
        wal.append([rows(1)])
        with monkeypatch.context() as patched, largest_file(150):
            patched.setattr(os, "ftruncate", Mock(side_effect=OSError(5, "Input/output error")))
            with pytest.raises(Temporary):
                wal.append([rows(2, 500)])
        end = wal.append([rows(3)])
        wal.append([rows(4)])
        wal.applied(end)
    with opened(tmp_path) as wal:
        assert numbers(wal) == [4]


def test_a_segment_that_cannot_be_deleted_is_not_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, segment_bytes=10) as wal:
        wal.append([rows(1)])
        end = wal.append([rows(2)])
        wal.append([rows(3)])
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", Mock(side_effect=OSError(5, "Input/output error")))
            wal.applied(end)
    assert len(segments(tmp_path)) == 3
    with opened(tmp_path, segment_bytes=10) as wal:
        assert numbers(wal) == [3]
        wal.applied(end)
        assert len(segments(tmp_path)) == 1


def test_a_record_that_is_set_aside_can_be_read_again(tmp_path: Path) -> None:
    with opened(tmp_path) as wal:
        path = wal.quarantine(rows(5), "the store refuses it")
    (found,) = wal_record.scan(path.read_bytes())
    assert found.rows is not None
    assert found.rows.count == 5


def test_positions_sort_in_the_order_of_the_log() -> None:
    assert Position(1, 900) < Position(2, 0) < Position(2, 1)
