"""`twilio_configs`: a text message, or a call that reads it aloud, by Twilio.

https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.secret import Secret
from tocsin.notify.given import at_most_one, exactly_one
from tocsin.notify.http_sender import Filling, HttpConfig, http_kind
from tocsin.notify.pages import page_of
from tocsin.notify.sms_text import shortened
from tocsin.notify.wire import Request

_LONGEST_BODY = 1600
_LONGEST_TWIML = 4000


class TwilioConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `twilio_configs`: one number, so that one that fails repeats no other.

    `type` is `sms` or `voice`. Ends are told by SMS and not by a call unless `send_resolved` says
    otherwise. A text is cut to `max_segments` parts (each is paid for); a call says it `repeat`
    times. Log in by `auth_token`, or by `api_key` and `api_key_secret`. With an `answer_url` a call
    waits for a digit and sends it there.
    """

    type: Literal["sms", "voice"] = "sms"
    api_url: str = "https://api.twilio.com"
    account_sid: str
    auth_token: Secret | None = None
    auth_token_file: str = ""
    api_key: str = ""
    api_key_secret: Secret | None = None
    api_key_secret_file: str = ""
    to: str
    from_number: str = msgspec.field(default="", name="from")
    messaging_service_sid: str = ""
    message: str = ""
    max_segments: Annotated[int, msgspec.Meta(ge=1, le=10)] = 4
    voice: str = ""
    language: str = ""
    repeat: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    answer_url: str = ""

    def __post_init__(self) -> None:
        exactly_one(self, "auth_token", "auth_token_file", "api_key")
        at_most_one(self, "api_key_secret", "api_key_secret_file")
        if bool(self.api_key) != bool(self.api_key_secret or self.api_key_secret_file):
            raise Rejected("api_key and api_key_secret belong together")
        exactly_one(self, "from", "messaging_service_sid")
        if self.type == "voice" and not self.from_number:
            raise Rejected("from must be given for a call")

    @property
    def tells_ends(self) -> bool:
        """Nobody is called because something is over, unless he asks for it."""
        return self.type == "sms" if self.send_resolved is None else self.send_resolved


def _requests(config: TwilioConfig, fill: Filling) -> list[Request]:
    to = {"To": fill(config.to)}
    if config.type == "voice":
        source = config.message or '{{ template "twilio.default.speech" . }}'
        form = {
            **to,
            "From": config.from_number,
            "Twiml": _twiml(config, fill(source), fill(config.answer_url)),
        }
        resource = "Calls.json"
    else:
        source = config.message or '{{ template "twilio.default.sms" . }}'
        tail = "" if config.message else _page(fill)
        text = shortened(
            fill(source).strip()[: _LONGEST_BODY - len(tail)], config.max_segments, tail=tail
        )
        sender = {"From": config.from_number}
        if config.messaging_service_sid:
            sender = {"MessagingServiceSid": config.messaging_service_sid}
        form = {**to, **sender, "Body": text}
        resource = "Messages.json"
    account = quote(config.account_sid, safe="")
    url = f"{config.api_url.removesuffix('/')}/2010-04-01/Accounts/{account}/{resource}"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": _login(config, fill),
    }
    return [Request(url, urlencode(form).encode(), headers)]


def _page(fill: Filling) -> str:
    """A line with the address of the alert's page, or of the page Alerts when there are several."""
    address = page_of(fill.making, [one.fingerprint for one in fill.notice.alerts])
    return f"\n{address}" if address else ""


def _twiml(config: TwilioConfig, text: str, answer_url: str) -> str:
    """https://www.twilio.com/docs/voice/twiml/say and gather; whole words, as many as Twilio
    takes."""
    attributes = {"voice": config.voice, "language": config.language}
    said = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items() if value)
    loop = f' loop="{config.repeat}"' if config.repeat > 1 else ""
    frame = f"<Say{said}{loop}>%s</Say>"
    if answer_url:
        action = quoteattr(answer_url).replace("%", "%%")
        ask = f'<Gather numDigits="1" timeout="10" method="POST" action={action}>'
        frame = f"{ask}{frame}</Gather>"
    frame = f"<Response>{frame}</Response>"
    words = " ".join("".join(char for char in text if char.isprintable() or char.isspace()).split())
    while len(frame % escape(words)) > _LONGEST_TWIML:
        words = words.rpartition(" ")[0] or words[: len(words) // 2]
    return frame % escape(words)


def _login(config: TwilioConfig, fill: Filling) -> str:
    """RFC 7617."""
    if config.api_key:
        secret = fill.secret((config.api_key_secret, config.api_key_secret_file))
        pair = f"{config.api_key}:{secret}"
    else:
        pair = f"{config.account_sid}:{fill.secret((config.auth_token, config.auth_token_file))}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


KIND = http_kind("twilio", TwilioConfig, _requests)
