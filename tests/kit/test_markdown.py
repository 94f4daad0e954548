"""What people write in Markdown becomes HTML that can do no harm."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.markdown import LONGEST, to_html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "**bold** and `x < y`", "<p><strong>bold</strong> and <code>x &lt; y</code></p>\n"
        ),
        pytest.param("one\ntwo", "<p>one<br />\ntwo</p>\n"),
        pytest.param("~~no~~", "<p><s>no</s></p>\n"),
        pytest.param(
            "[runbook](https://wiki.example.com/x)",
            '<p><a href="https://wiki.example.com/x" rel="noreferrer">runbook</a></p>\n',
        ),
        pytest.param("[logs](/logs?q=a)", '<p><a href="/logs?q=a" rel="noreferrer">logs</a></p>\n'),
        pytest.param(
            '![a "graph"](https://example.com/g.png)',
            '<p><a href="https://example.com/g.png" rel="noreferrer">a &quot;graph&quot;</a></p>\n',
        ),
        pytest.param(
            "![<img src=x>](https://example.com/g.png)",
            '<p><a href="https://example.com/g.png" rel="noreferrer">&lt;img src=x&gt;</a></p>\n',
        ),
        pytest.param("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        pytest.param("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        pytest.param("[x](//evil.example.com)", "<p>[x](//evil.example.com)</p>\n"),
        pytest.param("[x](data:text/html,hi)", "<p>[x](data:text/html,hi)</p>\n"),
    ],
    ids=lambda text: text[:24] if isinstance(text, str) else None,
)
def test_markdown_as_html(text: str, expected: str) -> None:
    assert to_html(text) == expected


def test_a_table_is_one() -> None:
    assert "<th>Name</th>" in to_html("| Name | Value |\n|---|---|\n| a | 1 |")


def test_what_is_too_long_is_cut_and_says_so() -> None:
    html = to_html("x" * (LONGEST + 7))
    assert html.endswith("<p>… and 7 more characters</p>\n")


_BITS = st.sampled_from(
    (
        *("<script>", "</p>", "<img src=x onerror=a>", " onclick=", "<!--", "-->", "&lt;", "a"),
        *("![", "](", ")", "[", "]", "javascript:", "https://e.com", '"', "'", "`", "\n", "|"),
        *("---", "> ", "- "),
    )
)


@given(st.lists(_BITS, max_size=30).map("".join))
def test_no_tag_attribute_or_address_comes_through_that_could_run(text: str) -> None:
    html = to_html(text)
    tags = re.findall(r"<\s*/?\s*([a-zA-Z!][a-zA-Z0-9]*)([^>]*)>", html)
    allowed = {"p", "a", "code", "pre", "em", "strong", "s", "ul", "ol", "li", "blockquote", "hr"}
    allowed |= {"br", "h1", "h2", "h3", "table", "thead", "tbody", "tr", "th", "td"}
    assert {name for name, _ in tags} <= allowed
    for name, rest in tags:
        names = set(re.findall(r'([a-zA-Z-]+)="', rest))
        assert names <= {"href", "rel", "title", "class", "start", "style"}, (name, rest)
    assert not re.search(r'href="\s*(?:javascript|data):', html, re.I)
