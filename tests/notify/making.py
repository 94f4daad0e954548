"""What the senders' tests share: an alert, a message, and what senders are made of."""

from __future__ import annotations

from pathlib import Path

from tocsin.kit.clock import Clock
from tocsin.kit.yaml import loads
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.notices import Notice, NoticeAlert, fingerprint
from tocsin.notify import KINDS
from tocsin.notify.global_config import read_global
from tocsin.notify.kind import Made, Making
from tocsin.notify.templates import Templates
from tocsin.scrape.fetch import Fetcher

EXTERNAL_URL = "http://am.example"
STARTS_MS = 1_795_255_200_123
"""2026-11-21T10:00:00.123Z"""


def making(clock: Clock, shared: str = "", files: dict[str, str] | None = None) -> Making:
    """With this `global` and these template files."""
    templates = Templates(files or {}, clock, EXTERNAL_URL)
    folder = Path()
    part = loads(shared) if shared else None
    return Making(read_global(part), templates, Fetcher(clock, folder), clock, folder)


def made(kind: str, text: str, base: Making) -> Made:
    """A sender of one entry, as under `<kind>_configs`."""
    return KINDS[kind].make(loads(text, "am.yml"), base)


def alert(*, ends: bool = False, **labels: str) -> NoticeAlert:
    """One alert of service api."""
    found: Labels = from_mapping({"alertname": "Down", "service": "api", **labels})
    return NoticeAlert(
        labels=found,
        annotations=from_mapping({"summary": 'S "q" & <é>'}),
        starts_ms=STARTS_MS,
        ends_ms=STARTS_MS + 60_000 if ends else 0,
        generator_url="http://g/x?a=1&b=2",
        fingerprint=fingerprint(found),
    )


def notice(*alerts: NoticeAlert, receiver: str = "web.hook") -> Notice:
    """A message about the group of alertname Down."""
    return Notice(
        receiver=receiver,
        group_key='{}/{service="api"}:{alertname="Down"}',
        group_labels=from_mapping({"alertname": "Down"}),
        alerts=alerts or (alert(instance="1"), alert(instance="2", ends=True)),
        at_ms=STARTS_MS,
    )
