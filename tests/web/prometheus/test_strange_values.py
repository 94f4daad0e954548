"""No value of a parameter, however strange, is answered by a failure of ours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

VALUES = [
    "",
    "1e999",
    "-1e308",
    "inf",
    "NaN",
    "9" * 30,
    "9" * 5000,
    "+-5",
    "٣",
    "0x10",
    "9999-12-31T23:59:59-23:59",
    "0000-01-01T00:00:00Z",
    "1e-400",
    "999999999y",
    "\x00",
    '"\\xff"',
    "up[5m:1e-9]",
    "up[999999999999999999y]",
    "up @ 1e999",
    "up offset 9e99",
    '{__name__=~"("}',
    "(" * 2000,
    "-" * 5000 + "1",
]
NAMES = {
    "/api/v1/query": ("query", "time", "timeout", "limit", "lookback_delta", "stats"),
    "/api/v1/query_range": ("query", "start", "end", "step", "timeout", "limit"),
    "/api/v1/series": ("match[]", "start", "end", "limit"),
    "/api/v1/labels": ("match[]", "start", "end", "limit"),
    "/api/v1/label/job/values": ("match[]", "start", "end", "limit"),
    "/api/v1/metadata": ("metric", "limit", "limit_per_metric"),
    "/api/v1/targets": ("state", "scrapePool"),
    "/api/v1/targets/metadata": ("match_target", "metric", "limit"),
    "/api/v1/query_exemplars": ("query", "start", "end"),
    "/api/v1/format_query": ("query",),
    "/api/v1/parse_query": ("query",),
    "/federate": ("match[]",),
    "/api/v1/rules": ("type", "rule_name[]", "match[]", "exclude_alerts", "group_limit"),
}
GOOD = {
    "query": "up",
    "time": "1700000000",
    "start": "1699999000",
    "end": "1700000000",
    "step": "15",
    "match[]": "up",
}


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, names in NAMES.items() for name in names]
)
async def test_it_is_answered_or_refused(client: Any, parts: Any, path: str, name: str) -> None:
    parts.scrape = SimpleNamespace(targets=list, dropped=list)
    usual = {
        key: value for key, value in GOOD.items() if key in NAMES[path] and "rules" not in path
    }
    for value in VALUES:
        reply = await client.get(path, *{**usual, name: value}.items())
        assert reply.status in (200, 400, 422), (value[:40], reply.body)
