"""What is frozen of the configuration can be read by everybody who may look."""

from __future__ import annotations

from tocsin.app.incident_evidence import frozen_configuration
from tocsin.app.settings_tree import Config
from tocsin.kit.yaml import decode, loads

TEXT = """
state: postgresql://me:hunter2@db/tocsin
alertmanager:
  receivers: [{name: a, slack_configs: [{api_url: "https://hooks.example/hunter2"}]}]
oncall:
  people:
    ana: {full_name: Ana Ruiz, timezone: Europe/Berlin, email: ana@private.example,
          phone: "+4915112345678", methods: [{name: s, kind: sms, address: "+4915187654321"}]}
"""


def test_neither_secrets_nor_ways_to_people_are_frozen() -> None:
    text = frozen_configuration(decode(loads(TEXT), Config))
    for secret in ("hunter2", "ana@private.example", "+49151"):
        assert secret not in text
    assert "full_name: Ana Ruiz" in text
    assert "timezone: Europe/Berlin" in text
    assert "retention" in text
