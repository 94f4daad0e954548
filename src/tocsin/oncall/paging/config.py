"""What stands under `oncall.paging`? Through what people are reached."""

from __future__ import annotations

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def weekly_at(text: str) -> tuple[int, int] | None:
    """The day (0 is Monday) and the minute of the day; None for no text. Raises Rejected."""
    if not text.strip():
        return None
    day, _, clock = text.strip().lower().partition(" ")
    hour, colon, minute = clock.strip().partition(":")
    is_time = colon and hour.isdecimal() and minute.isdecimal() and len(hour) < 3
    if day[:3] not in _DAYS or not is_time or int(hour) > 23 or int(minute[:3]) > 59:
        raise Rejected(f"test_every_week: expected a time such as Mon 10:00, got {text!r}")
    return _DAYS.index(day[:3]), int(hour) * 60 + int(minute)


class WebPushConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Pages to browsers and phones that have Tocsin installed."""

    contact: str = "mailto:oncall@localhost"
    """How the operators of push services reach you: `mailto:…` or `https:…`."""
    allow_private: bool = False
    """Whether push services on private addresses, and without TLS, may be asked: only for one of
    your own."""

    def __post_init__(self) -> None:
        if not self.contact.startswith(("mailto:", "https:")):
            raise Rejected(f"contact must be mailto:… or https:…, got {self.contact!r}")


class PagingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Each way is the name of one of `alerting.channels`, whose account is used, or a channel of
    its own as there: `sms: {kind: twilio, account_sid: …, auth_token_file: …, from: …}`. Without
    it the first channel of a fitting kind is used. The receiver is always the person's address."""

    sms: Document | None = None
    """Text messages: a channel of the kind twilio or sns."""
    call: Document | None = None
    """Calls that are answered by a digit: a channel of the kind twilio."""
    email: Document | None = None
    """Mails: a channel of the kind email; else the `smtp_…` of the `alertmanager.yml`."""
    slack: Document | None = None
    """Direct messages: a channel of the kind slack with a bot's `app_token`."""
    telegram: Document | None = None
    """A channel of the kind telegram."""
    pagerduty: Document | None = None
    """A channel of the kind pagerduty; a person's address is the key of the integration."""
    web_push: WebPushConfig = WebPushConfig()
    test_every_week: str = ""
    """When everybody on call gets a test page, such as `Mon 10:00` (UTC); never without it."""

    def __post_init__(self) -> None:
        weekly_at(self.test_every_week)
