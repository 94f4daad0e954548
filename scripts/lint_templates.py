"""Find what a template must not have: what the Content-Security-Policy would block, hosts of
others, fields without a name for those who cannot see, forms that post without a token."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tocsin.web.pages.render import TEMPLATES, environment

# A form that makes the session cannot carry its token; the address of a signed link is one; who
# subscribes to the status page has no session.
WITHOUT_TOKEN = {
    "pages/login.html",
    "pages/answer.html",
    "pages/page_answer.html",
    "status/index.html",
    "status/sheet.html",
}

RULES: tuple[tuple[str, str], ...] = (
    (
        r"<script(?![^>]*\bsrc=)(?![^>]*type=\"(?:importmap|application/json)\")",
        "inline script; make it a module",
    ),
    (r"<style\b", "inline style sheet; put it into static/css"),
    (r"<[^>{]*\sstyle=", "style attribute; give it a class"),
    (r"<[^>{]*\son[a-z]+=", "event attribute; listen in a module"),
    (r"(?:src|href)=\"https?://", "address of another host"),
    (r"\|\s*safe\b", "unescaped value"),
    (r"hx-on", "htmx would evaluate it; listen in a module"),
    (r"javascript:", "script in an address"),
)
_INPUT = re.compile(r"<(?:input|select|textarea)\b[^>]*>", re.DOTALL)
_FORM = re.compile(r"<form\b[^>]*method=\"post\".*?</form>", re.DOTALL)


def problems(name: str, text: str) -> list[str]:
    """What is wrong in one template, each with its line."""
    found = [
        f"{name}:{_line(text, match.start())}: {words}"
        for pattern, words in RULES
        for match in re.finditer(pattern, text)
    ]
    for match in _INPUT.finditer(text):
        field = match.group()
        named = re.search(r"type=\"hidden\"|aria-label|\shidden[\s>]", field)
        by_id = re.search(r"\bid=\"([^\"]+)\"", field)
        labelled = by_id is not None and f'for="{by_id.group(1)}"' in text
        inside = text.rfind("<label", 0, match.start()) > text.rfind("</label>", 0, match.start())
        if not (named or labelled or inside):
            line = _line(text, match.start())
            found.append(f"{name}:{line}: field without a label: {field[:60]}")
    if name not in WITHOUT_TOKEN:
        found += [
            f"{name}:{_line(text, match.start())}: form without its token"
            for match in _FORM.finditer(text)
            if "csrf" not in match.group()
        ]
    return found


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def check(folder: Path) -> list[str]:
    """The problems of all templates; each must compile."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        name = path.relative_to(folder).as_posix()
        environment().get_template(name)
        found += problems(name, path.read_text("utf-8"))
    return found


if __name__ == "__main__":
    wrong = check(TEMPLATES)
    print("\n".join(wrong) or "templates are fine")
    sys.exit(1 if wrong else 0)
