from __future__ import annotations

from pathlib import Path

import msgspec

from tocsin.app.config_docs import main, reference
from tocsin.app.settings_tree import Config

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_reference_is_current() -> None:
    assert PAGE.read_text() == reference(), "run: make docs"


def test_every_key_is_explained() -> None:
    page = reference()
    for section in msgspec.structs.fields(Config):
        kind = section.type
        assert f"| `{section.encode_name}` |" in page
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            for field in msgspec.structs.fields(kind):
                assert f"| `{section.encode_name}.{field.encode_name}` |" in page


def test_the_page_is_written_to_the_named_file(tmp_path: Path) -> None:
    assert main([str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text() == reference()
    assert main([]) == 2
