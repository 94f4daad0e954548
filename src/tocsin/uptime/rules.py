"""Which rules do monitors come to? One that it is down, one that its certificate ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tocsin.alert.rules.rule_file import Rule, RuleGroup, Unknown
from tocsin.kit.document import Place
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text
from tocsin.query.promql.quoting import quote
from tocsin.uptime.config import MonitorConfig

GROUP = "monitors"
DOWN, CERTIFICATE = "MonitorDown", "CertificateEnds"
_CERTIFICATE_SEVERITY = "medium"
_CERTIFICATE_TEXT = "{{ $labels.monitor }}: its certificate ends in {{ $value | humanizeDuration }}"
_DAY_SECONDS = 86_400
_EVERY_MS = 15_000
_DOWN_TEXT = (
    "{{ $labels.instance }} does not answer as it should"
    "{{ with printf `probe_failed_info{monitor=%q}` $labels.monitor | query }}"
    "{{ with first . }}: {{ .Labels.reason }}{{ end }}{{ end }}."
)


def monitor_rules(
    monitors: Sequence[MonitorConfig], places: Sequence[Place], file: str
) -> list[RuleGroup]:
    """The group of all monitors that alert, none without any; `places` are theirs in `file`."""
    rules = tuple(
        rule
        for monitor, place in zip(monitors, places, strict=True)
        if monitor.alert
        for rule in _rules(monitor, place)
    )
    return [RuleGroup(GROUP, file, _EVERY_MS, 0, 0, rules)] if rules else []


def selected(metric: str, name: str) -> str:
    """PromQL for a metric of one monitor."""
    return f'{metric}{{job="uptime",monitor={quote(name)}}}'


def _rules(monitor: MonitorConfig, place: Place) -> Iterator[Rule]:
    runbook = (("runbook_url", monitor.runbook),) if monitor.runbook else ()
    yield Rule(
        name=DOWN,
        expr=_canonical(f"{selected('probe_success', monitor.name)} == 0"),
        labels=(("monitor", monitor.name), ("severity", monitor.severity)),
        is_alert=True,
        hold_ms=monitor.after.ms,
        annotations=(
            ("description", _DOWN_TEXT),
            *runbook,
            ("summary", "{{ $labels.monitor }} is down"),
        ),
        # A restart, or a clock that jumped, is no recovery.
        no_data=Unknown.KEEP,
        place=place,
    )
    if monitor.shows_certificate and monitor.certificate_days:
        ends = selected("probe_ssl_earliest_cert_expiry", monitor.name)
        yield Rule(
            name=CERTIFICATE,
            expr=_canonical(f"{ends} - time() < {monitor.certificate_days * _DAY_SECONDS}"),
            labels=(("monitor", monitor.name), ("severity", _CERTIFICATE_SEVERITY)),
            is_alert=True,
            annotations=(
                ("description", "It is shown at {{ $labels.instance }}."),
                *runbook,
                ("summary", _CERTIFICATE_TEXT),
            ),
            no_data=Unknown.KEEP,
            place=place,
        )


def _canonical(expr: str) -> str:
    return to_text(parse(expr))
