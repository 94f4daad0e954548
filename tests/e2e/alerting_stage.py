"""A team's alerting files before an application that can be broken: for Tocsin and for its peers.

The files are used as they stand. What is changed in them is told by each function: the receivers'
addresses, so that nothing leaves the machine, and, where a test says so, how long things take.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from anyio.from_thread import start_blocking_portal

from tests.e2e.programs import address_in, beside, path_of
from tests.notify.servers import Mails, Taken, http_receiver, mail_server
from tests.waiting import eventually
from tocsin.demo.troupe import Troupe

EXTERNAL_URL = "http://am.example"
FILES = Path(os.environ.get("TOCSIN_TEST_ALERTING_FILES", Path(__file__).parent / "alerting_files"))
"""`alert-rules.yml` and `alertmanager.yml`; a team may name a folder with its own."""

_NOWHERE = "http://127.0.0.1:9"
_NUMBER = re.compile(r"(?<![\w.])\d+(\.\d+)?(e[-+]\d+)?")
_SOURCE = re.compile(r"^Source: (http\S+)")


@dataclass(frozen=True)
class Told:
    """What came at the ends of one program: Slack's, PagerDuty's, and the mail server."""

    http: Taken
    mail: Mails

    @property
    def pages(self) -> list[dict[str, object]]:
        """PagerDuty's events."""
        return self._bodies("/pagerduty")

    @property
    def chat(self) -> list[dict[str, object]]:
        """Slack's messages."""
        return self._bodies("/services/")

    @property
    def mails(self) -> list[tuple[str, str, str, str]]:
        """From, to, subject and text of each mail."""
        return [_mail(envelope.content) for envelope in list(self.mail.envelopes)]

    def _bodies(self, path: str) -> list[dict[str, object]]:
        return [json.loads(body) for at, body in list(self.http.requests) if at.startswith(path)]


def _mail(content: bytes | str | None) -> tuple[str, str, str, str]:
    assert isinstance(content, bytes)
    message = message_from_bytes(content, policy=default)
    part = message.get_body(("plain",))
    assert part is not None
    text = "\n".join(line.rstrip() for line in part.get_content().strip().splitlines())
    return str(message["From"]), str(message["To"]), str(message["Subject"]), text


@contextmanager
def receivers() -> Iterator[Told]:
    with http_receiver() as http, mail_server() as mail:
        http.by_path = {"/pagerduty": b'{"status": "success"}'}  # Slack says "ok", as text
        yield Told(http, mail)


def redirected(text: str, told: Told) -> str:
    """The Alertmanager file with its receivers on this machine, and nothing else changed."""
    found = text.replace("localhost:587", f"127.0.0.1:{told.mail.port}")
    found = found.replace("https://hooks.slack.com", told.http.url)
    local = f"  smtp_require_tls: false\n  pagerduty_url: '{told.http.url}/pagerduty'\n"
    assert found != text
    return found.replace("global:\n", "global:\n" + local, 1)


def in_standard_spelling(text: str) -> str:
    """`subject` and `body` of mails as Alertmanager wants them, which refuses these two keys."""
    found = re.sub(r"( +)subject: (.+)", r"\1headers:\n\1  Subject: \2", text)
    return re.sub(r"( +)body: ", r"\1text: ", found)


def hurried(text: str) -> str:
    """The same with seconds for minutes; thresholds, labels and conditions stay."""
    found = re.sub(r"\[5m\]", "[10s]", text)
    found = re.sub(r"for: (\d+)m", r"for: \1s", found)
    return re.sub(r"group_(wait|interval): 10s", r"group_\1: 2s", found)


def prometheus_yml(shop: Mapping[str, str], more: str = "") -> str:
    """Every second asks the application's processes and evaluates the rules."""
    jobs = "".join(
        f"  - {{job_name: {job}, static_configs: [{{targets: ['{address}']}}]}}\n"
        for job, address in shop.items()
    )
    head = "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
    return f"{head}rule_files: [alert-rules.yml]\nscrape_configs:\n{jobs}{more}"


TOCSIN_YML = f"""
prometheus: prometheus.yml
alertmanager: alertmanager.yml
scrape: {{host: false, itself: false}}
listen: {{external_url: '{EXTERNAL_URL}', statsd: 127.0.0.1:0}}
"""


@contextmanager
def application(folder: Path) -> Iterator[Mapping[str, str]]:
    """The demo's shop, worker and partner with people in it: the address of each."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_play(folder)) as at:
        yield at


@asynccontextmanager
async def _play(folder: Path) -> AsyncIterator[Mapping[str, str]]:
    troupe = Troupe(folder)
    try:
        addresses = await troupe.open()
        await troupe.send_people(addresses["shop"], _NOWHERE, "")
        yield addresses
    finally:
        await troupe.close()


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[str]:
    """The real Prometheus: its address."""
    (folder / "prometheus.yml").write_text(config)
    command = [path_of("prometheus"), f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.external-url={EXTERNAL_URL}"]
    command += ["--web.listen-address=127.0.0.1:0"]
    with beside(command, folder) as log:
        eventually(lambda: "Server is ready" in log.read_text())
        yield f"http://{eventually(lambda: address_in(log))}"


def without_values(text: str) -> str:
    """Measured values differ by the moment of a scrape: as `#` they can be compared. They stand in
    descriptions only. A source is compared by what it asks: each program leads to its own page."""
    return "\n".join(
        _NUMBER.sub("#", line) if re.search("escription", line) else _SOURCE.sub(_asked, line)
        for line in text.split("\n")
    )


def _asked(source: re.Match[str]) -> str:
    [(_, expression), *_] = parse_qsl(urlsplit(source[1]).query)
    return f"Source: {expression}"
