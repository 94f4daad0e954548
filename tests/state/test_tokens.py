from __future__ import annotations

import pytest

from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.state.database import Database
from tocsin.state.tokens import Scope, TokenKind, Tokens, allows_origin


@pytest.fixture
def tokens(database: Database, clock: FakeClock) -> Tokens:
    return Tokens(database, clock)


async def test_a_key_is_found_by_its_text_and_only_its_hash_is_kept(
    tokens: Tokens, database: Database
) -> None:
    text, token = await tokens.create("ci", [Scope.INGEST, Scope.READ], created_by="bo")
    assert await tokens.find(text) == token
    assert token.scopes == (Scope.INGEST, Scope.READ)
    assert text.startswith(token.prefix)
    assert len(token.prefix) == 10
    assert await tokens.find(text[:-1]) is None
    async with database.reading() as connection:
        row = (await connection.exec_driver_sql("SELECT * FROM tokens")).one()
    assert text not in map(str, row)


async def test_a_revoked_key_is_no_key(tokens: Tokens) -> None:
    text, token = await tokens.create("ci", [Scope.READ], created_by="bo")
    revoked = await tokens.revoke(token.id)
    assert revoked.revoked_at is not None
    assert await tokens.revoke(token.id) == revoked
    assert await tokens.find(text) is None
    with pytest.raises(NotFound):
        await tokens.revoke(999)


async def test_an_expired_key_is_no_key(tokens: Tokens, clock: FakeClock) -> None:
    until = clock.now_ms() + 1000
    text, _ = await tokens.create("ci", [Scope.READ], created_by="bo", expires_at=until)
    assert await tokens.find(text) is not None
    clock.jump(1)
    assert await tokens.find(text) is None


async def test_when_a_key_was_last_used_is_written_in_one_go(
    tokens: Tokens, clock: FakeClock
) -> None:
    _, first = await tokens.create("a", [Scope.READ], created_by="bo")
    _, second = await tokens.create("b", [Scope.READ], created_by="bo")
    for token in (first, second, first):
        tokens.touch(token.id)
    await tokens.flush()
    assert [t.last_used_at for t in await tokens.all()] == [clock.now_ms()] * 2


async def test_a_browsers_key_is_bound_to_origins_and_shown_whole(tokens: Tokens) -> None:
    text, token = await tokens.create(
        "shop", [Scope.INGEST], created_by="bo", origins=["https://Shop.example.com/"]
    )
    assert token.kind is TokenKind.BROWSER
    assert token.prefix == text
    assert token.origins == ("https://shop.example.com",)


@pytest.mark.parametrize(
    ("name", "scopes", "origins", "problem"),
    [
        ("", [Scope.READ], [], "needs a name"),
        ("a", [], [], "at least one of the scopes"),
        ("a", [Scope.READ], ["https://a.example"], "only scope can be ingest"),
        ("a", [Scope.INGEST], ["a.example"], "is not an origin"),
        ("a", [Scope.INGEST], ["https://a.example/path"], "is not an origin"),
        ("a", [Scope.INGEST], ["https://u@a.example"], "is not an origin"),
        ("a", [Scope.INGEST], ["https://a*.example"], "whole subdomains"),
        ("a", [Scope.INGEST], ["https://[::1"], "is not an origin"),
        ("a", [Scope.INGEST], ["https://a:99999"], "is not an origin"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    tokens: Tokens, name: str, scopes: list[Scope], origins: list[str], problem: str
) -> None:
    with pytest.raises(Rejected, match=problem):
        await tokens.create(name, scopes, created_by="bo", origins=origins)


async def test_a_key_that_has_expired_already_is_refused(tokens: Tokens, clock: FakeClock) -> None:
    with pytest.raises(Rejected, match="expired already"):
        await tokens.create("a", [Scope.READ], created_by="bo", expires_at=clock.now_ms())


@pytest.mark.parametrize(
    ("allowed", "origin", "is_allowed"),
    [
        ("https://a.example", "https://a.example", True),
        ("https://a.example", "https://A.example", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://*.example", "https://shop.example", True),
        ("https://*.example", "https://a.b.example", True),
        ("https://*.example", "https://example", False),
        ("https://*.example", "https://evilexample", False),
        ("https://*.example", "https://x.example.evil", False),
        ("*", "null", True),
        ("https://a.example", "", False),
    ],
)
def test_an_origin_is_allowed_as_it_was_written(
    allowed: str, origin: str, is_allowed: bool
) -> None:
    assert allows_origin([allowed], origin) is is_allowed
