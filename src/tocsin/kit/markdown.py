"""How does text that somebody wrote in Markdown become HTML that can do no harm?

CommonMark with tables and struck-out words (markdown-it-py). HTML within it is shown, not used; a
picture becomes a link, so that no page asks another host for anything; links lead to web pages,
mail addresses and places of ours alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

LONGEST = 200_000
_LINK = re.compile(r"(?:https?://|mailto:|/(?!/)|#)", re.I)


def to_html(text: str) -> str:
    """Safe HTML; of a text beyond 200,000 characters the beginning, and a line that says so."""
    cut = len(text) - LONGEST
    if cut > 0:
        text = f"{text[:LONGEST]}\n\n… and {cut} more characters"
    return str(_parser().render(text))


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
    made.enable(["table", "strikethrough"])
    made.validateLink = _is_allowed  # type: ignore[method-assign]  # markdown-it's way to say so
    made.add_render_rule("image", _as_link)
    made.add_render_rule("link_open", _elsewhere)
    return made


def _is_allowed(url: str) -> bool:
    return bool(_LINK.match(url.strip()))


def _as_link(
    renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[place]
    words = escape(renderer.renderInlineAsText(token.children, options, env) or "picture")
    return f'<a href="{escape(str(token.attrGet("src") or ""))}" rel="noreferrer">{words}</a>'


def _elsewhere(
    renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[place].attrSet("rel", "noreferrer")
    return renderer.renderToken(tokens, place, options, env)
