"""What does Slack's answer mean? It may say no with status 200.

https://api.slack.com/web#evaluating_responses
"""

from __future__ import annotations

import json

import msgspec

from tocsin.kit.fault import Permanent, Temporary
from tocsin.scrape.fetch import Answer

PASSING = frozenset(
    (
        "fatal_error",
        "internal_error",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    )
)
"""Errors that a later attempt may not meet; every other one asks a person to act."""

_REMEDIES = {
    "channel_not_found": "check the channel's name; a private channel must invite the bot",
    "not_in_channel": "invite the bot into the channel, or give it the scope chat:write.public",
    "is_archived": "the channel is archived; name another",
    "invalid_auth": "check app_token; it is the bot's token, xoxb-…",
    "not_authed": "check app_token; it is the bot's token, xoxb-…",
    "token_revoked": "install the app in the workspace again and write its new token",
    "account_inactive": "install the app in the workspace again and write its new token",
    "missing_scope": "give the app the scope chat:write and install it again",
    "not_allowed_token_type": "app_token must be the bot's token, xoxb-…, not xapp-…",
}


class SlackRefused(Permanent):
    """Slack said no; `code` is its word for why."""

    def __init__(self, code: str, remedy: str | None = None) -> None:
        remedy = remedy or _REMEDIES.get(code)
        super().__init__(f"Slack refuses: {code}{f'; {remedy}' if remedy else ''}")
        self.code = code


class SlackAnswer(msgspec.Struct, frozen=True):
    """What Slack says to a message: where it stands, and its name there."""

    ok: bool = True
    error: str = ""
    channel: str = ""
    ts: str = ""


def judged_json(answer: Answer) -> SlackAnswer:
    """The answer when it says yes; raises Temporary, or SlackRefused, by Slack's word."""
    if not answer.content_type.startswith("application/json"):
        return SlackAnswer()
    try:
        found = msgspec.convert(json.loads(answer.body), SlackAnswer)
    except (ValueError, msgspec.ValidationError) as error:
        raise Permanent("Slack's answer is not the JSON that it announces") from error
    if found.ok:
        return found
    if found.error in PASSING:
        raise Temporary(f"Slack cannot just now: {found.error}")
    raise SlackRefused(found.error)
