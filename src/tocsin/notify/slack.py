"""`slack_configs`: an incoming webhook of Slack, or an app's bot that is answered in Slack.

https://prometheus.io/docs/alerting/latest/configuration/#slack_config
"""

from __future__ import annotations

from tocsin.kit.document import Document
from tocsin.kit.yaml import decode
from tocsin.notify.kind import Made, Making, SenderKind
from tocsin.notify.slack_bot import SlackBot
from tocsin.notify.slack_config import SlackConfig
from tocsin.notify.slack_webhook import SlackWebhook


def _make(part: Document, making: Making) -> Made:
    config = decode(part, SlackConfig)
    shared = making.shared
    shared_token = bool(shared.slack_app_token or shared.slack_app_token_file)
    if config.is_bot or (shared_token and not config.has_url):
        if not config.channel:
            raise part.error("a bot must be told the channel", "channel")
        sends_resolved = config.send_resolved is not False
        return Made(SlackBot(config, making), sends_resolved, _warnings(config, part))
    if not (config.has_url or shared.slack_api_url or shared.slack_api_url_file):
        raise part.error(
            "no address is given; write api_url here or slack_api_url in global, or the token of "
            "a bot as app_token or slack_app_token",
            "api_url",
        )
    return Made(SlackWebhook(config, making), bool(config.send_resolved))


def _warnings(config: SlackConfig, part: Document) -> tuple[str, ...]:
    token = config.app_token.reveal() if config.app_token else ""
    if token.startswith("xapp-"):
        place = part.place("app_token")
        return (f"{place}: app_token must be the bot's token (xoxb-…), not the app's own (xapp-…)",)
    return ()


KIND = SenderKind("slack", _make)
