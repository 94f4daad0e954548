"""How is a program told of an incident? As JSON, signed so that it knows who speaks.

`X-Tocsin-Signature: t=<seconds>,v1=<hex>` is HMAC-SHA256 of `<seconds>.<body>` with the secret;
`Idempotency-Key` is the same for every attempt at one message.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import msgspec

from tocsin.incident.response.steps import Webhook
from tocsin.incident.response.work import Outcome, Work
from tocsin.incident.words.catalog import Audience
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Incident
from tocsin.notify.kind import Making
from tocsin.notify.wire import Request, exchange, go_json
from tocsin.scrape.http_options import HttpOptions

_SECONDS = 20.0
SIGNATURE = "X-Tocsin-Signature"


class WebhookDoer:
    """Does `webhook`."""

    def __init__(self, making: Callable[[], Making]) -> None:
        self._making = making

    async def do(self, work: Work) -> Outcome:
        """As `incident.response.work.Doer`."""
        step = work.action.step
        if not isinstance(step, Webhook):
            raise Rejected("this is no webhook")
        making = self._making()
        body = go_json(body_of(work))
        headers = {**step.headers, "Content-Type": "application/json", "Idempotency-Key": work.key}
        if step.secret:
            at = int(making.clock.now())
            headers[SIGNATURE] = f"t={at},v1={signature(step.secret.reveal(), at, body)}"
        # What the headers and proxies of alerts' receivers say is meant for others.
        request = Request(step.url.reveal(), body, headers)
        answer = await exchange(making, request, HttpOptions(), timeout=_SECONDS)
        return Outcome(f"{work.action.shown}: taken with status {answer.status}")


def signature(secret: str, at_s: int, body: bytes) -> str:
    """What the header's `v1` says."""
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()


def body_of(work: Work) -> dict[str, object]:
    """What is posted; `text` is the words of the moment."""
    said = work.say(Audience.INTERNAL)
    return {
        "event": f"incident.{work.moment.value}",
        "version": "1",
        "incident": incident_json(work.incident),
        "url": work.values["incident_link"],
        "title": said.subject,
        "text": said.text,
        "update": {"text": work.job.text, "author": work.job.author, "eta": work.job.eta},
    }


def incident_json(incident: Incident) -> dict[str, object]:
    """The incident as programs read it."""
    found: dict[str, object] = msgspec.to_builtins(incident)
    found["status"] = incident.status.value
    return found
