"""Which doors a key opens, however it is shown."""

from __future__ import annotations

import asyncio
import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.guard.callers import basic, key
from tests.web.site import PASSWORD, Site
from tocsin.kit.clock import FakeClock
from tocsin.state.tokens import Scope
from tocsin.web import credentials
from tocsin.web.authenticator import Authenticator
from tocsin.web.credentials import Credential

ALLOWED = {
    Scope.READ: {"/read"},
    Scope.INGEST: {"/ingest", "/browser"},
    Scope.ADMIN: {"/read", "/ingest", "/browser", "/admin"},
}


@pytest.mark.parametrize("path", ["/read", "/ingest", "/browser", "/admin"])
@pytest.mark.parametrize("scope", Scope)
async def test_a_key_opens_what_its_scope_names(site: Site, scope: Scope, path: str) -> None:
    text = await key(site, scope)
    answer = await site.browser().post(path, authorization=f"Bearer {text}")
    assert answer.status == (200 if path in ALLOWED[scope] else 403)


@pytest.mark.parametrize("path", ["/read", "/ingest", "/browser", "/admin"])
async def test_without_a_credential_nothing_but_the_public_opens(site: Site, path: str) -> None:
    answer = await site.browser().post(path)
    assert answer.status == 401
    assert answer.header("www-authenticate").startswith('Bearer realm="tocsin"')
    assert (await site.browser().get("/public")).status == 200


async def test_a_refusal_says_what_is_needed_and_how_to_get_it(site: Site) -> None:
    answer = await site.browser().post("/ingest")
    assert answer.json == {
        "status": "error",
        "errorType": "unauthorized",
        "error": "this address needs a key with the scope 'ingest' or a login. An administrator "
        "makes keys in Settings or with POST /api/tokens; send it as `Authorization: Bearer <key>` "
        "or as the password of Basic authentication",
    }
    text = await key(site, Scope.READ)
    answer = await site.browser().post("/ingest", authorization=f"Bearer {text}")
    assert answer.json["error"] == (
        "the key 'ci' has the scope read, this address needs 'ingest'; an administrator makes "
        "such a key in Settings or with POST /api/tokens"
    )


def ways(text: str) -> dict[str, tuple[str, dict[str, str]]]:
    encoded = base64.b64encode(f"some-id:{text}".encode()).decode()
    return {
        "bearer": ("", {"authorization": f"Bearer {text}"}),
        "bearer in lower case": ("", {"authorization": f"bearer {text}"}),
        "token": ("", {"authorization": f"Token {text}"}),
        "basic, as the password": ("", {"authorization": basic("anything", text)}),
        "basic, as the name": ("", {"authorization": basic(text, "")}),
        "elasticsearch, encoded": ("", {"authorization": f"ApiKey {encoded}"}),
        "elasticsearch, plain": ("", {"authorization": f"ApiKey {text}"}),
        "x-api-key": ("", {"x_api_key": text}),
        "datadog header": ("", {"dd_api_key": text}),
        "datadog query": (f"?api_key={text}", {}),
        "sentry header": ("", {"x_sentry_auth": f"Sentry sentry_version=7, sentry_key={text}"}),
        "sentry query": (f"?sentry_key={text}", {}),
        "beacon query": (f"?key={text}", {}),
    }


@pytest.mark.parametrize("way", ways(""))
async def test_a_key_may_come_in_any_way_that_clients_use(site: Site, way: str) -> None:
    query, headers = ways(await key(site, Scope.INGEST))[way]
    answer = await site.browser().post(f"/ingest{query}", **headers)
    assert (answer.status, answer.text) == (200, "token ci ")


@pytest.mark.parametrize(
    ("authorization", "problem"),
    [
        ("Bearer nonsense", "the key is unknown, revoked or expired; "),
        ("Basic !!!", "the Authorization header is not valid Basic (RFC 7617); "),
        ("Digest x", "the Authorization scheme 'Digest' is not supported; "),
        (basic("bo", "wrong"), "the user's name or password is wrong; "),
        ("Bearer", "the key is unknown, revoked or expired; "),
    ],
)
async def test_a_wrong_credential_is_told_to_be_wrong(
    site: Site, authorization: str, problem: str
) -> None:
    answer = await site.browser().get("/read", authorization=authorization)
    assert answer.status == 401
    assert answer.json["error"].startswith(problem)


async def test_a_key_in_the_url_can_only_ingest(site: Site) -> None:
    reader, admin = await key(site, Scope.READ), await key(site, Scope.ADMIN)
    assert "can only ingest" in (await site.browser().get(f"/read?key={reader}")).json["error"]
    assert (await site.browser().get(f"/admin?key={admin}")).status == 403
    assert (await site.browser().post(f"/ingest?key={admin}")).status == 200


async def test_a_revoked_key_stops_at_once(site: Site) -> None:
    text, token = await site.people.tokens.create("ci", [Scope.READ], created_by="ann")
    browser = site.browser()
    assert (await browser.get("/read", authorization=f"Bearer {text}")).status == 200
    await site.people.tokens.revoke(token.id)
    assert (await browser.get("/read", authorization=f"Bearer {text}")).status == 401


async def test_a_key_that_another_node_revoked_stops_soon(site: Site, clock: FakeClock) -> None:
    text = await key(site, Scope.READ)
    browser = site.browser()
    assert (await browser.get("/read", authorization=f"Bearer {text}")).status == 200
    async with site.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE tokens SET revoked_at = 1")
    assert (await browser.get("/read", authorization=f"Bearer {text}")).status == 200
    await clock.advance(16)
    assert (await browser.get("/read", authorization=f"Bearer {text}")).status == 401


async def test_a_key_expires_although_it_is_remembered(site: Site, clock: FakeClock) -> None:
    text, _ = await site.people.tokens.create(
        "ci", [Scope.READ], created_by="ann", expires_at=clock.now_ms() + 1000
    )
    browser = site.browser()
    assert (await browser.get("/read", authorization=f"Bearer {text}")).status == 200
    clock.jump(2)
    assert (await browser.get("/read", authorization=f"Bearer {text}")).status == 401


async def test_when_a_key_was_used_is_noted(site: Site, clock: FakeClock) -> None:
    text = await key(site, Scope.READ)
    await site.browser().get("/read", authorization=f"Bearer {text}")
    await site.people.flush()
    assert (await site.people.tokens.all())[0].last_used_at == clock.now_ms()


async def test_unknown_keys_take_bounded_memory(site: Site) -> None:
    authenticator = Authenticator(site.people, most_known=5)
    for number in range(20):
        await authenticator.identify({"authorization": f"Bearer x{number}"})
    assert len(authenticator._unknown) == 5


async def test_a_person_may_come_with_name_and_password(site: Site) -> None:
    for name, expected in (("ann", 200), ("bo", 403)):
        answer = await site.browser().get("/admin", authorization=basic(name, PASSWORD))
        assert answer.status == expected
    answer = await site.browser().get("/admin", authorization=basic("bo", PASSWORD))
    assert answer.json["error"] == "bo is a member; this needs an administrator"
    answer = await site.browser().post("/ingest", authorization=basic("vi", PASSWORD))
    assert answer.json["error"] == (
        "vi is a viewer, which does not include 'ingest'; ask an administrator"
    )


async def test_many_requests_at_once_count_as_one_login(site: Site) -> None:
    statuses: list[int] = []

    async def ask() -> None:
        answer = await site.browser().get("/read", authorization=basic("bo", PASSWORD))
        statuses.append(answer.status)

    async with asyncio.TaskGroup() as dashboard:
        for _ in range(30):
            dashboard.create_task(ask())
    assert statuses == [200] * 30


_headers = st.dictionaries(
    st.sampled_from(["authorization", "x-api-key", "dd-api-key", "x-sentry-auth", "origin"]),
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(["Bearer ", "Basic ", "ApiKey ", "Sentry sentry_key="]).flatmap(
            lambda start: st.text(max_size=20).map(lambda rest: start + rest)
        ),
        st.binary(max_size=12).map(lambda raw: f"Basic {base64.b64encode(raw).decode()}"),
    ),
)
_texts = st.dictionaries(
    st.sampled_from(["key", "api_key", "sentry_key", "tocsin_session"]), st.text(max_size=20)
)


@given(_headers, _texts, _texts)
def test_junk_is_nobody_and_never_a_crash(
    headers: dict[str, str], query: dict[str, str], cookies: dict[str, str]
) -> None:
    found = credentials.find(headers, query, cookies)
    assert found is None or isinstance(found, Credential)
