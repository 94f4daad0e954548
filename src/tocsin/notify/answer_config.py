"""What stands under `answers` in `tocsin.yaml`? How people answer where they were told."""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret


class AnswersConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Answers from Slack, PagerDuty and mails. Without its secret an integration is not listened
    to."""

    slack_signing_secret: Secret | None = None
    """The Slack app's signing secret. Slack sends what people press to
    `/api/integrations/slack/actions`, and the command `/tocsin` to
    `/api/integrations/slack/commands`."""
    slack_signing_secret_file: str = ""
    """A file with it."""
    slack_who: Literal["workspace", "people"] = "workspace"
    """Who may acknowledge, silence and resolve in Slack, and work on incidents there: every member
    of the workspace, under the member's name, or only those who are found among `oncall.people` (by
    `incidents.response.slack.members`, a way of the kind slack, or their mail address)."""
    pagerduty_secret: Secret | None = None
    """The secret of PagerDuty's webhook subscription (version 3), whose address is
    `/api/integrations/pagerduty`. Several, with spaces between them, are all accepted."""
    pagerduty_secret_file: str = ""
    """A file with it, or with several, one a line."""
    mail_links: Duration = Duration(86_400)
    """How long a mail's links to acknowledge and silence work."""

    def __post_init__(self) -> None:
        for name in ("slack_signing_secret", "pagerduty_secret"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise Rejected(f"{name} and {name}_file exclude each other; keep one of them")
        if self.mail_links <= 0:
            raise Rejected("mail_links must be longer than 0")
