"""How are the words of a paragraph written for reportlab? In its own small markup, escaped."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from tocsin.incident.afterwards.pdf_fonts import Fonts

if TYPE_CHECKING:
    from markdown_it.token import Token


_ENDLESS = re.compile(r"\S{90}(?=\S)")


class Words:
    """Writes with these fonts; `drawn` are the pictures that are shown beside the words."""

    def __init__(self, fonts: Fonts, drawn: Collection[str]) -> None:
        self._fonts = fonts
        self._drawn = drawn
        self._fixed = {
            "strong_open": f'<font face="{fonts.bold}">',
            "strong_close": "</font>",
            "em_open": '<font color="#5b6472">',
            "em_close": "</font>",
            "s_open": "<strike>",
            "s_close": "</strike>",
            "softbreak": " ",
            "hardbreak": "<br/>",
        }

    def marked(self, children: Sequence[Token]) -> str:
        """The markup of a paragraph's parts."""
        parts: list[str] = []
        ends: list[str] = []
        for child in children:
            if child.type == "link_open":
                begin, end = _link(str(child.attrs.get("href", "")))
                parts.append(begin)
                ends.append(end)
            elif child.type == "link_close":
                parts.append(ends.pop())
            else:
                parts.append(self._part(child))
        return "".join(parts)

    def _part(self, child: Token) -> str:
        match child.type:
            case "text":
                return self.shown(child.content)
            case "code_inline":
                words = self.shown(child.content)
                return f'<font face="{self._fonts.mono}" size="8">{words}</font>'
            case "image":
                is_drawn = str(child.attrs.get("src", "")) in self._drawn
                return "" if is_drawn else self.shown(f"[{child.content}]")
            case other:
                return self._fixed.get(other, "")

    def shown(self, text: str) -> str:
        """Words that mean themselves; what the font has no letter for is `?`."""
        kept = "".join(char if char.isprintable() else " " for char in text)
        if not self._fonts.is_wide:
            kept = kept.encode("cp1252", "replace").decode("cp1252")
        # reportlab takes the square of a word's length in time to break it.
        return escape(_ENDLESS.sub(r"\g<0> ", kept))


def _link(address: str) -> tuple[str, str]:
    """What begins and what ends it; one that leads nowhere from a file is only words."""
    if not address.startswith(("http://", "https://", "mailto:")):
        return "", ""
    return f'<a href={quoteattr(address)}><font color="#2a5bb8">', "</font></a>"
