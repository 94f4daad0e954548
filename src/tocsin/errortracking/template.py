"""What of a message stays the same when its numbers, names and ids change?"""

from __future__ import annotations

import re

_LONGEST = 1_000
_PARTS = (
    ("url", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>)\]]+"),
    ("email", r"\b[\w.+-]{1,64}@[\w-]{1,100}(?:\.[\w-]{1,60})+"),
    (
        "uuid",
        r"\b[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\b",
    ),
    ("time", r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"),
    ("time", r"\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?\b"),
    ("ip", r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"),
    ("ip", r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\b"),
    ("str", r"\"[^\"\n]{1,300}\"|(?<!\w)'[^'\n]{1,300}'(?!\w)|`[^`\n]{1,300}`"),
    (
        "hex",
        r"\b0x[0-9a-fA-F]+\b|\b(?=[a-f]{0,63}\d)[0-9a-f]{7,64}\b"
        r"|\b(?=[A-F]{0,63}\d)[0-9A-F]{7,64}\b",
    ),
    ("num", r"(?<![A-Za-z_0-9])[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?%?"),
    ("id", r"\b(?=[A-Za-z_-]{0,60}\d)(?=[\d_-]{0,60}[A-Za-z])[A-Za-z0-9_-]{16,}\b"),
)
_ANY = re.compile("|".join(f"(?P<p{place}>{each})" for place, (_, each) in enumerate(_PARTS)))
_NAMES = {f"p{place}": f"<{name}>" for place, (name, _) in enumerate(_PARTS)}
_SPACE = re.compile(r"\s+")


def template(message: str) -> str:
    """The message with `<num>`, `<str>`, `<uuid>` and the like in the places of what changes."""
    cut = message[:_LONGEST]
    return _SPACE.sub(" ", _ANY.sub(_name, cut)).strip()


def _name(found: re.Match[str]) -> str:
    return _NAMES[found.lastgroup or "p0"]
