"""Rules that people make outlive a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import Client
from tests.e2e.product import running
from tests.waiting import eventually

pytestmark = pytest.mark.slow

CONFIG = """
listen: {statsd: "127.0.0.1:0"}
ingest: {statsd: {flush_interval: 1s}}
prometheus: {global: {evaluation_interval: 1s}}
"""
RULE = {"name": "Always", "expr": "vector(1) > 0", "severity": "info"}


def _active(client: Client) -> Any:  # Any: JSON
    found = client.get("/api/v1/alerts").json["data"]["alerts"]
    return [one["activeAt"] for one in found if one["labels"]["alertname"] == "Always"]


def test_a_rule_goes_on_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, "--auth", "off", config=CONFIG) as product:
        made = product.client.post_json("/api/rules/made", RULE)
        assert made.status == 201, made.text
        eventually(lambda: _active(product.client))
    (tmp_path / "ready.json").unlink()  # of the process that has ended
    with running(tmp_path, "--auth", "off", config=CONFIG) as product:
        assert [one["name"] for one in product.client.get("/api/rules/made").json] == ["Always"]
        eventually(lambda: _active(product.client))
        assert "Always" in product.client.get("/api/v1/rules").text
