"""How is Slack told through an incoming webhook? One message after the other, as Alertmanager does.

https://api.slack.com/messaging/webhooks
"""

from __future__ import annotations

import asyncio

from tocsin.kit.secret import read_secret
from tocsin.model.notices import Notice
from tocsin.notify.kind import Making
from tocsin.notify.slack_answer import judged_json
from tocsin.notify.slack_body import message_of
from tocsin.notify.slack_config import SlackConfig
from tocsin.notify.wire import go_json, post_json


class SlackWebhook:
    """Posts to one incoming webhook."""

    def __init__(self, config: SlackConfig, making: Making) -> None:
        self._config = config
        self._making = making

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        config, making, shared = self._config, self._making, self._making.shared
        url = read_secret(config.api_url, config.api_url_file, base=making.folder)
        if not url:
            url = read_secret(shared.slack_api_url, shared.slack_api_url_file, base=making.folder)
        body = await asyncio.to_thread(self.body_of, notice)
        options = config.http_config or shared.http_config
        timeout = float(config.timeout)
        judged_json(await post_json(making, (url or "").strip(), options, body, timeout=timeout))

    def body_of(self, notice: Notice) -> bytes:
        """The message as Alertmanager writes it; raises Rejected when a template fails."""
        return go_json(message_of(self._config, self._making, notice))
