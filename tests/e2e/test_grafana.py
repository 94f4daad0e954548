"""What Grafana's Prometheus data source asks, with the headers that it sends."""

from __future__ import annotations

import base64
import time

import pytest

from tests.e2e.client import Client
from tests.e2e.conftest import Guarded
from tests.waiting import eventually

pytestmark = pytest.mark.slow

OWN = 'up{job=~"tocsin|node",replica=""}'
_HEADERS = {
    "User-Agent": "Grafana/12.1.0",
    "X-Grafana-Org-Id": "1",
    "X-Datasource-Uid": "P1809F7CD0C75ACF3",
    "X-Grafana-Device-Id": "2c35e0f1",
    "X-Dashboard-Uid": "adxyz",
    "X-Panel-Id": "4",
    "X-Cache-Skip": "true",
    "Fromalert": "false",
    "Accept-Encoding": "gzip",
    "Accept": "application/json, text/plain, */*",
    "Origin": "https://grafana.example.com",
    "Referer": "https://grafana.example.com/d/adxyz",
}


def _basic(name: str, password: str) -> dict[str, str]:
    said = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {said}"}


@pytest.fixture
def grafana(guarded: Guarded) -> Client:
    """The data source with basic authentication, whose password is a reading key."""
    client = Client(guarded.product.http, {**_basic("tocsin", guarded.read_key), **_HEADERS})
    # Other tests have Prometheuses of theirs write what they scrape.
    eventually(lambda: len(guarded.read.query(f"{OWN} == 1")) == 2)
    return client


def test_save_and_test_finds_a_prometheus_that_it_can_read(grafana: Client) -> None:
    assert grafana.form("/api/v1/query", [("query", "1+1"), ("time", "4")]).json == {
        "status": "success",
        "data": {"resultType": "scalar", "result": [4, "2"]},
    }
    built = grafana.get("/api/v1/status/buildinfo").json["data"]
    assert built["version"].startswith("3.")
    assert set(built) >= {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}


def test_a_panel_is_answered_in_the_form_that_grafana_reads(grafana: Client) -> None:
    now = int(time.time())
    asked = [("end", f"{now + 5}"), ("query", "up"), ("start", f"{now - 295}"), ("step", "15")]
    data = grafana.form("/api/v1/query_range", asked).json["data"]
    assert data["resultType"] == "matrix"
    assert {series["metric"]["job"] for series in data["result"]} >= {"tocsin", "node"}
    assert all((ts - now - 5) % 15 == 0 for series in data["result"] for ts, _ in series["values"])


def test_completion_of_names_labels_and_values(grafana: Client) -> None:
    now = int(time.time())
    span = [("start", f"{now - 3600}"), ("end", f"{now + 5}")]
    names = grafana.get("/api/v1/label/__name__/values", **dict(span)).json
    assert {"up", "scrape_duration_seconds"} <= set(names["data"])
    found = grafana.form("/api/v1/labels", [*span, ("match[]", OWN)]).json["data"]
    assert found == ["__name__", "instance", "job"]
    of_node = 'up{job="node",replica=""}'
    series = grafana.form("/api/v1/series", [*span, ("match[]", of_node)]).json["data"]
    assert [one["job"] for one in series] == ["node"]
    limited = grafana.get("/api/v1/metadata", limit="1").json["data"]
    assert len(limited) == 1


def test_exemplars_rules_and_alerts_are_asked_for_too(grafana: Client) -> None:
    now = int(time.time())
    asked = [("query", "up"), ("start", f"{now - 60}"), ("end", f"{now}")]
    assert grafana.form("/api/v1/query_exemplars", asked).json == {"status": "success", "data": []}
    assert grafana.get("/api/v1/rules").json["data"] == {"groups": []}
    assert grafana.get("/api/v1/alerts").json["data"] == {"alerts": []}


def test_a_wrong_password_is_told_and_a_key_as_bearer_works_too(guarded: Guarded) -> None:
    wrong = Client(guarded.product.http, {**_basic("tocsin", "toc_wrong"), **_HEADERS})
    assert wrong.form("/api/v1/query", [("query", "1")]).status == 401
    bearing = Client(guarded.product.http, _HEADERS).bearing(guarded.read_key)
    assert bearing.form("/api/v1/query", [("query", "1")]).status == 200
