"""One message to one receiver: a file for each service, one line here for each file."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.notify import email, pagerduty, slack, webhook
from tocsin.notify.kind import SenderKind

KINDS: Mapping[str, SenderKind] = {
    "email": email.KIND,
    "pagerduty": pagerduty.KIND,
    "slack": slack.KIND,
    "webhook": webhook.KIND,
}
"""By what stands before `_configs` in an `alertmanager.yml`."""
