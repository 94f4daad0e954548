"""What stands under `global` of an `alertmanager.yml`: the defaults of every sender."""

from __future__ import annotations

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret
from tocsin.kit.yaml import decode
from tocsin.scrape.http_options import HttpOptions, TlsConfig


class GlobalConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All keys that Alertmanager knows; those of services that Tocsin cannot reach yet are read
    and not used."""

    resolve_timeout: Duration = Duration(300)
    http_config: HttpOptions = HttpOptions()
    smtp_from: str = ""
    smtp_hello: str = "localhost"
    smtp_smarthost: str = ""
    smtp_auth_username: str = ""
    smtp_auth_password: Secret | None = None
    smtp_auth_password_file: str = ""
    smtp_auth_secret: Secret | None = None
    smtp_auth_secret_file: str = ""
    smtp_auth_identity: str = ""
    smtp_require_tls: bool = True
    smtp_tls_config: TlsConfig = TlsConfig()
    smtp_force_implicit_tls: bool | None = None
    slack_api_url: Secret | None = None
    slack_api_url_file: str = ""
    slack_app_token: Secret | None = None
    slack_app_token_file: str = ""
    slack_app_url: str = ""
    pagerduty_url: str = "https://events.pagerduty.com/v2/enqueue"
    opsgenie_api_url: str = "https://api.opsgenie.com/"
    opsgenie_api_key: Secret | None = None
    opsgenie_api_key_file: str = ""
    wechat_api_url: str = "https://qyapi.weixin.qq.com/cgi-bin/"
    wechat_api_secret: Secret | None = None
    wechat_api_secret_file: str = ""
    wechat_api_corp_id: str = ""
    victorops_api_url: str = "https://alert.victorops.com/integrations/generic/20131114/alert/"
    victorops_api_key: Secret | None = None
    victorops_api_key_file: str = ""
    telegram_api_url: str = "https://api.telegram.org"
    telegram_bot_token: Secret | None = None
    telegram_bot_token_file: str = ""
    webex_api_url: str = "https://webexapis.com/v1/messages"
    rocketchat_api_url: str = "https://open.rocket.chat/"
    rocketchat_token: Secret | None = None
    rocketchat_token_file: str = ""
    rocketchat_token_id: Secret | None = None
    rocketchat_token_id_file: str = ""
    jira_api_url: str = ""
    mattermost_webhook_url: Secret | None = None
    mattermost_webhook_url_file: str = ""

    def __post_init__(self) -> None:
        if self.slack_api_url and self.slack_api_url_file:
            raise Rejected("slack_api_url and slack_api_url_file exclude each other; keep one")
        if self.smtp_auth_password and self.smtp_auth_password_file:
            raise Rejected(
                "smtp_auth_password and smtp_auth_password_file exclude each other; keep one"
            )


def read_global(part: Document | None) -> GlobalConfig:
    """Raises ConfigError with the place of a mistake."""
    return GlobalConfig() if part is None else decode(part, GlobalConfig)
