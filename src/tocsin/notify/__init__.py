"""One message to one receiver: a file for each service, one line here for each file."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.notify import (
    apprise,
    discord,
    email,
    incidentio,
    jira,
    mattermost,
    msteams,
    opsgenie,
    pagerduty,
    pushover,
    rocketchat,
    slack,
    sns,
    telegram,
    twilio,
    victorops,
    webex,
    webhook,
    wechat,
)
from tocsin.notify.kind import SenderKind

KINDS: Mapping[str, SenderKind] = {
    "apprise": apprise.KIND,
    "discord": discord.KIND,
    "email": email.KIND,
    "incidentio": incidentio.KIND,
    "jira": jira.KIND,
    "mattermost": mattermost.KIND,
    "msteams": msteams.KIND,
    "msteamsv2": msteams.KIND_V2,
    "opsgenie": opsgenie.KIND,
    "pagerduty": pagerduty.KIND,
    "pushover": pushover.KIND,
    "rocketchat": rocketchat.KIND,
    "slack": slack.KIND,
    "sns": sns.KIND,
    "telegram": telegram.KIND,
    "twilio": twilio.KIND,
    "victorops": victorops.KIND,
    "webex": webex.KIND,
    "webhook": webhook.KIND,
    "wechat": wechat.KIND,
}
"""By what stands before `_configs` in an `alertmanager.yml`."""
