"""The demo's other end of every channel: takes what is sent to people, and shows it.

No message of the demo leaves the machine. `/chat` takes what Slack takes, `/pagerduty` what
PagerDuty, `/twilio` what Twilio, `/pager` and `/manager` what a webhook; `/` is a page of the
newest ones.
"""

from __future__ import annotations

import html
import json
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from tocsin.demo import process

WEBHOOKS = ("pager", "chat", "manager")
_PAGERDUTY = "/pagerduty/v2/enqueue"
_TWILIO = "/twilio/2010-04-01/Accounts/demo/{kind}.json"
_STATES = {"trigger": "firing", "resolve": "resolved"}

_KEPT = 200
_LARGEST_BYTES = 4 << 20
_SHOWN_CHARACTERS = 20_000
_PAGE = """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Inbox of the demo</title>
<meta name="viewport" content="width=device-width">
<noscript><meta http-equiv="refresh" content="5"></noscript>
<script>
// Nothing that somebody has unfolded to read is folded again.
setInterval(() => document.querySelector("details[open]") ?? location.reload(), 5000);
</script>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.3rem }} p {{ opacity: .75 }}
li {{ list-style: none; padding: .6rem 0; border-top: 1px solid #8884 }} ul {{ padding: 0 }}
b {{ display: inline-block; min-width: 5.5rem }}
.firing {{ color: #d33 }} .resolved {{ color: #2a8 }}
pre {{ overflow: auto; max-height: 20rem; font-size: .8rem }}
</style></head><body><h1>Inbox of the demo</h1>
<p>What Tocsin would have sent to people, the newest first. Nothing leaves this machine.</p>
<ul>{items}</ul></body></html>
"""
_ITEM = (
    '<li><time>{at}</time> <b>{channel}</b> <span class="{state}">{state}</span> {words}'
    "<details><summary>As it was sent</summary><pre>{body}</pre></details></li>"
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came; `state` is firing, resolved or empty."""

    at: datetime
    channel: str
    state: str
    words: str
    body: str


class Inbox:
    """Takes messages and shows the newest."""

    def __init__(self) -> None:
        self.messages: deque[Message] = deque(maxlen=_KEPT)

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application(client_max_size=_LARGEST_BYTES)
        for channel in WEBHOOKS:
            app.router.add_post(f"/{channel}", self._take)
        app.router.add_post(_PAGERDUTY, self._take_event)
        app.router.add_post(_TWILIO, self._take_text)
        app.router.add_get("/", self._show)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        text = await request.text()
        self._keep(read(request.path[1:], text, datetime.now(UTC)))
        return web.Response(text="ok")

    async def _take_event(self, request: web.Request) -> web.Response:
        """https://developer.pagerduty.com/docs/events-api-v2/trigger-events/"""
        body = await request.json()
        state = _STATES.get(str(body.get("event_action")), "")
        words = str((body.get("payload") or {}).get("summary") or body.get("dedup_key") or "")
        pretty = json.dumps(body, indent=1, ensure_ascii=False)
        self._keep(Message(datetime.now(UTC), "pagerduty", state, words, pretty))
        said = {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]}
        return web.json_response(said, status=202)

    async def _take_text(self, request: web.Request) -> web.Response:
        """https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource"""
        form = await request.post()
        to, text = str(form.get("To")), str(form.get("Body") or form.get("Twiml") or "")
        words = f"to {to}: {text}"
        self._keep(Message(datetime.now(UTC), "sms", "", words, text))
        sid = f"SM{len(self.messages):032x}"
        return web.json_response({"sid": sid, "status": "queued", "to": to}, status=201)

    def _keep(self, message: Message) -> None:
        self.messages.appendleft(message)
        # Standard output is the parent's; what a person may read goes where its log goes.
        sys.stderr.write(f"  → {message.channel}: {message.state} {message.words}\n")
        sys.stderr.flush()

    async def _show(self, request: web.Request) -> web.Response:
        items = "".join(_item(message) for message in self.messages)
        page = _PAGE.format(items=items or "<li>Nobody was told of anything yet.</li>")
        return web.Response(text=page, content_type="text/html")


def read(channel: str, text: str, at: datetime) -> Message:
    """What a message says in one line; one of another form is shown as it is."""
    try:
        body = json.loads(text)
    except json.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        return Message(at, channel, "", text[:200], text)
    pretty = json.dumps(body, indent=1, ensure_ascii=False)
    if isinstance(body.get("attachments"), list):
        return Message(at, channel, *_of_slack(body), pretty)
    return Message(at, channel, str(body.get("status", "")), _of_webhook(body), pretty)


def _of_slack(body: Mapping[str, object]) -> tuple[str, str]:
    attachments = body["attachments"]
    first = attachments[0] if isinstance(attachments, list) and attachments else {}
    title = str(first.get("title") or first.get("fallback") or "")
    state = "firing" if first.get("color") == "danger" else "resolved"
    return state, " ".join(f"{title} {first.get('text') or ''}".split())


def _of_webhook(body: Mapping[str, object]) -> str:
    alerts = body.get("alerts")
    found = []
    for alert in alerts if isinstance(alerts, list) else ():
        name = alert.get("labels", {}).get("alertname", "")
        said = alert.get("annotations", {}).get("summary", "")
        found.append(f"{name}: {said}" if said else name)
    return "; ".join(dict.fromkeys(found))


def _item(message: Message) -> str:
    return _ITEM.format(
        at=message.at.astimezone().strftime("%H:%M:%S"),
        channel=html.escape(message.channel),
        state=html.escape(message.state),
        words=html.escape(message.words),
        body=html.escape(message.body[:_SHOWN_CHARACTERS]),
    )


async def _run(folder: Path) -> None:
    await process.serve(Inbox().app(), "inbox", int(sys.argv[2]))


if __name__ == "__main__":
    process.main(_run)
