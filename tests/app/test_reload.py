"""A configuration that changes while it is being read is read again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tocsin.app.config import Loaded, load_config
from tocsin.app.product import Tocsin
from tocsin.app.reload import Reloader
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Fault, Rejected, Temporary


class _Applying:
    """What a reload does to the product: each application may be met by another change."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.loaded = load_config(file, {})
        self.titles: list[str] = []
        self.meanwhile: list[str] = []
        self.faults: list[Fault] = []
        self.parts = SimpleNamespace(
            people=SimpleNamespace(audit=SimpleNamespace(record=self._recorded))
        )

    @property
    def sources(self) -> Sequence[Path]:
        return [self.file]

    def reload_with(self, reload: object) -> None:
        """Nobody asks."""

    def note_reload(self, note: str, *, applied: bool) -> None:
        assert applied or note == "not now"

    async def apply(self, loaded: Loaded) -> None:
        if self.faults:
            raise self.faults.pop()
        self.loaded = loaded
        self.titles.append(str(loaded.config.listen.external_url))
        if self.meanwhile:
            self.file.write_text(_config(self.meanwhile.pop()))

    async def _recorded(self, *_: Any) -> None:
        await asyncio.sleep(0)


def _config(name: str) -> str:
    return f"listen: {{external_url: https://{name}.example.com}}\n"


async def test_what_is_written_while_another_is_applied_is_applied_next(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(_config("first"))
    product, clock = _Applying(file), FakeClock(1_700_000_000)
    reloader = Reloader(cast("Tocsin", product), file, {}, clock)
    product.meanwhile = ["the-third-of-them"]
    file.write_text(_config("second"))
    await reloader.reload()
    assert product.titles == ["https://second.example.com"]
    assert reloader.is_behind()
    await reloader.reload()
    assert product.titles[1:] == ["https://the-third-of-them.example.com"]
    assert not reloader.is_behind()


@pytest.mark.parametrize(
    ("fault", "is_tried_again"),
    [
        pytest.param(Temporary("not now"), True, id="a database that is away for a moment"),
        pytest.param(Rejected("not now"), False, id="a mistake, which stays one"),
    ],
)
async def test_what_could_not_be_applied_now_is_tried_again(
    tmp_path: Path, fault: Fault, is_tried_again: bool
) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(_config("first"))
    product, clock = _Applying(file), FakeClock(1_700_000_000)
    reloader = Reloader(cast("Tocsin", product), file, {}, clock)
    product.faults = [fault]
    file.write_text(_config("second"))
    assert (await reloader.reload()).error == "not now"
    assert reloader.is_behind() is is_tried_again
    await reloader.reload()
    assert product.titles == ["https://second.example.com"]
    assert not reloader.is_behind()
