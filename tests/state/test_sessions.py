from __future__ import annotations

import pytest

from tocsin.kit.clock import FakeClock
from tocsin.state.database import Database
from tocsin.state.sessions import Sessions, hash_of
from tocsin.state.users import User, Users

DAY = 86_400


@pytest.fixture
async def user(database: Database, clock: FakeClock) -> User:
    return await Users(database, clock).add("bo", "correct horse battery", email="bo@example.com")


async def test_a_session_is_found_by_its_secret(
    database: Database, clock: FakeClock, user: User
) -> None:
    sessions = Sessions(database, clock)
    clock.jump(60)
    secret, session = await sessions.start(user, ip="10.0.0.1", agent="browser")
    assert await sessions.find(secret) == session
    assert session.user == user
    assert session.created_at == user.created_at + 60_000
    assert await sessions.find(secret + "x") is None
    assert await sessions.find("\ud800") is None


async def test_only_the_hash_of_the_secret_is_kept(
    database: Database, clock: FakeClock, user: User
) -> None:
    secret, _ = await Sessions(database, clock).start(user, ip="", agent="")
    async with database.reading() as connection:
        row = (await connection.exec_driver_sql("SELECT * FROM sessions")).one()
    assert hash_of(secret) in row
    assert secret not in map(str, row)


async def test_a_session_ends_when_it_was_not_used_for_long(
    database: Database, clock: FakeClock, user: User
) -> None:
    sessions = Sessions(database, clock, days=2)
    secret, session = await sessions.start(user, ip="", agent="")
    clock.jump(1.5 * DAY)
    sessions.touch(session.hash)
    await sessions.flush()
    clock.jump(1.5 * DAY)
    assert await sessions.find(secret) is not None
    clock.jump(0.6 * DAY)
    assert await sessions.find(secret) is None
    assert await sessions.of_user(user.id) == []


async def test_sessions_that_are_over_are_forgotten(
    database: Database, clock: FakeClock, user: User
) -> None:
    sessions = Sessions(database, clock, days=1)
    await sessions.start(user, ip="", agent="")
    clock.jump(2 * DAY)
    await sessions.flush()
    async with database.reading() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM sessions")).scalar() == 0


async def test_logging_out_ends_the_session(
    database: Database, clock: FakeClock, user: User
) -> None:
    sessions = Sessions(database, clock)
    secret, session = await sessions.start(user, ip="", agent="")
    sessions.touch(session.hash)
    await sessions.end(session.hash)
    await sessions.end(session.hash)
    await sessions.flush()
    assert await sessions.find(secret) is None


async def test_a_user_sees_the_own_sessions(
    database: Database, clock: FakeClock, user: User
) -> None:
    sessions = Sessions(database, clock)
    await sessions.start(user, ip="1.1.1.1", agent="a")
    clock.jump(1)
    await sessions.start(user, ip="2.2.2.2", agent="b" * 1000)
    assert [s.ip for s in await sessions.of_user(user.id)] == ["2.2.2.2", "1.1.1.1"]
