"""The demo's database breaks: one incident, people called in turn, the public told, and a document.

The demo runs as `make run` starts it, with seconds for minutes in its own files.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.waiting import eventually
from tocsin.demo.rules import RULES, config_of
from tocsin.demo.show import free_port
from tocsin.demo.switches import Switches

pytestmark = [pytest.mark.slow, pytest.mark.browser]

_STARTS_SECONDS = 180.0
_PATIENCE_MS = 90_000


@dataclass(frozen=True, slots=True)
class Demo:
    """The running demo."""

    folder: Path
    http: str
    inbox: str

    @property
    def login(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "demo" / "login.json").read_text())
        return found

    @property
    def messages(self) -> list[str]:
        """What people were sent, one line each, the oldest first."""
        page = _read(self.inbox)
        found = re.findall(
            r"<li><time>.*?</time> <b>(.*?)</b> <span.*?</span> (.*?)<details>", page, re.S
        )
        return [f"{channel}: {unescape(words)}" for channel, words in reversed(found)]

    def sms_to(self) -> list[str]:
        """The numbers in the order in which they were texted first."""
        found = [one for text in self.messages for one in re.findall(r"^sms: to (\+\d+)", text)]
        return list(dict.fromkeys(found))


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def _hurried(text: str) -> str:
    """Seconds for minutes, where the demo waits for people or for calm."""
    for usual, hurried in (
        ("timeout: 1m", "timeout: 6s"),
        ("timeout: 5m", "timeout: 120s"),
        ("auto_resolve: 1m", "auto_resolve: 3s"),
        ("interval: 5s", "interval: 1s"),
        # What looks back over five minutes would outlast the test.
        ("http_status_5xx_rate > 50%, duration: 1m", "http_status_5xx_rate > 50%, duration: 1h"),
    ):
        assert usual in text
        text = text.replace(usual, hurried)
    return text


@contextmanager
def _demo(folder: Path) -> Iterator[Demo]:
    files, ready, log = folder / "demo", folder / "ready.json", folder / "demo.log"
    files.mkdir(parents=True)
    inbox = f"http://127.0.0.1:{free_port()}"
    (files / "inbox.url").write_text(f"{inbox}\n")
    (files / "tocsin.yaml").write_text(_hurried(config_of(inbox, "http://127.0.0.1:9")))
    rules = RULES.replace("[2m]", "[15s]").replace("[1m]", "[10s]").replace("for: 20s", "for: 2s")
    (files / "rules.yml").write_text(rules)
    command = [sys.executable, "-m", "tocsin", "demo", "--data", str(folder)]
    for listen in ("--http", "--otlp-http", "--otlp-grpc"):
        command += [listen, "127.0.0.1:0"]
    with log.open("w") as out:
        process = subprocess.Popen([*command, "--ready-file", str(ready)], stdout=out, stderr=out)
    try:
        eventually(lambda: ready.exists() or process.poll() is not None, _STARTS_SECONDS)
        assert process.poll() is None, log.read_text()
        http = json.loads(ready.read_text())["http"]
        eventually(lambda: (files / "login.json").exists(), _STARTS_SECONDS)
        yield Demo(folder, http, inbox)
    finally:
        process.terminate()
        process.wait(_STARTS_SECONDS)
    assert process.returncode == 0, log.read_text()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with _demo(tmp_path / "demo") as found:
        yield found


@pytest.fixture
def page(chromium: Browser, demo: Demo) -> Iterator[Page]:
    with chromium.new_context(base_url=demo.http) as context:
        opened = context.new_page()
        opened.set_default_timeout(_PATIENCE_MS)
        opened.goto("/login")
        opened.fill("input[name=name]", demo.login["name"])
        opened.fill("input[name=password]", demo.login["password"])
        opened.locator("button.main").click()
        opened.wait_for_url("**/")
        yield opened


def test_a_broken_database_opens_one_incident_pages_in_turn_and_ends_in_a_draft(
    demo: Demo, page: Page
) -> None:
    expect.set_options(timeout=_PATIENCE_MS)
    switches = Switches(demo.folder / "demo")
    page.goto("/incidents")
    eventually(lambda: (demo.folder / "demo" / "targets-shop.json").stat().st_size > 10)
    switches.break_("database", 600)

    # One incident of the highest severity appears by itself, and it is the only one.
    card = page.locator(".incident-card")
    expect(card).to_have_count(1)
    expect(card).to_contain_text("P0")
    card.locator("a.title").click()
    expect(page).to_have_url(re.compile(r"/incidents/INC-\d{4}-0001$"))
    number = page.url.rpartition("/")[2]

    # Nobody answers: the one on call is texted, then the second, then carla; PagerDuty knows too.
    eventually(lambda: len(demo.sms_to()) == 3)
    ana_and_ben = {"+15550100001", "+15550100002"}
    assert set(demo.sms_to()[:2]) == ana_and_ben
    assert demo.sms_to()[2] == "+15550100003"
    told = eventually(lambda: [one for one in demo.messages if one.startswith("pagerduty: ")])
    assert "DatabaseConnectionFailure" in told[0]
    eventually(lambda: any(one.startswith(f"chat: [P0] {number}") for one in demo.messages))
    on_call = page.locator("#timeline")
    expect(on_call).to_contain_text("Paging carla (step 3 of 3")

    # The public is told, without a word of what is inside.
    public = page.context.new_page()
    public.goto("/status")
    expect(public.locator("body")).to_contain_text("We are looking into a problem")
    summary = json.loads(_read(f"{demo.http}/status/api/v2/summary.json"))
    assert summary["status"]["indicator"] in ("major", "critical")
    assert [one["status"] for one in summary["incidents"]] == ["investigating"]
    for private in ("DatabaseConnectionFailure", "carla", number, "database", "worker"):
        assert private not in json.dumps(summary["incidents"]), private

    # Somebody answers on the page; nobody else is called.
    page.get_by_role("button", name="Acknowledge", exact=True).first.click()
    expect(page.locator(".steps [aria-current=step]")).to_have_text("Investigating")
    page.get_by_role("button", name="I take it").click()
    page.get_by_label("Note").fill("The migration holds a lock; ending it")
    page.get_by_role("button", name="Note", exact=True).click()
    expect(page.locator("#timeline")).to_contain_text("The migration holds a lock")
    texts = len([one for one in demo.messages if one.startswith("sms: ")])

    # It is mended: alerts end, the incident resolves by itself, the post-mortem is half written.
    switches.mend("all")
    expect(page.locator(".steps [aria-current=step]")).to_have_text("Resolved")
    assert len([one for one in demo.messages if one.startswith("sms: ")]) == texts
    eventually(lambda: any("INCIDENT RESOLVED" in one for one in demo.messages))
    eventually(lambda: _says(public, "/status", "resolved"))
    page.goto("/incidents")
    expect(page.locator(".incident-card")).to_have_count(0)
    expect(page.locator("#past-incidents tbody tr")).to_have_count(1)
    eventually(lambda: _says(page, f"/postmortems/{number}", "The migration holds a lock"))


def _says(page: Page, path: str, words: str) -> bool:
    """Load a page; whether it says so."""
    page.goto(path)
    return words.lower() in page.locator("body").inner_text().lower()
