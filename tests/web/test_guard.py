from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.browser import Answer
from tests.web.site import PASSWORD, Site, open_site
from tocsin.kit.clock import FakeClock
from tocsin.state.tokens import Scope
from tocsin.state.users import Role
from tocsin.web import credentials
from tocsin.web.authenticator import Authenticator
from tocsin.web.credentials import Credential

HTML = "text/html,application/xhtml+xml"


@pytest.fixture
async def site(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    roles = {"ann": Role.ADMIN, "bo": Role.MEMBER, "vi": Role.VIEWER}
    async with open_site(tmp_path, clock, users=roles) as site:
        yield site


async def key(site: Site, *scopes: Scope, origins: tuple[str, ...] = ()) -> str:
    text, _ = await site.people.tokens.create("ci", scopes, created_by="ann", origins=origins)
    return text


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


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


async def test_guessing_passwords_is_slowed_down(site: Site) -> None:
    for _ in range(10):
        await site.browser().get("/read", authorization=basic("bo", "wrong guess"))
    answer = await site.browser().get("/read", authorization=basic("bo", PASSWORD))
    assert answer.status == 429
    assert int(answer.header("retry-after")) > 100


async def test_a_one_time_password_opens_nothing_but_its_change(site: Site) -> None:
    once = await site.people.users.reset_password("bo")
    answer = await site.browser().get("/read", authorization=basic("bo", once.password))
    assert answer.status == 401
    browser = site.browser()
    answer = await browser.post("/login", {"name": "bo", "password": once.password})
    assert answer.header("location") == "/password"
    assert (await browser.get("/read", accept=HTML)).header("location") == "/password?next=%2Fread"
    assert (await browser.get("/read")).status == 403
    assert (await browser.get("/password")).status == 200


async def test_a_browser_is_sent_to_the_login_and_back(site: Site) -> None:
    answer = await site.browser().get("/read?a=1&b=2", accept=HTML)
    assert answer.status == 303
    assert answer.header("location") == "/login?next=%2Fread%3Fa%3D1%26b%3D2"
    part = await site.browser().get("/read", accept="text/html", hx_request="true")
    assert (part.status, part.header("hx-redirect")) == (401, "/login")
    script = await site.browser().get("/read", accept="*/*", sec_fetch_site="same-origin")
    assert (script.status, "Basic" in script.header("www-authenticate")) == (401, False)


async def test_a_session_needs_its_token_to_change_something(site: Site) -> None:
    browser, token = await site.logged_in("bo")
    assert (await browser.get("/read")).text == "session bo "
    assert (await browser.post("/read")).status == 403
    assert (await browser.post("/read", {"csrf": "wrong"})).status == 403
    assert (await browser.post("/read", {"csrf": ""})).status == 403
    assert (await browser.post("/read", x_csrf_token=token)).text == "session bo "
    by_form = await browser.post("/read", {"csrf": token, "x": "1"})
    assert by_form.text == f"session bo csrf={token}&x=1"


@pytest.mark.parametrize(
    ("headers", "is_allowed"),
    [
        pytest.param({"sec_fetch_site": "same-origin"}, True, id="the browser says: own site"),
        pytest.param({"sec_fetch_site": "cross-site"}, False, id="the browser says: another site"),
        pytest.param({"sec_fetch_site": "same-site"}, False, id="a neighbour is another site"),
        pytest.param({"origin": "http://tocsin.test"}, True, id="the own origin"),
        pytest.param({"origin": "http://evil.test"}, False, id="another origin"),
        pytest.param({"origin": "null"}, False, id="no origin to be known"),
        pytest.param({"origin": "http://[::1"}, False, id="a broken origin"),
        pytest.param({"origin": "http://tocsin.test.evil"}, False, id="a longer name"),
    ],
)
async def test_another_sites_page_cannot_use_the_session(
    site: Site, headers: dict[str, str], is_allowed: bool
) -> None:
    browser, token = await site.logged_in("bo")
    answer = await browser.post("/read", x_csrf_token=token, **headers)
    assert (answer.status == 200) is is_allowed
    with_password = await site.browser().post(
        "/read", authorization=basic("bo", PASSWORD), **headers
    )
    assert (with_password.status == 200) is is_allowed


async def test_a_large_form_is_not_looked_into(site: Site) -> None:
    browser, token = await site.logged_in("bo")
    answer = await browser.post("/read", {"x": "y" * (1 << 20), "csrf": token})
    assert answer.status == 413


async def test_the_proxys_address_counts_as_our_own(tmp_path: Path, clock: FakeClock) -> None:
    async with open_site(tmp_path, clock, external_url="https://t.example/") as site:
        browser, token = await site.logged_in("bo")
        answer = await browser.post("/read", x_csrf_token=token, origin="https://t.example")
        assert answer.status == 200


SHOP = "https://shop.example"


async def cors(site: Site, origin: str, *, text: str = "") -> tuple[Answer, Answer]:
    browser = site.browser()
    headers = {
        "origin": origin,
        "access_control_request_method": "POST",
        "access_control_request_headers": "content-type, x-api-key",
    }
    asked = await browser.send("OPTIONS", "/browser", headers=headers)
    sent = await browser.post(f"/browser?key={text}", origin=origin)
    return asked, sent


async def test_a_page_of_an_allowed_origin_may_send(site: Site) -> None:
    text = await key(site, Scope.INGEST, origins=(SHOP,))
    asked, sent = await cors(site, SHOP, text=text)
    assert (asked.status, sent.status) == (204, 200)
    for answer in (asked, sent):
        assert answer.header("access-control-allow-origin") == SHOP
        assert answer.header("vary") == "Origin"
    assert asked.header("access-control-allow-methods") == "POST"
    assert asked.header("access-control-allow-headers") == "content-type, x-api-key"
    assert sent.text == "browser-key ci "


async def test_a_page_of_another_origin_may_not(site: Site) -> None:
    text = await key(site, Scope.INGEST, origins=(SHOP,))
    asked, sent = await cors(site, "https://evil.example", text=text)
    assert asked.header("access-control-allow-origin") == ""
    assert sent.header("access-control-allow-origin") == ""
    assert sent.status == 401
    assert "the origin https://evil.example is not allowed" in sent.json["error"]


async def test_a_public_key_opens_no_other_address(site: Site) -> None:
    text = await key(site, Scope.INGEST, origins=(SHOP,))
    for origin in (SHOP, ""):
        answer = await site.browser().post(f"/ingest?key={text}", origin=origin)
        assert answer.status in (401, 403)
    elsewhere = await site.browser().send("OPTIONS", "/ingest", headers={"origin": SHOP})
    assert elsewhere.status == 405


async def test_a_refusal_can_be_read_by_the_allowed_page(site: Site) -> None:
    await key(site, Scope.INGEST, origins=("https://*.example",))
    _, sent = await cors(site, SHOP, text="tocpub_wrong")
    assert (sent.status, sent.header("access-control-allow-origin")) == (401, SHOP)


@pytest.fixture
async def open_door(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    async with open_site(tmp_path, clock, auth="off") as site:
        yield site


@pytest.mark.parametrize("host", ["localhost:7777", "127.0.0.1:7777", "[::1]:7777", "a.localhost"])
async def test_with_login_off_everybody_here_may_do_everything(open_door: Site, host: str) -> None:
    browser = open_door.browser(host)
    for path in ("/read", "/ingest", "/browser", "/admin"):
        answer = await browser.post(path)
        assert answer.text.startswith("local local")
    assert (await browser.get("/login")).header("location") == "/"


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "localhost.evil", "0.0.0.0"])
async def test_with_login_off_other_names_are_not_answered(open_door: Site, host: str) -> None:
    assert (await open_door.browser(host).get("/read")).status == 421


async def test_with_login_off_other_sites_can_still_not_change_anything(open_door: Site) -> None:
    browser = open_door.browser("127.0.0.1:7777")
    for headers in ({"origin": "https://evil.test"}, {"sec_fetch_site": "cross-site"}):
        assert (await browser.post("/admin", **headers)).status == 403
        assert (await browser.post("/ingest", **headers)).status == 403
    shop = await browser.post("/browser", origin="http://localhost:3000")
    assert shop.header("access-control-allow-origin") == "http://localhost:3000"


async def test_pages_carry_the_headers_that_protect_them(site: Site) -> None:
    browser, _ = await site.logged_in("bo", scheme="https")
    answer = await browser.get("/")
    assert "default-src 'none'" in answer.header("content-security-policy")
    assert "unsafe-inline" not in answer.header("content-security-policy")
    assert "frame-ancestors 'none'" in answer.header("content-security-policy")
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("referrer-policy") == "same-origin"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("strict-transport-security") == "max-age=31536000"


async def test_an_unknown_address_is_told_in_the_callers_form(site: Site) -> None:
    answer = await site.browser().get("/nowhere")
    assert answer.status == 404
    assert answer.json["error"] == "there is nothing at /nowhere"
    page = await site.browser().get("/<script>", accept=HTML)
    assert page.status == 404
    assert "&lt;script&gt;" in page.text


async def test_grpc_senders_are_known_by_their_metadata(site: Site) -> None:
    text, reader = await key(site, Scope.INGEST), await key(site, Scope.READ)
    who = site.authenticator
    assert await who.grpc_sender({"authorization": f"Bearer {text}"}) == "ci"
    assert await who.grpc_sender({"x-api-key": text}) == "ci"
    assert await who.grpc_sender({"authorization": f"Bearer {reader}"}) is None
    assert await who.grpc_sender({}) is None


async def test_health_answers_while_the_database_is_away(site: Site) -> None:
    text = await key(site, Scope.READ)
    async with site.database.transaction() as connection:
        await connection.exec_driver_sql("ALTER TABLE tokens RENAME TO gone")
    headers = {"authorization": f"Bearer {text}"}
    assert (await site.browser().get("/public", **headers)).status == 200
    answer = await site.browser().get("/read", **headers)
    assert (answer.status, answer.header("retry-after")) == (503, "5")


async def test_tocsin_may_read_its_own_metrics_and_nothing_more(site: Site) -> None:
    bearer = f"Bearer {site.authenticator.own_key.reveal()}"
    assert (await site.browser().get("/read", authorization=bearer)).text == "token itself "
    assert (await site.browser().post("/ingest", authorization=bearer)).status == 403
    assert (await site.browser().get("/admin", authorization=bearer)).status == 403
