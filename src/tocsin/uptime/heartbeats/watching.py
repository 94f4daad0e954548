"""What makes programs that stay away alert: one job, and rules for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tocsin.alert.rules.rule_file import Rule, RuleGroup, Unknown
from tocsin.kit.document import Place
from tocsin.kit.quantity import Duration
from tocsin.query.promql.quoting import quote
from tocsin.scrape.config import GlobalConfig, Job, ScrapeConfig, job_of
from tocsin.scrape.discovery.static import StaticConfig
from tocsin.scrape.target import BUILT_IN as STANDS_FOR
from tocsin.uptime.heartbeats.book import BUILT_IN
from tocsin.uptime.heartbeats.config import HeartbeatConfig

JOB: Final = "heartbeats"
"""The label `job` of their series."""
GROUP: Final = "heartbeats"
MISSING, FAILED = "HeartbeatMissing", "HeartbeatFailed"
_EVERY_MS = 15_000


def heartbeat_jobs(configs: Sequence[HeartbeatConfig]) -> list[Job]:
    """The one job of all, none without any."""
    if not configs:
        return []
    group = StaticConfig(targets=(JOB,), labels={STANDS_FOR: BUILT_IN, "instance": "tocsin"})
    config = ScrapeConfig(
        job_name=JOB, static_configs=(group,), scrape_interval=Duration(_EVERY_MS / 1000)
    )
    return [job_of(config, GlobalConfig())]


def heartbeat_rules(
    configs: Sequence[HeartbeatConfig], places: Sequence[Place], file: str
) -> list[RuleGroup]:
    """Their rules, none without any; `places` are theirs in `file`."""
    rules = tuple(
        rule
        for config, place in zip(configs, places, strict=True)
        for rule in _rules(config, place)
    )
    return [RuleGroup(GROUP, file, _EVERY_MS, 0, 0, rules)] if rules else []


def _rules(config: HeartbeatConfig, place: Place) -> Iterator[Rule]:
    texts = {
        MISSING: (
            "heartbeat_missing",
            "{{ $labels.heartbeat }} did not run",
            "Nothing was heard of it in time{{ with printf"
            " `heartbeat_last_success_timestamp_seconds{heartbeat=%q}` $labels.heartbeat | query }}"
            "{{ with first . }}; it ran well last at {{ toTime .Value }}{{ end }}{{ end }}.",
        ),
        FAILED: (
            "heartbeat_failed",
            "{{ $labels.heartbeat }} says that it failed",
            "What it said stands on the page Uptime.",
        ),
    }
    runbook = (("runbook_url", config.runbook),) if config.runbook else ()
    for name, (metric, summary, description) in texts.items():
        yield Rule(
            name=name,
            expr=f'{metric}{{heartbeat={quote(config.name)},job="{JOB}"}} == 1',
            labels=(("heartbeat", config.name), ("severity", config.severity)),
            is_alert=True,
            annotations=(("description", description), *runbook, ("summary", summary)),
            # A restart, or a database that is away, is no sign of life.
            no_data=Unknown.KEEP,
            place=place,
        )
