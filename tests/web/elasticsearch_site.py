"""A hundred lines of a shop, and the addresses that answer about them as Elasticsearch does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.web.log_site import NOW_NS, LogSite, log_site
from tocsin.model.logs import LogRecord
from tocsin.store.client import Store
from tocsin.web.api.elasticsearch_search import ADDRESSES

SECOND = 10**9
LEVELS = ("info", "info", "warn", "error")


def record(n: int) -> LogRecord:
    level = LEVELS[n % 4]
    document = {
        "@timestamp": "2023-11-14T22:14:00Z",
        "message": f"request {n} served" if n % 10 else f"payment failed: card_declined {n}",
        "severity": level,
        "fields": {"run": str(n % 3), "ms": n * 10},
    }
    return LogRecord(
        ts_ns=NOW_NS - n * 60 * SECOND,
        body=str(document["message"]),
        service="shop",
        level={"info": 9, "warn": 13, "error": 17}[level],
        severity=level,
        source="shop-logs" if n % 2 else "web-logs",
        attributes={"run": str(n % 3), "ms": str(n * 10)},
        original=msgspec.json.encode(document).decode(),
    )


RECORDS = [record(n) for n in range(100)]


@asynccontextmanager
async def elasticsearch_site(store: Store, folder: Path) -> AsyncIterator[LogSite]:
    """Answers about these lines."""
    async with log_site(store, folder, ADDRESSES, RECORDS) as found:
        yield found


def numbers(found: Any) -> list[int]:  # an answer
    """Which lines were found."""
    return [hit["_source"]["fields"]["ms"] // 10 for hit in found["hits"]["hits"]]
