from __future__ import annotations

from pathlib import Path

import msgspec

from tocsin.app.config_docs import main, reference
from tocsin.app.settings_tree import Config

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_reference_is_current() -> None:
    assert PAGE.read_text() == reference(), "run: make docs"


def test_every_key_has_its_row_and_its_words() -> None:
    rows = [line.split(" | ") for line in reference().splitlines() if line.startswith("| `")]
    said = {row[0].strip("| `"): row[3].removesuffix(" |").strip() for row in rows}
    assert {field.encode_name for field in msgspec.structs.fields(Config)} <= set(said)
    assert "ingest.body.max_size" in said
    unsaid = [key for key, words in said.items() if not words.replace("*(restart)*", "").strip()]
    assert unsaid == []


def test_the_page_is_written_to_the_named_file(tmp_path: Path) -> None:
    assert main([str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text() == reference()
    assert main([]) == 2
