"""Datadog's series, as its clients post them."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.asgi import site
from tocsin.ingest.protocols.datadog import Datadog
from tocsin.kit.fault import Rejected
from tocsin.model.samples import Interner

NOW = 1_700_000_000_000
V1 = {
    "series": [
        {
            "metric": "resonant.web",
            "points": [[NOW / 1000 + 0.473, 321]],
            "tags": ["env:prod", "bare_tag", "run:1", "run:2"],
            "host": "py-1",
        }
    ]
}
V2 = {
    "series": [
        {
            "metric": "dd.v2",
            "type": 3,
            "unit": "second",
            "points": [{"timestamp": NOW // 1000, "value": 1.25}],
            "resources": [{"name": "web-1", "type": "host"}],
        }
    ]
}


async def test_the_first_version_keeps_fractions_of_seconds_and_all_tags() -> None:
    here = site()
    answer = await here.call(
        "POST", "/datadog/api/v1/series", json.dumps(V1).encode(), content_type="text/json"
    )
    assert (answer.status, answer.json()) == (202, {"status": "ok"})
    labels = '{env="prod", host="py-1", run="1,2", tag="bare_tag"}'
    assert here.samples() == {
        f"resonant_web{labels}": [(NOW + 473, 321.0)],
        f"resonant.web{labels}": [(NOW + 473, 321.0)],
    }


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("deflate", zlib.compress, id="deflate"),
        pytest.param("zstd1", lambda body: bytes(cramjam.zstd.compress(body)), id="zstd1"),
    ],
)
async def test_the_second_version_comes_compressed(encoding: str, pack: Any) -> None:
    here = site()
    body = pack(json.dumps(V2).encode())
    answer = await here.call("POST", "/datadog/api/v2/series", body, content_encoding=encoding)
    assert (answer.status, answer.json()) == (202, {"errors": []})
    assert here.values()['dd_v2{host="web-1"}'] == 1.25
    assert here.metadata()["dd_v2"].unit == "second"


async def test_the_good_part_is_kept_and_the_rest_named() -> None:
    here = site()
    data = {"series": [{"points": []}, {"metric": "a", "points": [[NOW / 1000, "x"], [1, 2, 3]]}]}
    answer = await here.call("POST", "/datadog/api/v2/series", json.dumps(data).encode())
    assert answer.status == 400
    data["series"].append({"metric": "b", "points": [[NOW / 1000, 1]]})
    answer = await here.call("POST", "/datadog/api/v2/series", json.dumps(data).encode())
    assert (answer.status, answer.json()["errors"]) == (202, [])
    assert "no metric name" in answer.json()["warnings"][0]
    assert here.values() == {"b": 1.0}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"series": 1}', b"\xff", b"[" * 5000])
async def test_a_body_that_is_no_list_of_series_is_refused(body: bytes) -> None:
    answer = await site().call("POST", "/datadog/api/v1/series", body)
    assert answer.status == 400
    assert answer.json()["errors"]


async def test_agents_are_answered_where_there_is_nothing_to_keep() -> None:
    here = site()
    assert (await here.call("GET", "/datadog/api/v1/validate")).json() == {"valid": True}
    for path in ("/datadog/api/v1/check_run", "/datadog/intake/"):
        assert (await here.call("POST", path, b"{}")).status == 202


values = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9)
entries = st.dictionaries(
    st.sampled_from(["metric", "points", "tags", "host", "resources", "unit", "type"]),
    values | st.lists(values | st.lists(values, max_size=2), max_size=3),
)


@given(
    body=st.binary(max_size=50)
    | st.lists(entries).map(lambda s: json.dumps({"series": s}).encode())
)
def test_any_body_is_decoded_or_rejected(body: bytes) -> None:
    try:
        batch = Datadog(Interner()).decode(body, NOW)
    except Rejected:
        return
    assert len(batch.refs) == len(batch.values)
