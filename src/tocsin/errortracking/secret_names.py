"""What must not be kept for the name that it stands under? As Sentry leaves it out itself.

https://docs.sentry.io/security-legal-pii/scrubbing/server-side-scrubbing/
"""

from __future__ import annotations

import re

from tocsin.ingest.logs.scrub import FIELD

GONE = f"[{FIELD}]"
_SENSITIVE = re.compile(
    r"passw|passphrase|secret|mysql_pwd|credential|bearer|(?<!_s)auth(?!or|ent)|stripetoken|"
    r"card.?number|api.?key|private.?key|access.?token|refresh.?token|csrf|xsrf|cookie|session.?id|"
    r"^(?:x-)?forwarded-for$|^x-real-ip$|^(?:api_?|auth_?|id_?)?token$|^jwt$|^ssn$|^cvv$|^pin$",
    re.IGNORECASE,
)
# Neither asks for what ends the value: a text that was cut may hold its beginning alone.
_QUOTED = re.compile(
    r"([\"'])([\w.-]{1,80})\1(\s{0,4}:\s{0,4})(?:\"(?:[^\"\\]|\\.)+\"?|'(?:[^'\\]|\\.)+'?)"
)
_OF_QUERY = re.compile(r"((?<=[?&])|^)([\w.\[\]%-]{1,80})=[^&#\s\"'<>]+")


def is_secret(name: str) -> bool:
    """Whether what stands under the name is nobody's business."""
    return _SENSITIVE.search(name) is not None


def without_secrets(text: str) -> str:
    """The text without secrets of objects and queries in it: `"token": "x"`, `?token=x`."""
    if "=" in text:
        text = _OF_QUERY.sub(_bare_query, text)
    return _QUOTED.sub(_bare_pair, text) if ":" in text else text


def _bare_query(found: re.Match[str]) -> str:
    return f"{found[2]}={GONE}" if is_secret(found[2]) else found[0]


def _bare_pair(found: re.Match[str]) -> str:
    quote = found[1]
    if not is_secret(found[2]):
        return found[0]
    return f"{quote}{found[2]}{quote}{found[3]}{quote}{GONE}{quote}"
