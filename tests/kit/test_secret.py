from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.kit.fault import Rejected
from tocsin.kit.secret import Secret, read_secret


def test_a_secret_file_loses_its_last_newline_only(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(" pass\n\n")
    assert read_secret(None, "key", base=tmp_path) == " pass\n"


def test_a_secret_file_is_read_at_each_use(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old")
    assert read_secret(None, str(file)) == "old"
    file.write_text("new")
    assert read_secret(None, str(file)) == "new"


def test_what_is_given_in_place_wins() -> None:
    assert read_secret(Secret("a"), "nowhere") == "a"
    assert read_secret(None, None) is None


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"cannot read the secret in .*gone: No such file"):
        read_secret(None, "gone", base=tmp_path)


def test_secrets_compare_by_what_they_hide() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")
