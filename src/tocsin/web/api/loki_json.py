"""How does Loki write streams of lines?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tocsin.query.logql.read import Shown

NO_STATS = msgspec.json.encode(
    {
        "summary": {
            "bytesProcessedPerSecond": 0,
            "linesProcessedPerSecond": 0,
            "totalBytesProcessed": 0,
            "totalLinesProcessed": 0,
            "execTime": 0,
            "queueTime": 0,
            "subqueries": 0,
            "totalEntriesReturned": 0,
        },
        "querier": {"store": {"chunk": {}}},
        "ingester": {"store": {"chunk": {}}},
    }
)


def grouped(found: Sequence[Shown], *, apart: bool) -> list[dict[str, Any]]:
    """Streams of lines with equal labels; `apart` tells where each label comes from."""
    streams: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for one in found:
        labels = one.stream if apart else one.labels
        key = tuple(sorted(labels.items()))
        stream = streams.setdefault(key, {"stream": labels, "values": []})
        value: list[object] = [str(one.ts_ns), one.line]
        if apart:
            parts = {"structuredMetadata": one.metadata, "parsed": one.parsed}
            value.append({name: part for name, part in parts.items() if part})
        stream["values"].append(value)
    return list(streams.values())


def streams(found: Sequence[Shown], apart: bool) -> bytes:
    """The data of an answer, not closed yet."""
    rows = msgspec.json.encode(grouped(found, apart=apart))
    return b'{"resultType":"streams","result":%b' % rows
