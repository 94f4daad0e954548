"""`victorops_configs`: Splunk On-Call, which was VictorOps.

https://prometheus.io/docs/alerting/latest/configuration/#victorops_config
https://help.victorops.com/knowledge-base/rest-endpoint-integration-guide/
"""

from __future__ import annotations

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.secret import Secret
from tocsin.notify.given import at_most_one
from tocsin.notify.http_sender import Filling, HttpConfig, Wanted, http_kind, json_request
from tocsin.notify.pagerduty import dedup_key
from tocsin.notify.wire import Request, truncated

_LONGEST_MESSAGE = 20_480
_OWN = (
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
)

_KEY = Wanted("api_key", "victorops_api_key")


class VictorOpsConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `victorops_configs`."""

    api_key: Secret | None = None
    api_key_file: str = ""
    api_url: str = ""
    routing_key: str
    message_type: str = "CRITICAL"
    state_message: str = '{{ template "victorops.default.state_message" . }}'
    entity_display_name: str = '{{ template "victorops.default.entity_display_name" . }}'
    monitoring_tool: str = '{{ template "victorops.default.monitoring_tool" . }}'
    custom_fields: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        at_most_one(self, "api_key", "api_key_file")
        for name in _OWN:
            if name in self.custom_fields:
                raise Rejected(f"custom_fields: {name} is a field of the event itself; remove it")


def _requests(config: VictorOpsConfig, fill: Filling) -> list[Request]:
    shared = fill.making.shared
    key = fill.wanted(_KEY, config)
    kind = fill(config.message_type)
    if not fill.is_firing:
        kind = "RECOVERY"
    elif kind not in ("INFO", "WARNING", "CRITICAL"):
        kind = "CRITICAL"
    event = {
        "entity_display_name": fill(config.entity_display_name),
        "entity_id": dedup_key(fill.notice),
        "message_type": kind,
        "monitoring_tool": fill(config.monitoring_tool),
        "state_message": truncated(fill(config.state_message), _LONGEST_MESSAGE),
        **{name: fill(source) for name, source in config.custom_fields.items()},
    }
    base = (config.api_url or shared.victorops_api_url).removesuffix("/")
    url = f"{base}/{key}/{fill(config.routing_key)}"
    return [json_request(url, dict(sorted(event.items())))]


KIND = http_kind("victorops", VictorOpsConfig, _requests, wants=(_KEY,))
