"""How does a document leave Tocsin? As Markdown, as one page of HTML, as PDF."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from tocsin.incident.afterwards.action_items import ActionItem, due_day
from tocsin.incident.afterwards.documents import Document
from tocsin.incident.afterwards.draft import inline
from tocsin.incident.afterwards.markdown import html
from tocsin.incident.afterwards.pictures import Picture

_OWN_LINK = re.compile(r"(\]\()(/(?!/))")
_CSS = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:820px;margin:2em auto;padding:0 1em;"
    "color:#1c222b;background:#fff}h1{font-size:1.6em}h2{font-size:1.25em;margin-top:1.8em;"
    "border-bottom:1px solid #d7dce3}table{border-collapse:collapse}td,th{border:1px solid #d7dce3;"
    "padding:4px 10px;text-align:left}code,pre{font:13px ui-monospace,monospace;background:#f6f8fa}"
    "pre{padding:8px;white-space:pre-wrap}blockquote{border-left:3px solid #d7dce3;margin-left:0;"
    "padding-left:1em}img{max-width:100%}.quiet{color:#5b6472}"
    "@media print{body{margin:0}h2,h3{break-after:avoid}img,tr{break-inside:avoid}}"
)


def with_items(document: Document, items: Sequence[ActionItem]) -> str:
    """The text, and below it the action items as they are now."""
    if not items:
        return document.text
    rows = [
        f"| {inline(one.title)} | {inline(one.owner) or 'nobody yet'} | {due_day(one) or '–'} "
        f"| {one.state.value}{' (came again)' if one.recurred else ''} |"
        for one in items
    ]
    table = "\n".join(("| What | Owner | Due | State |", "|---|---|---|---|", *rows))
    return f"{document.text.rstrip()}\n\n## Action items, as they are now\n\n{table}\n"


def markdown(document: Document, items: Sequence[ActionItem], external_url: str) -> str:
    """With Tocsin's own addresses whole, so that they lead there from anywhere."""
    base = external_url.rstrip("/")
    return _OWN_LINK.sub(rf"\g<1>{base}\g<2>", with_items(document, items))


def page(
    document: Document,
    items: Sequence[ActionItem],
    pictures: Mapping[str, Picture],
    external_url: str,
) -> str:
    """One page of HTML with its pictures in it, that asks nobody for anything and runs nothing."""
    shown = {address: one.data_url for address, one in pictures.items()}
    body = str(html(with_items(document, items), shown.get))
    base = escape(external_url.rstrip("/"))
    body = body.replace('<a href="/', f'<a href="{base}/')
    title = escape(f"{document.incident.number}: {document.incident.title}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src data:\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_CSS}</style></head>\n<body>\n{body}"
        f'<p class="quiet">Post-mortem, {escape(document.state.value)}, version '
        f"{document.version}.</p>\n</body></html>\n"
    )
