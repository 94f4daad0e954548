"""A page is there although something beside its matter cannot be read."""

from __future__ import annotations

from tocsin.kit.fault import Temporary
from tocsin.web.pages.beside import read


async def test_what_cannot_be_read_is_none_and_told() -> None:
    async def fails() -> int:
        raise Temporary("the store does not answer")

    async def answers() -> int:
        return 7

    problems: list[str] = []
    assert await read(answers(), problems, "The tags") == 7
    assert await read(fails(), problems, "The people") is None
    assert problems == ["The people cannot be read: the store does not answer."]
