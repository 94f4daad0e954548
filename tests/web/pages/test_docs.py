from __future__ import annotations

import pytest

from tests.web.pages.samples import frame
from tocsin.web.api import openapi
from tocsin.web.api.described import DESCRIBED, FOR_PROGRAMS
from tocsin.web.pages import docs
from tocsin.web.pages.render import html
from tocsin.web.routing import Access
from tocsin.web.server import ADDRESSES

GROUPS = docs.groups(ADDRESSES, "http://tocsin.test")
ENTRIES = {(one.path, one.methods): one for group in GROUPS for one in group.entries}


def test_every_address_for_programs_is_listed_and_says_what_it_is() -> None:
    wanted = [one for one in ADDRESSES if one.path.startswith(FOR_PROGRAMS)]
    assert len(ENTRIES) == len(wanted)
    assert [one.path for one in ENTRIES.values() if not one.summary] == []


def test_what_is_described_exists() -> None:
    assert set(DESCRIBED) <= {openapi.path_of(one) for one in ADDRESSES}


@pytest.mark.parametrize(
    ("path", "method", "words"),
    [
        ("/api/v1/query_range", "GET", "query=up&start=2026-05-04T13%3A00%3A00Z"),
        ("/api/tokens/{id}", "DELETE", "-X DELETE"),
        ("/api/metrics", "POST", '--data-binary \'{"name"'),
        ("/-/reload", "POST", "-X POST"),
        ("/federate", "GET", "-g"),
    ],
)
def test_the_command_can_be_copied(path: str, method: str, words: str) -> None:
    (entry,) = (one for (at, methods), one in ENTRIES.items() if at == path and method in methods)
    assert words in entry.curl
    assert f"http://tocsin.test{path}" in entry.curl


def test_what_needs_nothing_names_no_key() -> None:
    open_ones = {one.path for one in ADDRESSES if one.access is Access.PUBLIC}
    for (path, _), entry in ENTRIES.items():
        assert ("Authorization" in entry.curl) is (path not in open_ones)


def test_the_fields_of_a_body_are_named() -> None:
    made = next(e for (p, m), e in ENTRIES.items() if p == "/api/tokens" and m == ("POST",))
    assert "name" in dict(made.body)
    many = next(e for (p, m), e in ENTRIES.items() if p == "/api/tokens" and m == ("GET",))
    assert many.answer


def test_the_page_shows_it_all() -> None:
    text = html("pages/docs.html", frame("/docs"), groups=GROUPS, key="KEY")
    assert text.count('<details class="address">') == len(ENTRIES)
