"""Dashboards over the API and the command line: changed by two people, as files, from Grafana."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.grafana_files import HOST
from tests.e2e.product import Product, running
from tests.waiting import eventually

pytestmark = pytest.mark.slow

CONFIG = """
dashboards: boards
listen: {statsd: "127.0.0.1:0"}
scrape: {host: no, itself: no}
"""
BOARD = {"title": "Shop", "panels": [{"id": 1, "kind": "graph", "queries": [{"expr": "up"}]}]}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("boards")
    (folder / "boards").mkdir()
    (folder / "boards" / "code.yaml").write_text("title: As code\nuid: code\n")
    with running(folder, "--auth", "off", config=CONFIG) as started:
        yield started


def _titles(product: Product) -> dict[str, Any]:
    return {one["uid"]: one["title"] for one in product.client.get("/api/dashboards").json}


def _tocsin(product: Product, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tocsin", "dashboards", *words, "--url", product.http],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_the_second_to_save_is_told_what_the_first_one_saved(product: Product) -> None:
    client = product.client
    made = client.post_json("/api/dashboards", {"uid": "shop", "dashboard": BOARD})
    assert (made.status, made.json["version"]) == (201, 1)

    def put(title: str) -> Any:  # Any: the answer
        body = {"version": 1, "dashboard": {**BOARD, "title": title}}
        content = json.dumps(body).encode()
        path = "/api/dashboards/shop"
        return client.send("PUT", path, content, {"Content-Type": "application/json"})

    assert put("Ana's").status == 200
    late = put("Ben's")
    assert late.status == 409
    assert late.json["now"]["dashboard"]["title"] == "Ana's"
    notes = [one["version"] for one in client.get("/api/dashboards/shop/versions").json]
    assert notes == [2, 1]
    assert client.post_json("/api/dashboards", {"dashboard": {"title": ""}}).status == 400
    assert client.get("/api/dashboards/nothing").status == 404


def test_files_are_shown_read_only_and_again_when_they_change(product: Product) -> None:
    assert _titles(product)["code"] == "As code"
    refused = product.client.send("DELETE", "/api/dashboards/code")
    assert refused.status == 400
    assert "copy it" in refused.text
    (product.folder / "boards" / "wrong.json").write_text("{")  # first: both are read with `more`
    (product.folder / "boards" / "more.json").write_text('{"title": "More"}')
    eventually(lambda: _titles(product).get("more") == "More")
    assert "wrong.json is not JSON" in product.client.get("/dashboards").text


def test_grafana_s_file_goes_in_with_a_report_and_comes_out_as_ours(
    product: Product, tmp_path: Path
) -> None:
    file = tmp_path / "host.json"
    file.write_text(json.dumps(HOST))
    told = _tocsin(product, "import", "--dry", str(file))
    assert told.returncode == 0, told.stderr
    assert "Map: a panel of the kind nodeGraph is not known" in told.stderr
    assert "host-today" not in _titles(product)
    assert _tocsin(product, "import", str(file)).returncode == 0
    again = _tocsin(product, "import", str(file))
    assert (again.returncode, "there is a dashboard host-today already" in again.stderr) == (
        1,
        True,
    )
    assert _tocsin(product, "import", "--replace", str(file)).returncode == 0
    assert _tocsin(product, "export", "host-today", "--to", str(tmp_path / "out")).returncode == 0
    checked = subprocess.run(
        [sys.executable, "-m", "tocsin", "dashboards", "check", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert checked.stdout == f"{tmp_path / 'out' / 'host-today.yaml'}: right\n"
    assert "Machines" in _tocsin(product, "list", "machines").stdout


def test_releases_are_marked(product: Product) -> None:
    marks = product.client.get("/api/dashboards/marks", **{"from": "now-1h"}).json
    assert marks == {"marks": [], "problems": []}
