"""Through which doors do answers come in: Slack's, PagerDuty's, and the links of mails?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from tocsin.kit.clock import Clock
from tocsin.web.attempts import Attempts, SeenOnce
from tocsin.web.people import people
from tocsin.web.services import services

if TYPE_CHECKING:
    from tocsin.alert.deciding.answers import Answers
    from tocsin.kit.signed_link import LinkMaker
    from tocsin.model.alerts import Alert

_REPLAY_SECONDS = 600.0
_HOOK_SECONDS = 86_400.0
_WINDOW_SECONDS = 300.0
_MOST = 30
_NAMED = 20


class AnswerDoors:
    """What the doors share. Secrets are asked for at each use and are empty when there is none."""

    def __init__(self, clock: Clock, answers: Answers, links: AnswerLinks) -> None:
        self.answers = answers
        self.slack_secret = links.slack_secret
        self.pagerduty_secrets = links.pagerduty_secrets
        self.mail_links = links.mail_links
        self.opened_ms = links.opened_ms
        self.say = links.say
        self.reply = links.reply
        self.slack_needs_person = links.slack_needs_person
        self.slack_seen = SeenOnce(clock, seconds=_REPLAY_SECONDS)
        self.pagerduty_seen = SeenOnce(clock, seconds=_HOOK_SECONDS)
        self.attempts = Attempts(clock, most=_MOST, seconds=_WINDOW_SECONDS)


@dataclass(frozen=True, slots=True)
class AnswerLinks:
    """How the doors reach what lies behind them."""

    slack_secret: Callable[[], str]
    pagerduty_secrets: Callable[[], Sequence[str]]
    mail_links: Callable[[], LinkMaker | None]
    opened_ms: Callable[[str], int]
    """When the group was first told, in the message that is open about it; 0 when none is."""
    say: Callable[[str, str], None]
    """Have every channel with a thread say something about a group."""
    reply: Callable[[str, str], Awaitable[None]]
    """Tell one person something at the address that Slack gave; what fails is logged."""
    slack_needs_person: Callable[[], bool] = lambda: False
    """Whether only members of Slack may answer who are people of ours."""


def doors(request: Request) -> AnswerDoors:
    """The doors of the application that serves this request."""
    return services(request).doors


async def recorded(
    request: Request, who: str, what: str, alerts: Sequence[Alert], detail: Mapping[str, str]
) -> None:
    """Write it into the audit trail."""
    ip = request.client.host if request.client else ""
    named = ", ".join(alert.fingerprint for alert in alerts[:_NAMED])
    target = named if len(alerts) == 1 else f"{len(alerts)} alerts"
    found = {**detail, "alerts": named}
    await people(request).audit.record(who, what, target, detail=found, ip=ip)
