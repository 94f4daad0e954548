from __future__ import annotations

import pytest

from tocsin.alert.delivering.history import TROUBLED
from tocsin.kit.fault import Rejected
from tocsin.web.api import notifications
from tocsin.web.api.notifications import wanted
from tocsin.web.pages import notifications as notification_pages
from tocsin.web.pages.notifications import remedy
from tocsin.web.routing import Access

NOW = 1_700_000_000_000


def test_a_question_is_read_with_its_times_and_states() -> None:
    asked = wanted(
        {
            "state": "troubled,sent",
            "since": "1h30m",
            "until": "1700000000",
            "before": "7",
            "limit": "99999",
        },
        NOW,
    )
    assert asked.states == (*TROUBLED, "sent")
    assert asked.since_ms == NOW - 5_400_000
    assert asked.until_ms == NOW
    assert (asked.before_id, asked.limit) == (7, 1000)


def test_an_alert_is_named_by_its_fingerprint_or_a_part_of_its_name() -> None:
    assert wanted({"alert": "0123456789abcdef"}, NOW).fingerprint == "0123456789abcdef"
    assert wanted({"alert": "Disk"}, NOW).name == "Disk"


@pytest.mark.parametrize(
    "params",
    [{"state": "lost"}, {"since": "yesterday"}, {"before": "-1"}, {"limit": "many"}],
    ids=["a state", "a time", "an id", "a limit"],
)
def test_what_makes_no_sense_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        wanted(params, NOW)


@pytest.mark.parametrize(
    ("error", "part"),
    [
        ("hooks.slack.com answers status 403: invalid_token", "key or password"),
        ("hooks.slack.com answers status 404: no_service", "not there any more"),
        ("api.example answers status 429", "caps"),
        ("no answer within 60 s", "in time"),
        ("cannot connect to host: connection refused", "Nothing answers"),
        ("api.example answers status 503", "trouble of its own"),
        ("something new", ""),
    ],
)
def test_a_failure_comes_with_what_to_do(error: str, part: str) -> None:
    words = remedy(error)
    assert part in words
    assert bool(words) == bool(part)


def test_who_looks_only_confirms_no_test_message_and_sends_nothing_again() -> None:
    addresses = (*notifications.ADDRESSES, *notification_pages.ADDRESSES)
    acts = {one.path.rpartition("/")[2]: one.access for one in addresses if "POST" in one.methods}
    assert acts == {"acknowledge": Access.RESPOND, "resend": Access.ADMIN}
