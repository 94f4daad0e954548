"""Secrets are not kept, however deep an SDK has put them."""

from __future__ import annotations

import msgspec
import pytest

from tests.errortracking.error_world import frame
from tocsin.errortracking.scrubbing import scrubbed
from tocsin.errortracking.secret_names import without_secrets
from tocsin.errortracking.sentry_event import content, report
from tocsin.ingest.logs.scrub import Scrubber, ScrubConfig

HIDDEN = {
    "a header": {"request": {"headers": {"Authorization": "Token HUSH"}}},
    "the query of an address": {"request": {"url": "https://a.example/x?b=1&token=HUSH"}},
    "a query": {"request": {"query_string": "access_token=HUSH&b=1"}},
    "a body as an object": {"request": {"data": {"user": {"token": "HUSH"}}}},
    "a body as text": {"request": {"data": '{"db_password": "HU\\"SH"}'}},
    "a body as a form": {"request": {"data": "name=a&passphrase=HUSH"}},
    "extra within extra": {"extra": {"settings": {"DB_PASSWORD": "HUSH", "x": {"jwt": "HUSH"}}}},
    "a secret that is an object": {"extra": {"settings": {"secrets": {"a": ["HUSH"]}}}},
    "a crumb": {"breadcrumbs": [{"data": {"url": "/a?api_key=HUSH"}}]},
    "a message": {"message": "GET /a?session_id=HUSH failed"},
    "a variable": {
        "exception": [
            {
                "type": "E",
                "stacktrace": {
                    "frames": [
                        frame("f", vars={"config": {"my_secret": "HUSH"}}),
                        frame("g", vars={"config": "{'db_password': 'HUSH'}"}),
                    ]
                },
            }
        ]
    },
}


@pytest.mark.parametrize("raw", HIDDEN.values(), ids=HIDDEN)
def test_a_secret_is_hidden_in(raw: dict[str, object]) -> None:
    found = report(raw, "shop", 1)
    event, whole = scrubbed(found.event, content(found), Scrubber(ScrubConfig()))
    kept = msgspec.json.encode((event, whole)).decode()
    assert "HU" not in kept
    assert "[field]" in kept or "[password]" in kept


@pytest.mark.parametrize(
    "text",
    [
        "Unexpected token: <",
        "the author = somebody",
        '{"author": "somebody", "tokens": "3"}',
        "/a?page=2&sort=name",
        "a=b",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_a_text_that_was_cut_hides_what_is_left() -> None:
    assert without_secrets('{"a": 1, "password": "abc…') == '{"a": 1, "password": "[field]"'
