"""Dashboards in files: written, read, and mistakes named with their places."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.dashboard.grafana_files import HOST
from tocsin.dashboard.folder import read_folder, uid_of
from tocsin.dashboard.reading import Form, read, written
from tocsin.dashboard.shipped import shipped
from tocsin.kit.fault import Rejected


@pytest.mark.parametrize("form", ["yaml", "json"])
@pytest.mark.parametrize("uid", sorted(shipped()))
def test_what_is_written_is_read_again(uid: str, form: Form) -> None:
    board = shipped()[uid].dashboard
    found = read(written(uid, board, form))
    assert (found.uid, found.dashboard, found.left_out) == (uid, board, ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("title: x\npanles: []", r"2:1.*panles", id="an unknown key"),
        pytest.param("title: x\npanels: [{id: 1, kind: grahp}]", "graph", id="an unknown kind"),
        pytest.param("title: ''", "title of 1 to 200", id="no title"),
        pytest.param(
            "title: x\npanels: [{id: 1, kind: text, x: 20, w: 6}]", "24", id="beyond the grid"
        ),
        pytest.param(
            '{"title": "x", "panels": [{"id": 1, "kind": "text"}, {"id": 1, "kind": "text"}]}',
            "two panels '1'",
            id="two of one number",
        ),
        pytest.param(
            '{"title": "x", "links": [{"title": "y", "url": "javascript:alert(1)"}]}',
            "leads to https",
            id="a link that runs script",
        ),
        *(
            pytest.param(
                msgspec.json.encode({"title": "x", "links": [{"title": "y", "url": url}]}).decode(),
                "leads to https",
                id=f"a link to another host: {url!r}",
            )
            for url in ("//e.example", "/\\e.example", "/\t/e.example")
        ),
        pytest.param('{"title": "x", "uid": "a b"}', "a uid has", id="a uid with a space"),
    ],
)
def test_a_mistake_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        read(text, "board.yaml")


def test_a_folder_shows_what_can_be_read_and_names_the_rest(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "a board.yaml").write_text("title: A")
    (tmp_path / "team" / "b.json").write_text('{"title": "B", "uid": "bee"}')
    (tmp_path / "again.yml").write_text("title: B2\nuid: bee")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "readme.md").write_text("# no dashboard")
    found = read_folder(tmp_path)
    assert {uid: one.dashboard.title for uid, (_, one) in found.dashboards.items()} == {
        "a-board": "A",
        "bee": "B2",
    }
    assert len(found.problems) == 2
    assert any("broken.json is not JSON" in one for one in found.problems)
    assert any("are both bee" in one for one in found.problems)
    assert tmp_path / "team" in found.sources


def test_a_folder_that_is_not_there_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    assert "is not a folder" in read_folder(tmp_path / "none").problems[0]


def test_a_file_of_grafana_may_lie_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "g.json").write_bytes(msgspec.json.encode(HOST))
    assert read_folder(tmp_path).dashboards["host-today"][1].is_grafana


def test_json_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(Rejected, match="deeply"):
        read('{"a":' + "[" * 200_000)


def test_a_uid_is_made_of_any_words() -> None:
    assert uid_of("The Größe of  it!") == "the-gr-e-of-it"
    assert uid_of("!!!") == "dashboard"
