"""SQL in, bytes out: the one way to the telemetry store, embedded or a ClickHouse far away."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec
import numpy as np
from clickhouse_connect.driver import create_async_client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error
from numpy.typing import NDArray

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Temporary
from tocsin.store.disk import DiskWatch
from tocsin.store.endpoint import Endpoint
from tocsin.store.errors import QueryTimeout, fault_of

Param: TypeAlias = str | int | float | Sequence[str] | Sequence[int]
"""A value for `{name:Type}`. ClickHouse refuses more than 128 KiB in one: long lists of numbers go
into the SQL text, which may be 16 MiB in the embedded engine."""

Lane: TypeAlias = Literal["short", "query", "insert", "background"]

T = TypeVar("T")

_log = log.get("store")
_GRACE_SECONDS = 5.0
_LANE_LIMITS = {"short": 16, "query": 8, "insert": 4, "background": 4}
_seconds = gauge.histogram(
    "store_request_seconds", "Time of a request to the store, waiting included.", ("lane",)
)
_failures = gauge.counter("store_failures", "Requests to the store that failed.", ("fault",))


class Store:
    """A client of one database. Every value from outside goes in as a `{name:Type}` parameter.

    All methods raise Temporary when the store is away or busy (DiskFull when its disk is),
    QueryTooLarge and QueryTimeout (Rejected) when the query is at fault, StoreError otherwise.
    """

    def __init__(
        self,
        client: Any,
        endpoint: Endpoint,
        database: str,
        clock: Clock,
        disk: DiskWatch | None = None,
    ) -> None:
        self._client = client  # clickhouse-connect's client is not typed for strict checking
        self.endpoint = endpoint
        self.database = database
        self._clock = clock
        self._disk = disk
        self._kills: set[asyncio.Task[None]] = set()
        self._lanes = {name: asyncio.Semaphore(size) for name, size in _LANE_LIMITS.items()}

    @classmethod
    async def connect(
        cls,
        endpoint: Endpoint | str,
        *,
        database: str,
        clock: Clock,
        create: bool = True,
        cluster: str | None = None,
        disk: DiskWatch | None = None,
    ) -> Store:
        """Open a client; `create` makes the database (on the cluster) when it is not there.

        With `disk`, inserts are refused with DiskFull while that says there is no room.
        """
        if isinstance(endpoint, str):
            endpoint = Endpoint(url=endpoint)
        try:
            client = await create_async_client(
                dsn=endpoint.url,
                username=endpoint.user,
                password=endpoint.password,
                compress=not endpoint.embedded,
                query_retries=0,
                connector_limit=64,
                connector_limit_per_host=64,
                connect_timeout=10,
                send_receive_timeout=3600,
            )
        except Error as error:
            raise _translated(error, endpoint) from error
        store = cls(client, endpoint, database, clock, disk)
        if create:
            on = f" ON CLUSTER {quoted(cluster)}" if cluster else ""
            sql = f"CREATE DATABASE IF NOT EXISTS {quoted(database)}{on}"
            await store.command(sql, on="default")
        return store

    async def fetch_bytes(
        self,
        sql: str,
        params: Mapping[str, Param] | None = None,
        *,
        fmt: str = "RowBinary",
        settings: Mapping[str, str | int] | None = None,
        timeout_seconds: float = 30.0,
        lane: Lane = "query",
    ) -> bytes:
        """The result in a ClickHouse format, whole.

        `lane` "short" is for look-ups that take milliseconds: they never wait behind heavy ones.
        Cancelling the awaiting task ends the query in the engine.
        """
        async with self._asking(lane, timeout_seconds, settings) as (query_settings, transport):
            body: bytes = await self._client.raw_query(
                sql, parameters=dict(params or {}), settings=query_settings | transport, fmt=fmt
            )
            return body

    async def fetch_rows(
        self,
        sql: str,
        params: Mapping[str, Param] | None,
        type: type[T],
        *,
        timeout_seconds: float = 30.0,
        lane: Lane = "query",
    ) -> list[T]:
        """Rows decoded into `type` (a msgspec Struct) by column name."""
        body = await self.fetch_bytes(
            sql,
            params,
            fmt="JSONEachRow",
            settings=_JSON_SETTINGS,
            timeout_seconds=timeout_seconds,
            lane=lane,
        )
        return msgspec.json.Decoder(type).decode_lines(body)

    async def fetch_array(
        self,
        sql: str,
        params: Mapping[str, Param] | None,
        dtype: np.dtype[Any],
        *,
        settings: Mapping[str, str | int] | None = None,
        timeout_seconds: float = 30.0,
        lane: Lane = "query",
    ) -> NDArray[Any]:
        """Fixed-width rows as a read-only structured array; the columns are `dtype`'s fields."""
        body = await self.fetch_bytes(
            sql, params, settings=settings, timeout_seconds=timeout_seconds, lane=lane
        )
        return np.frombuffer(body, dtype)

    async def insert(
        self,
        table: str,
        columns: Sequence[str],
        data: bytes,
        fmt: str = "RowBinary",
        *,
        token: str = "",
        timeout_seconds: float = 60.0,
    ) -> None:
        """Commit rows; when it returns they survive the engine's death.

        Never repeated by itself. Repeating it is safe where the table replaces equal keys, or with
        a `token` where it remembers those (`non_replicated_deduplication_window`).
        """
        if not data:
            return
        if self._disk is not None:
            self._disk.check()
        # Samples of a year that come at once are no mistake; one day is one partition.
        known: dict[str, str | int] = {"max_partitions_per_insert_block": 0}
        if token:
            known["insert_deduplication_token"] = token
        async with self._asking("insert", timeout_seconds, known) as (settings, transport):
            # The driver sends bytes again when the connection breaks, but never a stream: whether
            # repeating is safe depends on the table, so the caller decides.
            block = io.BytesIO(data)
            await self._client.raw_insert(
                quoted(table), list(columns), block, settings=settings | transport, fmt=fmt
            )

    async def command(
        self,
        sql: str,
        params: Mapping[str, Param] | None = None,
        *,
        settings: Mapping[str, str | int] | None = None,
        timeout_seconds: float = 120.0,
        lane: Lane = "background",
        on: str = "",
    ) -> None:
        """Run a statement without a result, in the database `on` if it is not ours."""
        async with self._asking(lane, timeout_seconds, settings) as (query_settings, transport):
            await self._client.raw_query(
                sql,
                parameters=dict(params or {}),
                settings=query_settings | transport | ({"database": on} if on else {}),
            )

    async def close(self) -> None:
        """Close the connections."""
        if self._kills:
            await asyncio.wait(self._kills, timeout=_GRACE_SECONDS)
        await self._client.close()

    @asynccontextmanager
    async def _asking(
        self, lane: Lane, timeout_seconds: float, settings: Mapping[str, str | int] | None
    ) -> AsyncIterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Bound, time and translate one request; yields its settings and its transport's."""
        query_id = uuid.uuid4().hex
        transport = {"database": self.database, "query_id": query_id}
        values = {"max_execution_time": timeout_seconds, "log_comment": lane} | dict(settings or {})
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(timeout_seconds + _GRACE_SECONDS), self._lanes[lane]:
                yield values, transport
        except TimeoutError as error:
            _failures.labels("QueryTimeout").inc()
            raise QueryTimeout(
                f"the store did not answer within {timeout_seconds + _GRACE_SECONDS:g} s; narrow "
                "the time range or the selectors, or allow a longer timeout"
            ) from error
        except ClickHouseError as error:
            fault = _translated(error, self.endpoint)
            _failures.labels(type(fault).__name__).inc()
            raise fault from error
        except asyncio.CancelledError:
            self._kill_soon(query_id)
            raise
        finally:
            _seconds.labels(lane).observe(self._clock.monotonic() - began)

    def _kill_soon(self, query_id: str) -> None:
        """The embedded engine kills when the client goes; a server only kills what reads."""
        if not self.endpoint.embedded:
            task = asyncio.create_task(self._kill(query_id), name="store_kill")
            self._kills.add(task)
            task.add_done_callback(self._kills.discard)

    async def _kill(self, query_id: str) -> None:
        sql = "KILL QUERY WHERE query_id = {id:String} ASYNC"
        try:
            await self.command(sql, {"id": query_id}, timeout_seconds=5.0, lane="short")
        except Fault as fault:
            _log.warning("store_kill_failed", error=str(fault))


_JSON_SETTINGS: dict[str, str | int] = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 0,
}


def quoted(name: str) -> str:
    """An identifier in backquotes."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _translated(error: ClickHouseError, endpoint: Endpoint) -> Fault:
    code = getattr(error, "code", None)
    text = str(error)
    if code is None and ("Network Error" in text or "HTTP status" in text):
        return Temporary(f"the store at {endpoint.url} cannot be reached: {text}", 1.0)
    return fault_of(code, text)
