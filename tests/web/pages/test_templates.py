"""What every page owes those who read it by ear or by keyboard, and the policy."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.web.pages.samples import STATUS, frame, target
from tocsin.kit.quantity import Size
from tocsin.store.config import RetentionConfig
from tocsin.store.retention import Dropped
from tocsin.store.series import Cardinality
from tocsin.store.sizes import TableSize
from tocsin.web.pages import browse, catalogue, connect, explore, overview, targets
from tocsin.web.pages.render import Viewer, html
from tocsin.web.pages.system import SystemView

COST = Cardinality(
    series=9, metrics=[("up", 3)], jobs=[("api", 3)], pairs=[('job="api"', 3)], labels=[("job", 2)]
)
METRIC = browse.MetricView(
    name="up",
    type="gauge",
    help="",
    unit="",
    series=3,
    looked_at=3,
    labels=[browse.LabelRow("job", 9, [("api", 3)])],
    examples=browse.examples("up", "gauge", ["job"]),
)
SYSTEM = SystemView(
    status=STATUS,
    tables=[TableSize("samples", 100, 1000, 3)],
    disk_problem="",
    slow=(),
    slow_count=0,
    warnings=["a word"],
    memory=STATUS.memory_bytes,
    retention=RetentionConfig(max_disk_bytes=Size(1 << 30)),
    let_go=[Dropped(1, "samples", dt.date(2026, 1, 1), dt.date(2026, 1, 2), 9, 900)],
)
SETTINGS = {"said": "", "problem": "", "secret": None, "section": "/settings"}


def pages() -> dict[str, str]:
    """Every page by its name."""
    shown = frame("/browse", q="x")
    rows = [target(), target("pay", error="refused")]
    home = overview.values(rows, COST, senders=[], status=STATUS, notices=())
    listed = browse.BrowseView("x", [browse.MetricRow("up", "gauge", 3)], 1, 9, METRIC)
    snippets = connect.sending("http://tocsin.test", "KEY")
    asked = explore.values({"a": "up", "b": 'rate(x{y="<b>"}[5m])'})
    return {
        "overview": html(
            "pages/overview.html",
            frame(),
            view=home,
            sending=connect.sending("http://tocsin.test", "KEY"),
        ),
        "targets": html("pages/targets.html", frame("/targets"), view=targets.values(rows, ())),
        "explore": html("pages/explore.html", frame("/explore"), view=asked),
        "browse": html("pages/browse.html", shown, view=listed),
        "system": html("pages/system.html", frame("/system"), view=SYSTEM),
        "catalogue": html(
            "pages/catalogue.html",
            frame("/ui"),
            states=catalogue.STATES,
            rows=catalogue.SAMPLE_ROWS,
            snippets=snippets,
        ),
        "keys": html("pages/settings_keys.html", frame("/settings"), keys=[], **SETTINGS),
        "login": html("pages/login.html", frame("/login"), next="/", name="", problem="Wrong."),
        "error": html("pages/error.html", frame("/x"), title="Nothing", words="is here", code=404),
    }


PAGES = pages()
_VOID = {"meta", "link", "input", "br", "hr", "img", "path", "circle", "rect", "use"}


class Reader(HTMLParser):
    """Collects what the tests ask for, and fails on tags that do not fit together."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.headings: list[str] = []
        self.labelled: set[str] = set()
        self.unnamed: list[str] = []
        self.fields: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"] or "")
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        if tag == "label":
            self.labelled.add(given.get("for") or "")
        if tag in ("input", "select", "textarea"):
            self._field(tag, given)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a beginning"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}> at {self.getpos()}"
        self.open.pop()

    def _field(self, tag: str, given: dict[str, str | None]) -> None:
        hidden = given.get("type") == "hidden" or "hidden" in given
        if hidden or "aria-label" in given or "label" in self.open:
            return
        self.fields[given.get("id") or f"a {tag} without id"] = tag


@pytest.mark.parametrize("name", PAGES)
def test_tags_fit_together_and_ids_are_unique(name: str) -> None:
    read = Reader(PAGES[name])
    assert read.open == []
    assert sorted(read.ids) == sorted(set(read.ids))


@pytest.mark.parametrize("name", PAGES)
def test_every_field_has_a_label_and_every_page_one_title(name: str) -> None:
    read = Reader(PAGES[name])
    assert set(read.fields) <= read.labelled
    assert read.headings.count("h1") == 1
    assert read.headings[0] == "h1"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_names_another_host_or_has_anything_inline(name: str) -> None:
    text = PAGES[name]
    for word in (" style=", "<style", " onclick=", 'src="http', 'href="http'):
        assert word not in text
    assert text.count("<script") == text.count("<script src=") + text.count("<script type=") + (
        text.count("<script defer src=")
    )


def test_every_page_says_that_login_is_off() -> None:
    text = html(
        "pages/explore.html", replace(frame("/explore"), auth_off=True), view=explore.values({})
    )
    assert "Login is off." in text


def test_the_rail_marks_where_one_is_and_carries_the_time() -> None:
    text = html(
        "pages/targets.html",
        frame("/targets", **{"from": "now-6h"}),
        view=targets.values((), ()),
    )
    assert 'href="/targets?from=now-6h" aria-current="page"' in text
    assert 'href="/system?from=now-6h"' in text


def test_an_administrators_settings_are_not_offered_to_others() -> None:
    guest = replace(frame("/explore"), viewer=Viewer("bo", signed_in=True))
    text = html("pages/explore.html", guest, view=explore.values({}))
    assert 'href="/settings"' not in text
    assert 'href="/settings/me"' in text
