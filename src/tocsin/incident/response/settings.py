"""What stands under `incidents.response`? What the actions of all severities share."""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.alert.routing.calendar import ClockTime, Location, TimeInterval, TimeRange, WeekdayRange
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret

_DEFAULT_API = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}


class Tracker(msgspec.Struct, frozen=True, kw_only=True):
    """Where tickets are created."""

    kind: Literal["jira", "github", "gitlab"]
    project: str
    """Jira: a project's key; GitHub: `owner/name`; GitLab: a project's path or id."""
    url: str = ""
    """Of the API. Jira: such as `https://example.atlassian.net/rest/api/2`; GitHub and GitLab need
    it only for servers of one's own."""
    user: str = ""
    """Jira in the cloud: the address of the account that the token belongs to."""
    token: Secret | None = None
    """What may create issues there."""
    token_file: str = ""
    """Its file, read at each use."""
    issue_type: str = "Task"
    """Of Jira."""

    def __post_init__(self) -> None:
        if not self.api.startswith(("http://", "https://")):
            raise Rejected("url must be given, and start with http:// or https://")
        if self.kind == "github" and self.project.count("/") != 1:
            raise Rejected("project of GitHub is owner/name")

    @property
    def api(self) -> str:
        """The address without a slash at its end."""
        return (self.url or _DEFAULT_API.get(self.kind, "")).rstrip("/")


def _working_week() -> tuple[TimeInterval, ...]:
    day = TimeRange(start_time=ClockTime(9 * 60), end_time=ClockTime(17 * 60))
    return (TimeInterval(times=(day,), weekdays=(WeekdayRange(1, 5),)),)


class SlackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The bot that makes channels for incidents. Its scopes: `chat:write`, `channels:manage`,
    `channels:read`, `groups:write`, `users:read`, `users:read.email`."""

    token: Secret | None = None
    """The bot's, xoxb-…; without it that of `via`."""
    token_file: str = ""
    """Its file, read at each use."""
    via: str = ""
    """A channel of `alerting.channels` whose `app_token` is used; the first with one without it."""
    url: str = ""
    """Of Slack's API, where it is not `https://slack.com/api`."""
    members: dict[str, str] = {}
    """Members' ids in Slack, such as U024BE7LH, by a person's name; others are found by their mail
    address."""


class ResponseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What actions need to reach others, and when it is business hours."""

    channels: tuple[str, ...] = ()
    """Channels of `alerting.channels` that "Alert the team" means."""
    lists: dict[str, tuple[str, ...]] = {}
    """Mail addresses by the name of a list."""
    mail_via: str = ""
    """The channel of `alerting.channels` whose mail server is used; the first of mail without it,
    else the `smtp_…` of `alertmanager.global`."""
    slack: SlackSettings = SlackSettings()
    trackers: dict[str, Tracker] = {}
    """Where tickets are created, by name: `{kind: jira|github|gitlab, project, url, token}`."""
    business_hours: tuple[TimeInterval, ...] = _working_week()
    """What `when: business_hours` means: a list of Alertmanager's time intervals; Monday to Friday,
    9 to 17 UTC as shipped."""
    timezone: Location = Location("UTC")
    """In which zone messages tell times."""
    status_page_url: str = ""
    """What `{status_page_link}` means, where the status page has no address of its own."""
    private_webhooks: bool = True
    """Whether the action `webhook` may reach private addresses; if not, neither names that lead
    there nor redirects are followed."""
    give_up: Duration = Duration(86_400)
    """How long an action that fails is tried again."""

    def __post_init__(self) -> None:
        if self.timezone == "Local":
            raise Rejected("timezone needs a zone by its name, such as Europe/Berlin")
        for name, addresses in self.lists.items():
            if not addresses or not all("@" in one for one in addresses):
                raise Rejected(f"the list {name!r} needs mail addresses")
