"""A draft says what is known, and what people write in it can do no harm in any export."""

from __future__ import annotations

import re
import struct
import zlib
from html import unescape
from pathlib import Path

import msgspec
import pytest

from tests.incident.evidence_world import HOSTILE, bundle, incident_at
from tocsin.incident.afterwards import export
from tocsin.incident.afterwards.action_items import ActionItem, ItemState
from tocsin.incident.afterwards.config import PostMortemConfig, read_config
from tocsin.incident.afterwards.documents import Document, State, difference
from tocsin.incident.afterwards.draft import FIELDS, Found, draft, inline, values
from tocsin.incident.afterwards.markdown import html
from tocsin.incident.afterwards.pdf import pdf
from tocsin.incident.afterwards.pictures import Picture, graph_picture
from tocsin.incident.afterwards.response_times import times_of
from tocsin.incident.words.fields import Occasion
from tocsin.kit.document import ConfigError
from tocsin.kit.document import Document as YamlDocument
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import load
from tocsin.model.incidents import Entry


def _chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    check = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + check


def _png(side: int) -> bytes:
    """What a PNG file of that size begins with."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head)


NOW = 1_700_000_000_000
INCIDENT = incident_at(NOW)
TIMELINE = (
    Entry(
        id=1,
        at_ms=NOW - 29 * 60_000,
        kind="opened",
        author="tocsin",
        source="alerts",
        text="Opened",
    ),
    Entry(
        id=2,
        at_ms=NOW - 20 * 60_000,
        kind="note",
        author="ana",
        source="page",
        text="failing over\nto *b*",
    ),
    Entry(
        id=3,
        at_ms=NOW - 19 * 60_000,
        kind="pinned",
        author="ana",
        source="page",
        text="Pinned",
        data={"entry": "2"},
    ),
)
FOUND = Found(timeline=TIMELINE, evidence=((7, "end.html"),), bundle_id=7, bundle=bundle())


def _draft(template: str = "") -> str:
    config = PostMortemConfig(template=template) if template else PostMortemConfig()
    return draft(config.filling(), INCIDENT, FOUND, Occasion(at_ms=NOW))


def test_a_draft_has_the_sections_people_use() -> None:
    heads = [line for line in _draft().splitlines() if line.startswith("## ")]
    assert heads == [
        "## Summary",
        "## Impact",
        "## Timeline",
        "## Root cause",
        "## What went well",
        "## What went badly",
        "## Action items",
        "## Lessons",
        "## Evidence",
    ]


def test_a_draft_tells_what_is_known() -> None:
    text = _draft()
    assert "| detect | 1 min |" in text
    assert "| acknowledge | 2 min |" in text
    assert "| mitigate | 25 min |" in text
    assert "| resolve | 29 min |" in text
    assert "- **21:53:20** ana: failing over to \\*b\\*" in text
    assert "> **ana**: failing over to \\*b\\*" in text
    assert "- **DatabaseDown** from 21:43:20 (service=db, severity=critical)" in text
    assert "(/incidents/INC-2026-0042/evidence/7/g0.svg)" in text
    assert "- [end.html](/incidents/INC-2026-0042/evidence/7)" in text


def test_every_field_that_a_template_may_name_has_a_value() -> None:
    assert set(values(INCIDENT, FOUND, Occasion(at_ms=NOW))) == set(FIELDS)


def test_a_template_of_ones_own() -> None:
    assert _draft("{{ incident_id }} {{ time_to_resolve }}") == "INC-2026-0042 29 min\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("template: '{{ rootcause }}'", "rootcause", id="an unknown field"),
        pytest.param("template: '{{ title.__class__ }}'", "no parts", id="a way out"),
        pytest.param("severities: [P9]", "unknown severity 'P9'", id="an unknown severity"),
        pytest.param("after: soon", "a duration such as", id="no duration"),
        pytest.param("remind: 5m", "remind is at least 1h", id="reminders that would be a plague"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_with_its_place(
    tmp_path: Path, body: str, words: str
) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(f"incidents:\n  post_mortem:\n    {body}\n")
    found = load(file, environment={}).get("incidents", "post_mortem")
    assert isinstance(found, YamlDocument)
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        read_config(found, ("P0", "P1"))
    assert "tocsin.yaml:3" in str(caught.value) or "tocsin.yaml:2" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "forbidden"),
    [
        pytest.param("<script>alert(1)</script>", "<script", id="HTML"),
        pytest.param("[x](javascript:alert(1))", 'href="javascript', id="a script's address"),
        pytest.param("[x](  JaVaScRiPt:alert(1))", 'href="j', id="in other letters"),
        pytest.param("[x](data:text/html,hi)", 'href="data', id="a page within an address"),
        pytest.param("[x](//evil.example)", 'href="//', id="another host without a scheme"),
        pytest.param("![x](https://evil.example/x.png)", "<img", id="another host's picture"),
        pytest.param("![x](/logout)", "<img", id="an address that is no picture"),
        pytest.param("[a]: javascript:alert(1)\n\n[a]", 'href="javascript', id="by reference"),
        pytest.param("<javascript:alert(1)>", 'href="javascript', id="an automatic link"),
        pytest.param("|a|\n|:-:|\n|b|", "style=", id="a style"),
        pytest.param('```"onx=1\nx\n```', 'class="language-"onx', id="a language"),
    ],
)
def test_what_people_write_is_harmless(written: str, forbidden: str) -> None:
    assert forbidden not in str(html(written)).lower()


def test_own_pictures_are_shown() -> None:
    address = "/incidents/INC-2026-0042/evidence/7/g0.svg"
    assert f'<img src="{address}"' in html(f"![a graph]({address})")


@pytest.mark.parametrize(
    "text", [HOSTILE, "a*b_c`d`[e](f)|g\nh", "# no head", "1\\. no list", "1. no list", "- no list"]
)
def test_what_machines_say_means_nothing_but_itself(text: str) -> None:
    shown = re.sub(r"<[^>]+>", "", str(html(f"- {inline(text)}")))
    assert " ".join(unescape(shown).split()) == " ".join(text.split())


def _document(text: str) -> Document:
    return Document(
        incident=INCIDENT,
        version=4,
        state=State.PUBLISHED,
        text=text,
        created_ms=NOW,
        updated_ms=NOW,
        updated_by="ana",
    )


ITEMS = (
    ActionItem(
        id=1,
        number="INC-2026-0042",
        version=2,
        title=f"Alert on replication lag {HOSTILE}",
        owner="ana",
        state=ItemState.PROGRESS,
        due_ms=NOW // 86_400_000 * 86_400_000,
    ),
)
PICTURES = {"/incidents/INC-2026-0042/evidence/7/g0.svg": graph_picture(bundle(), "g0")}


def test_markdown_leaves_with_whole_addresses() -> None:
    text = export.markdown(_document(_draft()), ITEMS, "https://tocsin.example/")
    assert "(https://tocsin.example/incidents/INC-2026-0042/evidence/7)" in text
    assert "| ana | 2023-11-14 | in progress |" in text


def test_the_page_asks_nobody_for_anything() -> None:
    text = export.page(_document(_draft()), ITEMS, PICTURES, "https://tocsin.example")
    assert text.count('<img src="data:image/svg+xml;base64,') == 1
    assert not re.findall(r'(?:src|action)="(?!data:)', text)
    assert "<script" not in text
    assert 'href="https://tocsin.example/incidents/INC-2026-0042"' in text


def test_the_pdf_has_the_words_and_the_graph() -> None:
    text = export.with_items(_document(_draft()), ITEMS)
    text += "\n1. one\n2. two\n   - deep **bold _both_** `code` ~~gone~~ [x](javascript:a)\n\n"
    text += "> quoted 🙂 żółć 数据\n\n```\nplain <b> " + "x" * 300 + "\n```\n\n***\n\n|a|\n|-|\n"
    made = pdf("INC-2026-0042", text, PICTURES)
    assert made.startswith(b"%PDF-")
    assert made == pdf("INC-2026-0042", text, PICTURES)
    assert len(made) > 10_000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("x" * 200_000, id="one endless word"),
        pytest.param("- " * 30 + "deep", id="lists in lists"),
        pytest.param("|" + "a|" * 40 + "\n|" + "-|" * 40 + "\n|" + "b|" * 40, id="a wide table"),
        pytest.param("|a|\n|-|\n|" + "word " * 5000 + "|", id="a cell longer than a page"),
        pytest.param("> " * 25 + "quoted", id="quotes in quotes"),
        pytest.param("\x0b\x00\ud800 odd letters", id="what is no letter"),
        pytest.param("<b><font color=red>&amp;</para>", id="reportlab's own markup"),
    ],
)
def test_no_document_is_too_odd_for_a_pdf(text: str) -> None:
    assert pdf("x", text.encode("utf-8", "replace").decode(), {}).startswith(b"%PDF-")


def test_a_font_that_is_none_is_told() -> None:
    with pytest.raises(Rejected, match="pdf_font"):
        pdf("x", "y", {}, "/nowhere/font.ttf")


def test_a_picture_that_is_none_is_left_out() -> None:
    shown = {"/incidents/INC-2026-0042/images/3": Picture("image/png", b"no picture")}
    assert pdf("x", "![p](/incidents/INC-2026-0042/images/3)", shown).startswith(b"%PDF-")


def test_differences_are_lines_with_signs() -> None:
    assert difference("a\nb\n", "a\nc\n")[1:] == [" a", "-b", "+c"]


def test_times_of_an_incident_without_a_known_beginning() -> None:
    times = times_of(msgspec.structs.replace(INCIDENT, started_ms=0, mitigated_ms=0))
    assert times.detect_ms is None
    assert times.mitigate_ms is None
    assert times.resolve_ms == 28 * 60_000


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\nnothing of a picture",
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)),
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", 9_000, 9_000, 8, 2, 0, 0, 0)),
        _png(30) + _chunk(b"IDAT", b"broken"),
        b"GIF89a\xff",
    ],
    ids=["junk", "claims billions of points", "claims 81 million", "breaks off", "a short one"],
)
def test_a_picture_that_is_none_or_too_large_is_left_out_of_the_pdf(content: bytes) -> None:
    address = "/api/incidents/INC-2026-0001/images/1"
    made = pdf("t", f"words\n\n![a]({address})\n", {address: Picture("image/png", content)})
    assert made.startswith(b"%PDF")
