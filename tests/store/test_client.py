"""SQL in, bytes out, with the real engine."""

from __future__ import annotations

import asyncio

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.model.samples import SAMPLE, STALE_BITS
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.endpoint import Endpoint
from tocsin.store.errors import QueryTimeout, QueryTooLarge, StoreError

pytestmark = pytest.mark.anyio

ENDLESS = "SELECT count() FROM numbers(1e13) WHERE sipHash64(number) = 1"


class Row(msgspec.Struct, frozen=True):
    name: str
    id: int
    value: float | None


async def test_samples_come_back_bit_for_bit(store: Store) -> None:
    bits = [STALE_BITS, 0x7FF8000000000001, 0xFFF8DEADBEEF0001, 0x8000000000000000, 1]
    rows = np.zeros(len(bits), SAMPLE)
    rows["id"] = 2**64 - 1
    rows["ts"] = range(-2, len(bits) - 2)
    rows["value"] = np.array(bits, np.uint64).view(np.float64)
    await store.insert("samples", ("id", "ts", "value"), rows.tobytes())
    back = await store.fetch_array("SELECT id, ts, value FROM samples ORDER BY ts", None, SAMPLE)
    assert back.tobytes() == rows.tobytes()


async def test_an_equal_key_replaces_the_older_row(store: Store) -> None:
    for value in (1.0, 2.0):
        row = np.array([(7, 1000, value)], SAMPLE)
        await store.insert("samples", ("id", "ts", "value"), row.tobytes())
    sql = "SELECT id, ts, value FROM samples FINAL"
    assert (await store.fetch_array(sql, None, SAMPLE)).tolist() == [(7, 1000, 2.0)]


async def test_rows_become_structs_with_whole_64_bit_ids(empty_store: Store) -> None:
    sql = "SELECT {name:String} AS name, 18446744073709551615 AS id, nan AS value"
    rows = await empty_store.fetch_rows(sql, {"name": "a"}, Row)
    assert rows == [Row("a", 2**64 - 1, None)]


@given(text=st.text(max_size=20))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.parametrize("size", [1, 3000])
async def test_parameters_arrive_as_they_are(empty_store: Store, size: int, text: str) -> None:
    long = text * size
    body = await empty_store.fetch_bytes(
        "SELECT {text:String} AS x", {"text": long}, fmt="JSONEachRow"
    )
    assert msgspec.json.decode(body)["x"] == long


async def test_lists_are_parameters_too(empty_store: Store) -> None:
    wanted = ["it's", "a\\b", "tab\t", "new\nline", ""]
    sql = "SELECT arrayJoin({names:Array(String)}) AS name, 0 AS id, 0 AS value"
    rows = await empty_store.fetch_rows(sql, {"names": wanted}, Row)
    assert [row.name for row in rows] == wanted


@pytest.mark.parametrize(
    ("sql", "settings", "expected", "words"),
    [
        pytest.param("SELECT 1 FROM nope", {}, StoreError, "nope", id="an unknown table"),
        pytest.param("SELEC 1", {}, StoreError, "Syntax error", id="not SQL"),
        pytest.param(
            "SELECT groupArray(number) FROM numbers(100000000)",
            {"max_memory_usage": 20_000_000},
            QueryTooLarge,
            "narrow the time range",
            id="too much memory",
        ),
        pytest.param(
            "SELECT number FROM numbers(1000)",
            {"max_result_rows": 10},
            QueryTooLarge,
            "narrow",
            id="too many rows",
        ),
        pytest.param(
            ENDLESS, {"max_execution_time": 0.1}, QueryTimeout, "longer timeout", id="too long"
        ),
        pytest.param("SELECT 1", {"no_such": 1}, StoreError, "no_such", id="an unknown setting"),
    ],
)
async def test_an_error_says_what_to_do(
    empty_store: Store, sql: str, settings: dict[str, int], expected: type[Exception], words: str
) -> None:
    with pytest.raises(expected, match=words):
        await empty_store.fetch_bytes(sql, settings=settings)
    assert await empty_store.fetch_bytes("SELECT 1", fmt="TSV") == b"1\n"


async def test_a_setting_holds_for_its_query_only(empty_store: Store) -> None:
    sql = "SELECT getSetting('max_block_size')"
    usual = await empty_store.fetch_bytes(sql, fmt="TSV")
    assert await empty_store.fetch_bytes(sql, fmt="TSV", settings={"max_block_size": 77}) == b"77\n"
    answers = [await empty_store.fetch_bytes(sql, fmt="TSV") for _ in range(8)]
    assert set(answers) == {usual}


async def test_cancelling_ends_the_query_in_the_engine(empty_store: Store) -> None:
    asking = asyncio.create_task(empty_store.fetch_bytes(ENDLESS))
    await _until_running(empty_store, at_least=1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await _until_running(empty_store, at_most=0)


async def test_heavy_queries_leave_room_for_short_ones_and_inserts(store: Store) -> None:
    heavy = [asyncio.create_task(store.fetch_bytes(ENDLESS)) for _ in range(6)]
    await _until_running(store, at_least=4)
    assert await store.fetch_bytes("SELECT 1", fmt="TSV", lane="short") == b"1\n"
    await store.insert("samples", ("id", "ts", "value"), np.zeros(1, SAMPLE).tobytes())
    for task in heavy:
        task.cancel()
    await asyncio.gather(*heavy, return_exceptions=True)


async def test_a_wrong_password_is_permanent(engine: EngineChild) -> None:
    wrong = Endpoint(url=engine.endpoint.url, password="guess")
    with pytest.raises(Permanent, match="login"):
        await Store.connect(wrong, database="default", clock=SystemClock())


async def test_a_store_that_is_away_is_temporary() -> None:
    with pytest.raises(Temporary, match="cannot be reached"):
        await Store.connect("http://127.0.0.1:9", database="default", clock=SystemClock())


async def test_nothing_is_inserted_from_nothing(store: Store) -> None:
    await store.insert("samples", ("id", "ts", "value"), b"")
    assert await store.fetch_bytes("SELECT count() FROM samples", fmt="TSV") == b"0\n"


async def test_a_cut_insert_leaves_nothing_behind(store: Store) -> None:
    data = np.zeros(1000, SAMPLE).tobytes()[:-5]
    with pytest.raises((StoreError, Rejected)):
        await store.insert("samples", ("id", "ts", "value"), data)
    assert await store.fetch_bytes("SELECT count() FROM samples", fmt="TSV") == b"0\n"


async def _until_running(store: Store, *, at_least: int = 0, at_most: int = 100) -> None:
    """Wait until that many of our endless queries are running in the engine."""
    sql = "SELECT count() FROM system.processes WHERE query LIKE '%FROM numbers(1e13)%'"
    sql += " AND query NOT LIKE '%processes%'"
    async with asyncio.timeout(60):
        while True:
            running = int(await store.fetch_bytes(sql, fmt="TSV", lane="short"))
            if at_least <= running <= at_most:
                return


async def test_a_server_of_ones_own_is_spoken_to_alike(engine: EngineChild, store: Store) -> None:
    far = Endpoint(url=engine.endpoint.url, user="default", password=engine.endpoint.password)
    other = await Store.connect(far, database=store.database, clock=SystemClock())
    await other.insert("samples", ("id", "ts", "value"), np.zeros(1, SAMPLE).tobytes())
    assert len(await other.fetch_array("SELECT id, ts, value FROM samples", None, SAMPLE)) == 1
    asking = asyncio.create_task(other.fetch_bytes(ENDLESS))
    await _until_running(store, at_least=1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await _until_running(store, at_most=0)
    await other.close()
