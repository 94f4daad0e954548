"""`/api/logs/lines`: text and JSON of any program, line by line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.asgi import site

NOW = 1_700_000_000
AT_NS = (NOW - 20) * 1_000_000_000


async def test_text_and_json_lines_are_read_and_traces_stay_together() -> None:
    here = site()
    body = (
        b'{"level":"warn","msg":"slow"}\n\n2023-11-14 22:13:00,000 ERROR shop: boom\n'
        b"Traceback (most recent call last):\n  File a\nValueError: no\nplain\n"
    )
    answer = await here.call("POST", "/api/logs/lines?service=shop&host=web-1&source=app.log", body)
    assert answer.json() == {"success": True, "accepted": 3}
    slow, boom, plain = here.lines.records
    assert (slow.body, slow.level, boom.level, plain.body) == ("slow", 13, 17, "plain")
    assert boom.body.endswith("ValueError: no")
    assert {(one.service, one.host, one.source) for one in here.lines.records} == {
        ("shop", "web-1", "app.log")
    }


async def test_a_mapping_names_the_parts() -> None:
    here = site()
    body = b'[{"txt":"hello","meta":{"sev":"fatal"},"when":"2023-11-14T22:13:00Z"}]'
    mapping = "body=txt,level=meta.sev,time=when"
    answer = await here.call("POST", f"/api/logs/lines?mapping={mapping}", body)
    (record,) = here.lines.records
    assert answer.status == 200
    assert (record.body, record.level, record.ts_ns) == ("hello", 21, AT_NS)


async def test_a_mapping_of_unknown_parts_is_refused() -> None:
    answer = await site().call("POST", "/api/logs/lines?mapping=colour=red", b"x")
    assert answer.status == 400
    assert "mapping" in answer.json()["error"]


@given(st.binary(max_size=100))
async def test_any_bytes_are_lines(body: bytes) -> None:
    assert (await site().call("POST", "/api/logs/lines", body)).status == 200
