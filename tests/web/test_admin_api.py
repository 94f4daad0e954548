from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.browser import Answer, Browser
from tests.web.site import PASSWORD, Site, open_site
from tocsin.kit.clock import FakeClock
from tocsin.state.tokens import Scope
from tocsin.state.users import Role


@pytest.fixture
async def site(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    async with open_site(tmp_path, clock, users={"ann": Role.ADMIN}) as site:
        yield site


class Admin:
    """A program with an administrator's key."""

    def __init__(self, browser: Browser, key: str) -> None:
        self._browser = browser
        self._bearer = f"Bearer {key}"

    async def __call__(self, method: str, path: str, value: object = None) -> Answer:
        if value is None:
            headers = {"authorization": self._bearer}
            return await self._browser.send(method, path, headers=headers)
        return await self._browser.send_json(method, path, value, authorization=self._bearer)


@pytest.fixture
async def admin(site: Site) -> Admin:
    key, _ = await site.people.tokens.create("ops", [Scope.ADMIN], created_by="ann")
    return Admin(site.browser(), key)


async def test_a_key_is_made_used_listed_and_revoked(site: Site, admin: Admin) -> None:
    made = await admin("POST", "/api/tokens", {"name": "ci", "scopes": ["ingest"]})
    assert made.status == 201
    key = made.json["key"]
    use = {"authorization": f"Bearer {key}"}
    assert (await site.browser().post("/ingest", **use)).status == 200
    listed = await admin("GET", "/api/tokens")
    assert [token["name"] for token in listed.json] == ["ci", "ops"]
    assert key not in listed.text
    revoked = await admin("DELETE", f"/api/tokens/{made.json['token']['id']}")
    assert revoked.json["revoked_at"] is not None
    assert (await site.browser().post("/ingest", **use)).status == 401


async def test_a_user_is_made_with_a_one_time_password(site: Site, admin: Admin) -> None:
    made = await admin("POST", "/api/users", {"name": "bo"})
    password = made.json["one_time_password"]
    user = await site.people.users.check("bo", password)
    assert user is not None
    assert user.must_change_password
    listed = await admin("GET", "/api/users")
    assert [user["name"] for user in listed.json] == ["ann", "bo"]
    assert "hash" not in listed.text
    reset = await admin("POST", f"/api/users/{user.id}/reset-password")
    assert reset.json["one_time_password"] != password


async def test_a_user_is_changed(site: Site, admin: Admin) -> None:
    new = {"name": "bo", "password": PASSWORD}
    user_id = (await admin("POST", "/api/users", new)).json["user"]["id"]
    path = f"/api/users/{user_id}"
    assert (await admin("PATCH", path, {"role": "viewer"})).json["user"]["role"] == "viewer"
    changed = await admin("PATCH", path, {"disabled": True})
    assert changed.json["user"]["disabled_at"] is not None
    assert await site.people.users.check("bo", PASSWORD) is None
    assert (await admin("PATCH", path, {"disabled": False})).status == 200
    assert await site.people.users.check("bo", PASSWORD) is not None


@pytest.mark.parametrize(
    ("method", "path", "value", "status", "words"),
    [
        ("POST", "/api/tokens", {"name": "x", "scopes": ["all"]}, 400, "Invalid enum value 'all'"),
        ("POST", "/api/tokens", {"name": "x", "scope": []}, 400, "unknown field `scope`"),
        ("POST", "/api/tokens", {"name": "x", "scopes": []}, 400, "at least one of the scopes"),
        (
            "POST",
            "/api/tokens",
            {"name": "x", "scopes": ["read"], "expires_in_days": -1},
            400,
            "must be more than 0",
        ),
        ("POST", "/api/users", {"name": "ann"}, 400, "already a user 'ann'"),
        ("POST", "/api/users", {"name": "bo", "password": "x"}, 400, "shorter than 10"),
        ("PATCH", "/api/users/1", {"role": "viewer"}, 400, "last administrator"),
        ("PATCH", "/api/users/99", {}, 404, "no user with the id 99"),
        ("DELETE", "/api/tokens/99", None, 404, "no key with the id 99"),
        ("DELETE", "/api/tokens/99999999999999999999", None, 404, "nothing with the id"),
        ("DELETE", f"/api/tokens/{'9' * 5000}", None, 404, "there is nothing at"),
        ("GET", "/api/audit?limit=x", None, 400, "limit must be a whole number"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    admin: Admin, method: str, path: str, value: object, status: int, words: str
) -> None:
    answer = await admin(method, path, value)
    assert answer.status == status
    assert words in answer.json["error"]


async def test_what_is_done_is_on_the_trail(admin: Admin) -> None:
    await admin("POST", "/api/tokens", {"name": "ci", "scopes": ["ingest"]})
    await admin("POST", "/api/users", {"name": "bo"})
    trail = (await admin("GET", "/api/audit?limit=10")).json
    told = [(entry["who"], entry["what"], entry["target"]) for entry in trail]
    assert told == [("ops", "user_created", "bo"), ("ops", "token_created", "ci")]
    before = await admin("GET", f"/api/audit?before={trail[0]['id']}")
    assert [entry["what"] for entry in before.json] == ["token_created"]


async def test_the_configuration_in_force_can_be_read(admin: Admin) -> None:
    assert (await admin("GET", "/api/config")).json == {"listen": {"http": "x"}}


async def test_everybody_can_ask_who_they_are(site: Site, admin: Admin) -> None:
    me = (await admin("GET", "/api/me")).json
    assert (me["kind"], me["name"], me["scopes"]) == ("token", "ops", ["admin"])
    browser, _ = await site.logged_in("ann")
    me = (await browser.get("/api/me")).json
    assert (me["kind"], me["user"]["name"]) == ("session", "ann")


async def test_others_cannot_administer(site: Site) -> None:
    key, _ = await site.people.tokens.create("r", [Scope.READ, Scope.INGEST], created_by="ann")
    reader = Admin(site.browser(), key)
    for method, path in (("GET", "/api/users"), ("GET", "/api/config"), ("POST", "/api/tokens")):
        assert (await reader(method, path)).status == 403
