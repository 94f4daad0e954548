"""What do subscribers read? Mails and webhooks' bodies, made of public words alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

import msgspec

from tocsin.statuspage.component_state import indicator
from tocsin.statuspage.post import PostKind
from tocsin.statuspage.snapshot import Look, ShownPost, ShownUpdate, Snapshot
from tocsin.statuspage.statuspage_json import iso, post_json

_SECRET = "whsec_"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail: one subject, the same words as text and as HTML, and headers besides."""

    to: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str] = field(default_factory=dict)


def confirmation(look: Look, address: str, link: str) -> Letter:
    """The mail that asks whether its reader wants to be told."""
    words, title = look.words, look.title
    lines = [words["mail_confirm"].replace("{title}", title), link, words["mail_confirm_else"]]
    subject = words["mail_confirm_subject"].replace("{title}", title)
    return Letter(address, subject, "\n\n".join(lines) + "\n", _html(look, subject, lines, link))


def update_letter(
    look: Look, post: ShownPost, update: ShownUpdate, address: str, unsubscribe: str, name: str
) -> Letter:
    """The mail about one update. `name` makes its Message-ID: a mail that goes out twice is shown
    once. Unsubscribing takes one click (RFC 8058)."""
    words = look.words
    status = words.get(update.status.value, update.status.value)
    link = f"{look.address}/incidents/{post.id}"
    lines = [f"{status} · {iso(update.at_ms)[:16].replace('T', ' ')} UTC"]
    if post.kind is PostKind.MAINTENANCE:
        starts, ends = (iso(at)[:16].replace("T", " ") for at in (post.starts_ms, post.ends_ms))
        lines.append(f"{starts} {words['until']} {ends} UTC")
    lines += [update.text] if update.text else []
    if post.components:
        lines.append(f"{words['affects']}: {', '.join(part for _, part in post.components)}")
    lines.append(link)
    subject = f"{post.title} – {status}"
    text = "\n\n".join([post.title, *lines, f"{words['mail_unsubscribe']} {unsubscribe}"])
    leave = f'<p style="font-size:12px"><a href="{escape(unsubscribe)}">'
    leave += f"{escape(words['unsubscribe'])}</a></p>"
    html = _html(look, post.title, lines, link, leave)
    headers = {
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "X-Tocsin-Name": name,
    }
    return Letter(address, f"[{look.title}] {subject}", text + "\n", html, headers)


def _html(look: Look, title: str, lines: list[str], link: str, below: str = "") -> str:
    shown = [
        f'<p><a href="{escape(link)}">{escape(link)}</a></p>'
        if line == link
        else f"<p>{escape(line)}</p>".replace("\n", "<br>\n")
        for line in lines
    ]
    body = "\n".join([f"<h1>{escape(title)}</h1>", *shown, *([below] if below else [])])
    return f'<html lang="{escape(look.language)}"><body>\n{body}\n</body></html>\n'


def confirmation_body(look: Look, link: str) -> bytes:
    """What a webhook gets first; whoever reads it opens the link."""
    return msgspec.json.encode(
        {
            "type": "subscription.confirmation",
            "page": {"id": "status", "name": look.title, "url": look.address},
            "confirm_url": link,
        }
    )


def update_body(snapshot: Snapshot, post: ShownPost, unsubscribe: str) -> bytes:
    """What a webhook gets for each update, in the shape of Statuspage's webhooks."""
    look = snapshot.look
    words = look.words.get(f"all_{snapshot.headline}", snapshot.headline)
    return msgspec.json.encode(
        {
            "type": "incident.updated",
            "meta": {"unsubscribe": unsubscribe, "generated_at": iso(snapshot.made_ms)},
            "page": {
                "id": "status",
                "name": look.title,
                "url": look.address,
                "status_indicator": indicator(snapshot.state),
                "status_description": words,
            },
            "incident": post_json(snapshot, post),
        }
    )


def new_secret(random: bytes) -> str:
    """A webhook's secret as Standard Webhooks writes it."""
    return _SECRET + base64.b64encode(random).decode()


def signed_headers(secret: str, name: str, at_s: int, body: bytes) -> dict[str, str]:
    """Headers that prove where a body comes from (Standard Webhooks 1.0: HMAC-SHA256 over name,
    time and body); without a secret they prove nothing."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Tocsin-Status-Page",
        "webhook-id": name,
        "webhook-timestamp": str(at_s),
    }
    if secret:
        key = base64.b64decode(secret.removeprefix(_SECRET))
        mark = hmac.digest(key, f"{name}.{at_s}.".encode() + body, hashlib.sha256)
        headers["webhook-signature"] = "v1," + base64.b64encode(mark).decode()
    return headers
