"""Was this request really sent by Slack, or by PagerDuty?"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from tocsin.kit.fault import Rejected

_SLACK_SECONDS = 300.0
_LONGEST_HEADER = 4000


class Forged(Rejected):
    """The signature is missing, wrong or old: whoever sent this does not know the secret."""


def check_slack(secret: str, timestamp: str, signature: str, body: bytes, now_s: float) -> None:
    """Raises Forged unless Slack signed this body within the last five minutes.

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Forged("the header X-Slack-Request-Timestamp is missing")
    if abs(now_s - int(timestamp)) > _SLACK_SECONDS:
        raise Forged("the request is older than five minutes; check this machine's clock")
    signed = b"v0:" + timestamp.encode() + b":" + body
    if not _is_equal(signature, f"v0={_digest(secret, signed)}"):
        raise Forged("the signature is wrong; check answers.slack_signing_secret")


def check_pagerduty(secrets: Iterable[str], signatures: str, body: bytes) -> None:
    """Raises Forged unless one of the signatures was made with one of the secrets: while a secret
    is being replaced PagerDuty sends several.

    https://developer.pagerduty.com/docs/verifying-webhook-signatures
    """
    given = [one.strip() for one in signatures[:_LONGEST_HEADER].split(",")]
    known = [f"v1={_digest(secret, body)}" for secret in secrets]
    # Every pair is compared, so that the time says nothing about which one was near.
    matches = [_is_equal(one, other) for one in given for other in known]
    if not any(matches):
        raise Forged("the signature is wrong; check answers.pagerduty_secret")


def _digest(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _is_equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode())
