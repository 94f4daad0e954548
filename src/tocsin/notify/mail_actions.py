"""What can the reader of a mail do by following a link? Acknowledge, or silence for an hour."""

from __future__ import annotations

import re
from html import escape

from tocsin.kit.secret import Secret
from tocsin.kit.signed_link import LinkMaker
from tocsin.model.notices import Notice, group_id
from tocsin.notify.template_data import Pair, Pairs

ACKNOWLEDGE = "acknowledge"
SILENCE = "silence"

_WORDS = {ACKNOWLEDGE: "Acknowledge", SILENCE: "Silence for 1 h"}
_END = re.compile(r"</body\s*>", re.IGNORECASE)


def actions_of(notice: Notice, links: LinkMaker, recipient: str, expires_s: int) -> Pairs:
    """The links of a mail about that group; none when nothing fires any more."""
    if not notice.firing:
        return Pairs()
    group = group_id(notice.group_key)
    made = {name: links.make(name, group, recipient, expires_s) for name in _WORDS}
    # Whoever has the link may use it, so the record of what was sent must not show it.
    return Pairs(Pair(_WORDS[name], Secret(url).reveal()) for name, url in made.items())


def with_links(html: str, actions: Pairs) -> str:
    """The HTML with the links at its end, unless its template has placed them itself."""
    if not html or not actions or any(one.Value in html for one in actions):
        return html
    made = " ".join(f'<a href="{escape(one.Value)}">{escape(one.Name)}</a>' for one in actions)
    block = f"<p>{made}</p>"
    found = list(_END.finditer(html))
    at = found[-1].start() if found else len(html)
    return f"{html[:at]}{block}{html[at:]}"


def with_addresses(text: str, actions: Pairs) -> str:
    """The text with the addresses below it, unless its template has placed them itself."""
    if not text or not actions or any(one.Value in text for one in actions):
        return text
    lines = (f"{one.Name}: {one.Value}" for one in actions)
    return f"{text.rstrip()}\n\n" + "\n".join(lines) + "\n"
