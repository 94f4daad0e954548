from __future__ import annotations

import pytest

from tests.notify.making import STARTS_MS, making, notice
from tocsin.kit.clock import FakeClock
from tocsin.notify.template_data import data_of


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ toUpper .Status }} {{ .Status | title }}", "FIRING Firing"),
        ("{{ .Receiver }}", r"web\.hook"),
        ('{{ join ", " .CommonLabels.Names }}', "alertname, service"),
        ("{{ .CommonLabels.Values }}", "[Down api]"),
        ('{{ (.CommonLabels.Remove (stringSlice "alertname")).Names }}', "[service]"),
        ("{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }};{{ end }}", None),
        ("{{ .CommonLabels.nope }}|{{ .CommonAnnotations.nope }}", "|"),
        ("{{ if .CommonLabels.nope }}a{{ else }}b{{ end }}", "b"),
        ("{{ len .Alerts.Firing }}/{{ .Alerts.Resolved | len }}", "1/1"),
        ("{{ (index .Alerts 0).Labels.instance }}", "1"),
        ('{{ match "^D.w" .CommonLabels.alertname }}', "true"),
        (r'{{ reReplaceAll "(a)(p)" "$2-${1}" "xapi" }}', "xp-ai"),
        ('{{ reReplaceAll "x*" "-" "abc" }}', "-a-b-c-"),
        ('{{ "  x " | trimSpace }}', "x"),
        ('{{ (index .Alerts 0).StartsAt.Format "2006-01-02 15:04:05.000 MST" }}', None),
        ('{{ (index .Alerts 0).StartsAt | tz "Europe/Berlin" | date "15:04 -07:00" }}', None),
        ("{{ (index .Alerts 0).StartsAt }}", "2026-11-21 10:00:00.123 +0000 UTC"),
        ("{{ (index .Alerts 0).EndsAt }}", "0001-01-01 00:00:00 +0000 UTC"),
        ("{{ since (index .Alerts 0).StartsAt | humanizeDuration }}", "1h 1m 5s"),
        ("{{ since (index .Alerts 0).StartsAt }}", "1h1m5s"),
        ("{{ humanizeDuration 0.0015 }} {{ humanizeDuration 90061 }}", "1.5ms 1d 1h 1m 1s"),
        ('{{ .ExternalURL | urlquery }} {{ urlUnescape "a%20b" }}', None),
        ('{{ template "__subject" . }}', "[FIRING:1] Down (api)"),
        ("{{ .GroupLabels }}", "map[alertname:Down]"),
    ],
)
def test_a_template_renders_as_alertmanager_renders_it(
    clock: FakeClock, template: str, text: str | None
) -> None:
    clock.jump(STARTS_MS / 1000 + 3665 - clock.now())
    templates = making(clock).templates
    special = {
        "SortedPairs": "alertname=Down;service=api;",
        "Format": "2026-11-21 10:00:00.123 UTC",
        "tz": "11:00 +01:00",
        "urlquery": "http%3A%2F%2Fam.example a b",
    }
    wanted = text if text is not None else next(v for k, v in special.items() if k in template)
    assert templates.text(template, data_of(notice(), "http://am.example")) == wanted
