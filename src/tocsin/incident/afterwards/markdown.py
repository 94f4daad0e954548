"""How is what people write in Markdown shown? As HTML in which nothing of theirs can run or fetch.

As `kit.markdown`, but for one thing: pictures of Tocsin's own, graphs of kept evidence and images
of timelines, are shown. Raw HTML is text; what the parser makes is held to a list of addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 200_000
_SAFE_LINK = re.compile(r"(?:https?://|mailto:|/(?!/)|#)[^\s\x00-\x1f]*", re.I)
_OWN_PICTURE = re.compile(
    r"(?:/api)?/incidents/(?P<number>INC-\d{4}-\d{1,9})/"
    r"(?:evidence/(?P<evidence>\d{1,9})/(?P<graph>g\d{1,4})\.svg|images/(?P<image>\d{1,9}))"
)

Picture = Callable[[str], str | None]
"""What stands for a picture's address; None when it may not be shown."""


def own_picture(address: str) -> re.Match[str] | None:
    """What an address within Tocsin names: a graph of evidence, or an image of a timeline."""
    return _OWN_PICTURE.fullmatch(address)


def tokens(text: str, picture: Picture | None = None) -> list[Token]:
    """As the parser reads it, what is too long cut off; safe links and pictures alone."""
    found = _parser().parse(text[:LONGEST])
    _hold(found, picture or _own_alone)
    return found


def html(text: str, picture: Picture | None = None) -> Markup:
    """The text as HTML. Pictures are Tocsin's own alone; others become their words."""
    parser = _parser()
    found = parser.parse(text[:LONGEST])
    _hold(found, picture or _own_alone)
    # What is left was made by the parser of escaped text: nothing of the author's is markup.
    return Markup(parser.renderer.render(found, parser.options, {}))


def _own_alone(address: str) -> str | None:
    return address if own_picture(address) else None


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    # Imported here: only those who look at documents need it.
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20})
    return made.enable(["table", "strikethrough"])


def _hold(found: Sequence[Token], picture: Picture) -> None:
    """Take away what may not be there, in place."""
    for token in found:
        for name in [name for name in token.attrs if name not in _ATTRIBUTES]:
            del token.attrs[name]
        if token.type == "link_open":
            address = str(token.attrs.get("href", ""))
            token.attrs["href"] = address if _SAFE_LINK.fullmatch(address) else "#"
            token.attrs["rel"] = "noopener noreferrer nofollow"
        if token.type == "image":
            _hold_picture(token, picture)
        if token.children:
            _hold(token.children, picture)


def _hold_picture(token: Token, picture: Picture) -> None:
    shown = picture(str(token.attrs.get("src", "")))
    if shown is None:
        token.type, token.tag, token.attrs = "text", "", {}
        token.content = f"[{token.content}]" if token.content else ""
        token.children = None
        return
    token.attrs["src"] = shown


_ATTRIBUTES = frozenset(("href", "src", "alt", "title", "start", "class", "rel"))
"""Also a table's alignment goes: it would be a style."""
