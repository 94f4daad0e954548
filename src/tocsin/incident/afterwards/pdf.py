"""How does a document become a PDF? Its Markdown laid out by reportlab: letters are embedded, and
graphs are drawn, not photographed."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL.Image import DecompressionBombError
from PIL.Image import open as open_picture
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    Flowable,
    HRFlowable,
    Image,
    ListFlowable,
    ListItem,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
    XPreformatted,
)

from tocsin.incident.afterwards.markdown import tokens
from tocsin.incident.afterwards.pdf_fonts import Fonts, fonts_of
from tocsin.incident.afterwards.pdf_graph import drawing
from tocsin.incident.afterwards.pdf_words import Words
from tocsin.incident.afterwards.pictures import Picture

if TYPE_CHECKING:
    from markdown_it.token import Token

_MARGIN = 18 * mm
_PIECE = 4_000
_MOST_POINTS = 40_000_000
_WIDTH = A4[0] - 2 * _MARGIN
_QUIET = colors.HexColor("#5b6472")


def pdf(title: str, text: str, pictures: Mapping[str, Picture], font: str = "") -> bytes:
    """The file. Takes up to seconds: to be called in a thread. Raises Rejected for a font that
    cannot be used."""
    fonts = fonts_of(font)
    out = io.BytesIO()
    made = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=title[:200],
        author="Tocsin",
        invariant=1,
    )
    layout = _Layout(fonts, pictures)
    found = tokens(text, lambda address: address if address in pictures else None)
    made.build(list(layout.blocks(found)) or [Spacer(1, 1)])
    return out.getvalue()


class _Layout:
    """Blocks of Markdown as what reportlab lays out."""

    def __init__(self, fonts: Fonts, pictures: Mapping[str, Picture]) -> None:
        self._fonts = fonts
        self._pictures = pictures
        self._words = Words(fonts, pictures.keys())
        base = ParagraphStyle(
            "text", fontName=fonts.plain, fontSize=9.5, leading=13, spaceAfter=4, splitLongWords=1
        )
        self._text = base
        self._heads = [
            ParagraphStyle(
                f"h{level}",
                parent=base,
                fontName=fonts.bold,
                fontSize=size,
                leading=size * 1.25,
                spaceBefore=size * 0.8,
                spaceAfter=4,
                keepWithNext=1,
            )
            for level, size in enumerate((17, 13, 11, 10, 10, 10))
        ]
        self._quote = ParagraphStyle("quote", parent=base, leftIndent=12, textColor=_QUIET)
        self._code = ParagraphStyle(
            "code", parent=base, fontName=fonts.mono, fontSize=8, leading=10, leftIndent=6
        )

    def blocks(
        self, found: Sequence[Token], style: ParagraphStyle | None = None
    ) -> Iterator[Flowable]:
        """One after the other."""
        at = 0
        while at < len(found):
            token = found[at]
            end = _end(found, at)
            inner = found[at + 1 : end]
            match token.type:
                case "heading_open":
                    level = min(6, max(1, int(token.tag[1:])))
                    yield from self._inline(inner, self._heads[level - 1])
                case "paragraph_open":
                    yield from self._inline(inner, style or self._text)
                case "bullet_list_open" | "ordered_list_open":
                    yield self._list(inner, token, style)
                case "blockquote_open":
                    yield from self.blocks(inner, self._quote)
                case "fence" | "code_block":
                    yield from self._preformatted(token.content)
                case "table_open":
                    yield from self._table(inner)
                case "hr":
                    yield HRFlowable(width="100%", color=colors.lightgrey)
                case "inline":
                    yield from self._inline([token], style or self._text)
                case _:
                    pass
            at = end + 1

    def _inline(self, found: Sequence[Token], style: ParagraphStyle) -> Iterator[Flowable]:
        """A paragraph, its pictures after its words."""
        children = [child for one in found for child in (one.children or [])]
        if len(children) == 1 and children[0].type == "text":
            text = children[0].content
            # Of one that goes over pages, all that is left is laid out anew on each.
            pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
            yield from (Paragraph(self._words.shown(one), style) for one in pieces if one.strip())
            return
        words = self._words.marked(children)
        if words.strip():
            yield Paragraph(words, style)
        for child in children:
            shown = self._pictures.get(str(child.attrs.get("src", "")))
            if child.type == "image" and shown is not None:
                yield from self._picture(shown, child.content)

    def _list(self, inner: Sequence[Token], token: Token, style: ParagraphStyle | None) -> Flowable:
        items: list[Any] = []  # Any: the stubs do not know that ListItems are what it takes
        at = 0
        while at < len(inner):
            end = _end(inner, at)
            body = list(self.blocks(inner[at + 1 : end], style)) or [Spacer(1, 10)]
            items.append(ListItem(body, leftIndent=14))
            at = end + 1
        if token.type == "ordered_list_open":
            start = int(token.attrs.get("start", 1) or 1)
            return ListFlowable(
                items, bulletType="1", start=start, leftIndent=16, bulletFontName=self._fonts.plain
            )
        return ListFlowable(
            items, bulletType="bullet", start="circle", bulletFontSize=5, leftIndent=12
        )

    def _preformatted(self, text: str) -> Iterator[Flowable]:
        for line in text.rstrip("\n").split("\n"):
            for start in range(0, max(1, len(line)), 100):
                yield XPreformatted(self._words.shown(line[start : start + 100]) or " ", self._code)
        yield Spacer(1, 4)

    def _table(self, inner: Sequence[Token]) -> Iterator[Flowable]:
        rows: list[list[Flowable]] = []
        for token in inner:
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline" and rows:
                rows[-1].append(Paragraph(self._words.marked(token.children or []), self._text))
        rows = [row for row in rows if row]
        if not rows:
            return
        columns = max(map(len, rows))
        for row in rows:
            row += [Spacer(1, 1)] * (columns - len(row))
        table = Table(rows, colWidths=[_WIDTH / columns] * columns, splitInRow=1)
        lines = ("GRID", (0, 0), (-1, -1), 0.4, colors.lightgrey)
        table.setStyle(TableStyle([lines, ("VALIGN", (0, 0), (-1, -1), "TOP")]))
        yield table
        yield Spacer(1, 6)

    def _picture(self, shown: Picture, words: str) -> Iterator[Flowable]:
        if shown.graph is not None:
            yield drawing(shown.graph, shown.marks, _WIDTH, self._fonts.plain)
        else:
            made = _image(shown.content)
            if made is not None:
                yield made
        yield Paragraph(self._words.shown(words), self._quote)


def _end(found: Sequence[Token], at: int) -> int:
    """Where the block that begins there ends."""
    if found[at].nesting != 1:
        return at
    depth = 0
    for place in range(at, len(found)):
        depth += found[place].nesting
        if depth == 0:
            return place
    return len(found) - 1


def _image(content: bytes) -> Flowable | None:
    """A picture as wide as the page at most; None for what cannot be read, or has more than 40
    million points: a few bytes may claim to be billions."""
    try:
        with open_picture(io.BytesIO(content)) as found:
            width, height = found.size
            if not 0 < width * height <= _MOST_POINTS:
                return None
            found.load()
    except (OSError, ValueError, SyntaxError, struct.error, DecompressionBombError):
        return None  # whatever its decoder says of broken content
    share = min(1.0, _WIDTH / width, 220 * mm / height)
    return Image(io.BytesIO(content), width * share, height * share)
