from __future__ import annotations

import pytest

from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.state.database import Database
from tocsin.state.sessions import Sessions
from tocsin.state.users import Role, Users

GOOD = "correct horse battery"


@pytest.fixture
def users(database: Database, clock: FakeClock) -> Users:
    return Users(database, clock)


async def test_the_first_start_makes_an_admin_with_a_one_time_password(users: Users) -> None:
    once = await users.ensure_admin()
    assert once is not None
    assert once.password not in repr(once)
    admin = await users.check("Admin ", once.password)
    assert admin is not None
    assert (admin.role, admin.must_change_password) == (Role.ADMIN, True)
    assert await users.ensure_admin() is None


async def test_the_one_time_password_works_until_another_is_set(users: Users) -> None:
    once = await users.ensure_admin()
    assert once is not None
    assert await users.check("admin", once.password) is not None
    admin = await users.check("admin", once.password)
    assert admin is not None
    await users.set_password(admin.id, GOOD)
    assert await users.check("admin", once.password) is None
    changed = await users.check("admin", GOOD)
    assert changed is not None
    assert not changed.must_change_password


@pytest.mark.parametrize(
    ("name", "password"), [("bo", "wrong"), ("nobody", GOOD), ("bo", "x" * 9999)]
)
async def test_what_is_not_right_is_nobody(users: Users, name: str, password: str) -> None:
    await users.add("bo", GOOD)
    assert await users.check(name, password) is None


async def test_passwords_are_kept_as_argon2id(users: Users, database: Database) -> None:
    await users.add("bo", GOOD)
    async with database.reading() as connection:
        kept = await connection.exec_driver_sql("SELECT password_hash FROM users")
        assert kept.scalar_one().startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_password_is_the_same_however_its_letters_are_composed(users: Users) -> None:
    await users.add("bo", "cafe\u0301 au lait crème")
    assert await users.check("bo", "caf\u00e9 au lait cre\u0300me") is not None


@pytest.mark.parametrize(
    ("name", "password", "problem"),
    [
        ("bo", "short", "shorter than 10"),
        ("bo", "x" * 2000, "longer than 1000"),
        ("bo", "aaaaaaaaaaaa", "too easy"),
        ("bobobobobobo", "BoBoBoBoBoBo", "too easy"),
        ("", GOOD, "1 to 200"),
        ("a:b", GOOD, "no colon"),
        ("a\nb", GOOD, "printable"),
    ],
)
async def test_what_cannot_be_used_is_refused(
    users: Users, name: str, password: str, problem: str
) -> None:
    with pytest.raises(Rejected, match=problem):
        await users.add(name, password)


async def test_a_name_is_taken_once_whatever_its_case(users: Users) -> None:
    await users.add("bo", GOOD)
    with pytest.raises(Rejected, match="already a user 'bo'"):
        await users.add("Bo", GOOD)


async def test_a_disabled_user_is_nobody_and_loses_the_sessions(
    users: Users, database: Database, clock: FakeClock
) -> None:
    user = await users.add("bo", GOOD)
    await users.add("ann", GOOD, role=Role.ADMIN)
    sessions = Sessions(database, clock)
    secret, _ = await sessions.start(user, ip="::1", agent="test")
    await users.disable(user.id)
    assert await sessions.find(secret) is None
    assert await users.check("bo", GOOD) is None
    await users.enable(user.id)
    assert await users.check("bo", GOOD) is not None


async def test_the_last_administrator_stays(users: Users) -> None:
    user = await users.add("ann", GOOD, role=Role.ADMIN)
    with pytest.raises(Rejected, match="last administrator"):
        await users.disable(user.id)
    with pytest.raises(Rejected, match="last administrator"):
        await users.set_role(user.id, Role.VIEWER)
    await users.add("bo", GOOD, role=Role.ADMIN)
    assert (await users.set_role(user.id, Role.VIEWER)).role is Role.VIEWER


async def test_a_reset_gives_a_one_time_password_and_ends_all_sessions(
    users: Users, database: Database, clock: FakeClock
) -> None:
    user = await users.add("bo", GOOD)
    sessions = Sessions(database, clock)
    secret, _ = await sessions.start(user, ip="", agent="")
    once = await users.reset_password("BO")
    assert await sessions.find(secret) is None
    assert await users.check("bo", GOOD) is None
    found = await users.check("bo", once.password)
    assert found is not None
    assert found.must_change_password


async def test_a_reset_for_nobody_names_who_is_there(users: Users) -> None:
    await users.add("ann", GOOD)
    with pytest.raises(NotFound, match="no user 'bo'; known: ann"):
        await users.reset_password("bo")


async def test_changing_the_password_ends_the_other_sessions(
    users: Users, database: Database, clock: FakeClock
) -> None:
    user = await users.add("bo", GOOD)
    sessions = Sessions(database, clock)
    here, session = await sessions.start(user, ip="", agent="")
    there, _ = await sessions.start(user, ip="", agent="")
    await users.set_password(user.id, "another good one", keep_session=session.hash)
    assert await sessions.find(here) is not None
    assert await sessions.find(there) is None


async def test_everybody_is_listed_by_name(users: Users) -> None:
    for name in ("cy", "ann", "bo"):
        await users.add(name, GOOD)
    assert [user.name for user in await users.all()] == ["ann", "bo", "cy"]
    with pytest.raises(NotFound):
        await users.get(999)
