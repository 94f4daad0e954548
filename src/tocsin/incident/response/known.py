"""What can actions name? What the rest of the configuration has, as far as it matters here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Known:
    """Names that are there."""

    channels: Mapping[str, str] = field(default_factory=dict)
    """Channels and receivers, with the kind of each, such as "slack"; the first of several."""
    policies: Collection[str] = ()
    people: Collection[str] = ()
    schedules: Collection[str] = ()
    has_slack: bool = False
    """Whether a Slack bot's token is given."""
    has_mail: bool = False
    """Whether a mail server is given."""
    has_status_page: bool = False
    has_oncall: bool = False
