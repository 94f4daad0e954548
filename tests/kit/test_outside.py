"""Only addresses of the outside are asked where strangers name them."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tocsin.kit.fault import Rejected
from tocsin.kit.outside import Inside, OutsideResolver, is_outside, refuse_inside


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::7f00:1", False),
        ("::127.0.0.1", False),
    ],
)
def test_what_is_outside(address: str, public: bool) -> None:
    assert is_outside(address) is public


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "１２７.0.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①"],  # read as 127.0.0.1
)
def test_no_other_digits_lead_inside(host: str) -> None:
    with pytest.raises(Rejected, match="not on the public internet"):
        refuse_inside(f"https://{host}/1")


class _Turning(AbstractResolver):
    """A name that leads outside when it is looked at, and inside when it is used."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self._answers.pop(0).split()
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in found
        ]

    async def close(self) -> None:
        self._answers.clear()


async def test_each_answer_of_a_resolver_is_judged_when_it_is_used() -> None:
    resolver = OutsideResolver(remedy="use another one")
    resolver._below = _Turning("8.8.8.8", "10.0.0.1", "8.8.8.8 127.0.0.1")
    assert [one["host"] for one in await resolver.resolve("rebind.test")] == ["8.8.8.8"]
    for _ in range(2):
        with pytest.raises(Inside, match="not on the public internet; use another one"):
            await resolver.resolve("rebind.test")
