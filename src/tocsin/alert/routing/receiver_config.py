"""What stands under `receivers` of an `alertmanager.yml`? Each way of telling is kept as written.

The rooms that send read their own part; here only the shape, and which kinds there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected


class ReceiverConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One receiver: its name, and the integrations of every kind that Alertmanager knows, and of
    those that are Tocsin's own: `apprise` and `twilio`."""

    name: str
    apprise_configs: tuple[Document, ...] = ()
    discord_configs: tuple[Document, ...] = ()
    email_configs: tuple[Document, ...] = ()
    incidentio_configs: tuple[Document, ...] = ()
    jira_configs: tuple[Document, ...] = ()
    mattermost_configs: tuple[Document, ...] = ()
    msteams_configs: tuple[Document, ...] = ()
    msteamsv2_configs: tuple[Document, ...] = ()
    opsgenie_configs: tuple[Document, ...] = ()
    pagerduty_configs: tuple[Document, ...] = ()
    pushover_configs: tuple[Document, ...] = ()
    rocketchat_configs: tuple[Document, ...] = ()
    slack_configs: tuple[Document, ...] = ()
    sns_configs: tuple[Document, ...] = ()
    telegram_configs: tuple[Document, ...] = ()
    twilio_configs: tuple[Document, ...] = ()
    victorops_configs: tuple[Document, ...] = ()
    webex_configs: tuple[Document, ...] = ()
    webhook_configs: tuple[Document, ...] = ()
    wechat_configs: tuple[Document, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise Rejected("a receiver needs a name")


@dataclass(frozen=True, slots=True)
class IntegrationPart:
    """One way in which a receiver is told: "slack", the how-manieth of its kind, and its part of
    the file."""

    kind: str
    index: int
    part: Document


def parts_of(receiver: ReceiverConfig) -> tuple[IntegrationPart, ...]:
    """Every integration of a receiver, by kind."""
    return tuple(
        IntegrationPart(field.removesuffix("_configs"), index, part)
        for field in receiver.__struct_fields__
        if field.endswith("_configs")
        for index, part in enumerate(getattr(receiver, field))
    )
