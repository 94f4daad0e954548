"""`webhook_configs`: Alertmanager's JSON, version 4, posted to an address.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import asyncio

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.kit.go_time import rfc3339
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret, read_secret
from tocsin.kit.yaml import decode
from tocsin.model.notices import Notice, NoticeAlert
from tocsin.notify.kind import Made, Making, SenderKind
from tocsin.notify.template_data import Data, data_of
from tocsin.notify.wire import go_json, post_json
from tocsin.scrape.http_options import HttpOptions


class WebhookConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `webhook_configs`."""

    send_resolved: bool = True
    url: Secret | None = None
    url_file: str = ""
    http_config: HttpOptions | None = None
    max_alerts: int = 0
    timeout: Duration = Duration(0)

    def __post_init__(self) -> None:
        if bool(self.url) == bool(self.url_file):
            raise Rejected("one of url and url_file must be given")
        address = self.url.reveal() if self.url else "http://"
        if not address.startswith(("http://", "https://")):
            raise Rejected("url must start with http:// or https://")
        if self.max_alerts < 0:
            raise Rejected("max_alerts must not be negative")


class Webhook:
    """Posts to one address."""

    def __init__(self, config: WebhookConfig, making: Making) -> None:
        self._config = config
        self._making = making

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        config, making = self._config, self._making
        url = read_secret(config.url, config.url_file, base=making.folder) or ""
        external_url = making.templates.external_url
        body = await asyncio.to_thread(body_of, notice, external_url, config.max_alerts)
        options = config.http_config or making.shared.http_config
        await post_json(making, url.strip(), options, body, timeout=float(config.timeout))


def body_of(notice: Notice, external_url: str, max_alerts: int = 0, *, version: str = "4") -> bytes:
    """The message; only the first `max_alerts` are in it unless that is 0."""
    data: Data = data_of(notice, external_url)
    alerts = notice.alerts[:max_alerts] if max_alerts else notice.alerts
    return go_json(
        {
            "receiver": data.Receiver,
            "status": notice.status,
            "alerts": [_alert(alert) for alert in alerts],
            "groupLabels": dict(notice.group_labels),
            "commonLabels": dict(data.CommonLabels),
            "commonAnnotations": dict(data.CommonAnnotations),
            "externalURL": external_url,
            "version": version,
            "groupKey": notice.group_key,
            "truncatedAlerts": len(notice.alerts) - len(alerts),
        }
    )


def _alert(alert: NoticeAlert) -> dict[str, object]:
    return {
        "status": alert.status,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": rfc3339(alert.starts_ms),
        "endsAt": rfc3339(alert.ends_ms or None),
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    }


def _make(part: Document, making: Making) -> Made:
    config = decode(part, WebhookConfig)
    return Made(Webhook(config, making), config.send_resolved)


KIND = SenderKind("webhook", _make)
