"""`incidentio_configs`: an alert source of incident.io.

https://prometheus.io/docs/alerting/latest/configuration/#incidentio_config
"""

from __future__ import annotations

from tocsin.kit.fault import Rejected
from tocsin.kit.secret import Secret
from tocsin.notify.given import at_most_one, exactly_one
from tocsin.notify.http_sender import Filling, HttpConfig, http_kind
from tocsin.notify.webhook import body_of
from tocsin.notify.wire import Request

_LARGEST_BYTES = 512 << 10


class IncidentioConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `incidentio_configs`."""

    url: str = ""
    url_file: str = ""
    alert_source_token: Secret | None = None
    alert_source_token_file: str = ""
    max_alerts: int = 0

    def __post_init__(self) -> None:
        exactly_one(self, "url", "url_file")
        at_most_one(self, "alert_source_token", "alert_source_token_file")
        has_token = bool(self.alert_source_token or self.alert_source_token_file)
        if self.http_config is not None and has_token == bool(self.http_config.authorization):
            raise Rejected("one of alert_source_token and http_config.authorization must be given")


def _requests(config: IncidentioConfig, fill: Filling) -> list[Request]:
    body = _body(fill, config.max_alerts)
    if len(body) > _LARGEST_BYTES:
        body = _body(fill, 1)
    headers = {"Content-Type": "application/json"}
    token = fill.secret((config.alert_source_token, config.alert_source_token_file))
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return [Request(fill.secret((config.url, config.url_file)), body, headers)]


def _body(fill: Filling, max_alerts: int) -> bytes:
    return body_of(fill.notice, fill.data.ExternalURL, max_alerts, version="1")


KIND = http_kind("incidentio", IncidentioConfig, _requests)
