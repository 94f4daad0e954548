"""The same failure through Tocsin, and through the real Prometheus and Alertmanager.

Both scrape the same application and read the same two files, with seconds for minutes; what came
at twin receivers is compared. The measured values differ by the moment of a scrape, and how the
alerts of a group come together by the moment of an evaluation: so the last message of each group,
when all of it fires, is compared whole, and of the way there its order.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.alerting_stage import (
    EXTERNAL_URL,
    FILES,
    TOCSIN_YML,
    Told,
    application,
    hurried,
    in_standard_spelling,
    prometheus,
    prometheus_yml,
    receivers,
    redirected,
    without_values,
)
from tests.e2e.product import running
from tests.e2e.programs import path_of
from tests.e2e.real_alertmanager import alertmanager
from tests.e2e.test_seed_alerting import is_inhibited_by_the_critical_one, post, warning
from tests.waiting import eventually
from tocsin.demo.switches import Switches

pytestmark = pytest.mark.slow

GROUPS = {"DatabaseConnectionFailure", "HighErrorRate"}
LONG_AGO = "2026-01-01T00:00:00Z"
LIMIT_SECONDS = 60.0
AGREE_SECONDS = 30.0


def test_the_same_failure_makes_the_same_messages(tmp_path: Path) -> None:
    path_of("prometheus")
    path_of("prometheus-alertmanager", "alertmanager")
    with (
        application(tmp_path / "shop") as shop,
        receivers() as ours,
        receivers() as theirs,
        tocsin(tmp_path / "ours", shop, ours) as our_api,
        peers(tmp_path / "theirs", shop, theirs) as their_api,
    ):
        switches = Switches(tmp_path / "shop")
        switches.break_("database", 600)
        eventually(lambda: all(is_paged(told) for told in (ours, theirs)), LIMIT_SECONDS)
        for api in (our_api, their_api):
            is_inhibited_by_the_critical_one(api, shop["shop"])
        agree(ours, theirs)
        for api in (our_api, their_api):
            post(api, warning(shop["shop"], ends=LONG_AGO))
        switches.mend("database")
        eventually(lambda: all(is_over(told) for told in (ours, theirs)), LIMIT_SECONDS)
        assert story(ours) == story(theirs)
        assert {tuple(acts) for acts in story(ours).values()} == {("trigger", "resolve")}
        assert told_ends(ours) == told_ends(theirs)
        for told in (ours, theirs):
            assert "held back" not in json.dumps([told.pages, told.chat, told.mails])
            # `send_resolved` is off by itself in Slack and mails.
            assert all(one["attachments"][0]["color"] == "danger" for one in told.chat)  # type: ignore[index]  # Slack's form


@contextmanager
def tocsin(folder: Path, shop: Mapping[str, str], told: Told) -> Iterator[str]:
    folder.mkdir()
    (folder / "alert-rules.yml").write_text(hurried((FILES / "alert-rules.yml").read_text()))
    routes = redirected(hurried((FILES / "alertmanager.yml").read_text()), told)
    (folder / "alertmanager.yml").write_text(routes)
    (folder / "prometheus.yml").write_text(prometheus_yml(shop))
    with running(folder, "--auth", "off", config=TOCSIN_YML) as product:
        yield f"{product.http}/api/v2"


@contextmanager
def peers(folder: Path, shop: Mapping[str, str], told: Told) -> Iterator[str]:
    (folder / "am").mkdir(parents=True)
    (folder / "alert-rules.yml").write_text(hurried((FILES / "alert-rules.yml").read_text()))
    routes = redirected(hurried((FILES / "alertmanager.yml").read_text()), told)
    with ExitStack() as stack:
        config = in_standard_spelling(routes)
        url = stack.enter_context(alertmanager(folder / "am", config, EXTERNAL_URL))
        at = url.removeprefix("http://")
        more = f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{at}']}}]}}]}}\n"
        stack.enter_context(prometheus(folder, prometheus_yml(shop, more)))
        yield f"{url}/api/v2"


def pages(told: Told) -> list[dict[str, object]]:
    """Those about what broke: on a busy machine the shop is now and then slow besides."""
    return [page for page in told.pages if group_of(page)]


def group_of(page: dict[str, object]) -> str:
    return next((name for name in GROUPS if name in json.dumps(page)), "")


def is_paged(told: Told) -> bool:
    """Whether all three have heard of every group."""
    heard = (json.dumps(told.pages), json.dumps(told.chat), json.dumps(told.mails))
    return all(name in each for name in GROUPS for each in heard)


def newest(told: Told) -> dict[tuple[str, str], str]:
    """The last message of each group to each receiver, values aside."""
    each: dict[str, list[object]] = {
        "page": [_valueless(page) for page in told.pages],
        "chat": list(told.chat),
        "mail": [[*mail[:3], without_values(mail[3])] for mail in told.mails],
    }
    return {
        (kind, name): json.dumps(message, sort_keys=True)
        for kind, messages in each.items()
        for message in messages
        for name in GROUPS
        if name in json.dumps(message)
    }


def _valueless(page: dict[str, object]) -> dict[str, object]:
    return _mapped(page, without_values)


def _mapped(body: dict[str, object], change: Callable[[str], str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in body.items():
        if isinstance(value, dict):
            found[key] = _mapped(value, change)
        else:
            found[key] = change(value) if isinstance(value, str) else value
    return found


def agree(ours: Told, theirs: Told) -> None:
    """Waits until the newest messages are the same; shows what differs when they stay different."""
    with suppress(AssertionError):  # what differs is shown below
        eventually(lambda: newest(ours) == newest(theirs), AGREE_SECONDS)
    assert newest(ours) == newest(theirs)


def is_over(told: Told) -> bool:
    acts = story(told)
    return len(acts) == len(GROUPS) and all(each[-1] == "resolve" for each in acts.values())


def story(told: Told) -> dict[str, list[str]]:
    """What PagerDuty was told of each incident, in order, the same said again once."""
    found: dict[str, list[str]] = {}
    for page in pages(told):
        found.setdefault(str(page["dedup_key"]), []).append(str(page["event_action"]))
    return {key: [act for act, _ in itertools.groupby(acts)] for key, acts in found.items()}


def told_ends(told: Told) -> list[tuple[str, str]]:
    """Which alerts each incident was told to be over, values aside: they may end one by one."""
    found = []
    for page in pages(told):
        payload = _valueless(page)["payload"]
        assert isinstance(payload, dict)
        ends = payload["custom_details"]["resolved"].split("Labels:")
        found += [(group_of(page), end.strip()) for end in ends if end.strip()]
    return sorted(set(found))
