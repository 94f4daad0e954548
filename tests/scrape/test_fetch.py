"""Requests carry what the configuration says: credentials, headers, certificates, proxies."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.scrape.servers import Page, serve
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Rejected, Temporary, TooLarge
from tocsin.kit.yaml import decode, loads
from tocsin.scrape.fetch import Answer, Fetcher
from tocsin.scrape.http_options import HttpOptions
from tocsin.scrape.nearby import Nearby, find
from tocsin.scrape.no_proxy import is_exempt


@pytest.fixture
async def fetcher(clock: FakeClock, tmp_path: Path) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(clock, tmp_path)
    yield fetcher
    await fetcher.close()


async def get(fetcher: Fetcher, url: str, options: str = "{}") -> Answer:
    typed = decode(loads(options), HttpOptions)
    return await fetcher.get(url, typed, {"Accept": "*/*"}, timeout=60, limit_bytes=10_000)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


CREDENTIALS = [
    pytest.param("{basic_auth: {username: u, password: pä}}", basic("u", "pä"), id="basic"),
    pytest.param("{basic_auth: {username: u, password_file: secret}}", basic("u", "s3cret"),
                 id="a password file"),
    pytest.param("{authorization: {credentials: tok}}", "Bearer tok", id="bearer"),
    pytest.param("{authorization: {type: Token, credentials_file: secret}}", "Token s3cret",
                 id="another type from a file"),
    pytest.param("{bearer_token: old}", "Bearer old", id="the old bearer_token"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "sent"), CREDENTIALS)
async def test_credentials_are_sent(
    fetcher: Fetcher, tmp_path: Path, options: str, sent: str
) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    page = Page(b"x")
    async with serve(page) as address:
        await get(fetcher, f"http://{address}/", options)
    assert page.asked[0].headers["Authorization"] == sent


async def test_a_missing_secret_file_is_named(fetcher: Fetcher) -> None:
    with pytest.raises(Rejected, match="nowhere"):
        await get(fetcher, "http://127.0.0.1:1/", "{bearer_token_file: nowhere}")


async def test_extra_headers_are_sent(fetcher: Fetcher) -> None:
    page = Page(b"x")
    async with serve(page) as address:
        options = "{http_headers: {X-Org: {values: [a, b]}, X-Key: {secrets: [k]}}}"
        await get(fetcher, f"http://{address}/", options)
    assert page.asked[0].headers["X-Org"] == "a, b"
    assert page.asked[0].headers["X-Key"] == "k"


async def test_an_oauth2_token_is_fetched_once_and_renewed(
    fetcher: Fetcher, clock: FakeClock
) -> None:
    forms: list[dict[str, object]] = []

    async def token(request: web.BaseRequest) -> web.StreamResponse:
        forms.append({**await request.post(), "by": request.headers["Authorization"]})
        return web.json_response({"access_token": f"t{len(forms)}", "expires_in": 60})

    page = Page(b"x")
    async with serve(Page(answer=token)) as tokens, serve(page) as address:
        text = f"""
oauth2:
  client_id: me
  client_secret: hush
  token_url: http://{tokens}/token
  scopes: [a, b]
  endpoint_params: {{tenant: x}}
"""
        options = decode(loads(text), HttpOptions)
        for _ in range(2):
            await fetcher.get(f"http://{address}/", options, {}, timeout=60, limit_bytes=99)
        await clock.advance(55)
        await fetcher.get(f"http://{address}/", options, {}, timeout=60, limit_bytes=99)
    sent = [request.headers["Authorization"] for request in page.asked]
    assert sent == ["Bearer t1", "Bearer t1", "Bearer t2"]
    assert forms[0] == {
        "grant_type": "client_credentials",
        "scope": "a b",
        "tenant": "x",
        "by": basic("me", "hush"),
    }


async def test_a_proxy_is_asked_for_the_whole_address(fetcher: Fetcher) -> None:
    proxy = Page(b"through the proxy")
    async with serve(proxy) as address:
        options = f"{{proxy_url: 'http://{address}'}}"
        answer = await get(fetcher, "http://far.invalid/metrics", options)
        assert answer.body == b"through the proxy"
        assert proxy.asked[0].headers["Host"] == "far.invalid"
        exempt = f"{{proxy_url: 'http://{address}', no_proxy: far.invalid}}"
        with pytest.raises(Temporary, match=r"far\.invalid"):
            await get(fetcher, "http://far.invalid/metrics", exempt)


@pytest.mark.parametrize(
    ("host", "no_proxy", "exempt"),
    [
        ("localhost", "", True),
        ("127.0.0.1", "", True),
        ("a.example.com", "example.com", True),
        ("example.com", ".example.com", False),
        ("notexample.com", "example.com", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8, x", False),
        ("anything", "*", True),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(host: str, no_proxy: str, exempt: bool) -> None:
    assert is_exempt(host, no_proxy) is exempt


async def test_a_body_beyond_the_limit_is_refused_before_it_is_whole(fetcher: Fetcher) -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"#" * 65536)

    async with serve(Page(answer=endless)) as address:
        with pytest.raises(TooLarge, match="10000"):
            await get(fetcher, f"http://{address}/")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cert.pem and key.pem of `tocsin.test`, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl program is not installed")
    folder = tmp_path_factory.mktemp("tls")
    names = "subjectAltName=DNS:tocsin.test"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-keyout key.pem -out cert.pem -subj /CN=tocsin.test -addext {names}"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True, timeout=120)
    return folder


@pytest.mark.parametrize(
    ("tls", "error"),
    [
        pytest.param("{ca_file: CA, server_name: tocsin.test}", "", id="trusted by name"),
        pytest.param("{ca_file: CA}", "not trusted", id="the wrong name"),
        pytest.param("{server_name: tocsin.test}", "not trusted", id="an unknown authority"),
        pytest.param("{insecure_skip_verify: true}", "", id="not verified"),
        pytest.param(
            "{ca_file: CA, server_name: tocsin.test, cert_file: CA, key_file: KEY}",
            "",
            id="a client certificate",
        ),
        pytest.param(
            "{ca_file: CA, server_name: tocsin.test, cert: PEM1, key: PEM2}",
            "",
            id="a client certificate in place",
        ),
        pytest.param(
            "{ca_file: CA, server_name: tocsin.test, cert: PEM1, key_file: KEY}",
            "",
            id="a client certificate in place, its key in a file",
        ),
        pytest.param(
            "{cert: hush1, key: hush2}", "the certificate", id="a client certificate that is none"
        ),
        pytest.param("{ca_file: nowhere.pem}", "nowhere.pem", id="no such file"),
    ],
)
async def test_tls_options_decide_who_is_trusted(
    fetcher: Fetcher, certificate: Path, tls: str, error: str
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    if "cert" in tls:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate / "cert.pem")
    tls = tls.replace("CA", str(certificate / "cert.pem")).replace(
        "KEY", str(certificate / "key.pem")
    )
    for name, file in (("PEM1", "cert.pem"), ("PEM2", "key.pem")):
        tls = tls.replace(name, json.dumps((certificate / file).read_text()))
    async with serve(Page(b"safe"), tls=context) as address:
        options = f"{{tls_config: {tls}}}"
        if error:
            with pytest.raises((Temporary, Rejected), match=error):
                await get(fetcher, f"https://{address}/", options)
        else:
            assert (await get(fetcher, f"https://{address}/", options)).body == b"safe"


@pytest.mark.parametrize(
    "options",
    [
        "{basic_auth: {username: u, password_ref: x}}",
        "{basic_auth: {username_ref: x}}",
        "{authorization: {credentials_ref: x}}",
        "{oauth2: {client_id: a, token_url: 'http://a', client_secret_ref: x}}",
        "{tls_config: {ca_ref: x}}",
    ],
)
def test_a_secret_by_reference_is_refused_for_nobody_would_keep_it(options: str) -> None:
    with pytest.raises(ConfigError, match=r"_ref.*secret manager.*_file"):
        decode(loads(options), HttpOptions)


async def test_exporters_nearby_are_found_and_others_are_not(fetcher: Fetcher) -> None:
    exporter, website = Page(b"redis_up 1\n"), Page(b"<html>", "text/html")
    async with serve(exporter) as first, serve(website) as second, serve(Page()) as third:
        pass
    async with serve(exporter) as first, serve(website) as second:
        ports = {
            int(address.rpartition(":")[2]): name
            for address, name in ((first, "redis"), (second, "nginx"), (third, "node"))
        }
        assert await find(fetcher, ports) == [Nearby("redis", first)]


async def test_a_server_without_tls_is_said(fetcher: Fetcher) -> None:
    async with serve(Page(b"x")) as address:
        with pytest.raises(Temporary, match=f"no TLS with {address}"):
            await get(fetcher, f"https://{address}/")
