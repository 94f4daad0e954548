"""Every address of the product denies a stranger, and every key opens what it is for alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as otlp

from tests.e2e.client import Answer, Client
from tests.e2e.conftest import Guarded
from tests.e2e.product import Product
from tocsin.web.api import otlp as otlp_addresses
from tocsin.web.routing import Access, Address
from tocsin.web.server import ADDRESSES

pytestmark = pytest.mark.slow

_SCOPES = {
    Access.READ: ("read", "admin"),
    Access.INGEST: ("ingest", "admin"),
    Access.BROWSER_INGEST: ("ingest", "admin"),
    Access.RESPOND: ("admin",),
    Access.ADMIN: ("admin",),
}
_DENIED = (401, 403)


def _path(address: Address) -> str:
    """The address with something in the place of each parameter."""
    return re.sub(r"\{\w+(?::(\w+))?\}", lambda it: "7" if it[1] == "int" else "x", address.path)


def _all() -> Iterator[tuple[str, Address]]:
    for address in ADDRESSES:
        if address.access is not Access.PUBLIC:
            for method in address.methods:
                yield method, address


PROTECTED = [pytest.param(*one, id=f"{one[0]} {one[1].path}") for one in _all()]


@pytest.mark.parametrize(("method", "address"), PROTECTED)
def test_a_stranger_and_a_wrong_key_are_denied(
    guarded: Guarded, method: str, address: Address
) -> None:
    path, client = _path(address), guarded.product.client
    assert client.send(method, path).status in _DENIED
    assert client.bearing("toc_" + "x" * 40).send(method, path).status in _DENIED


@pytest.mark.parametrize(("method", "address"), PROTECTED)
def test_a_key_of_another_scope_is_denied(guarded: Guarded, method: str, address: Address) -> None:
    keys = {"ingest": guarded.ingest, "read": guarded.read}
    for scope, client in keys.items():
        if scope not in _SCOPES[address.access]:
            answer = client.send(method, _path(address))
            assert answer.status == 403, (scope, answer.text)


@pytest.mark.parametrize(("method", "address"), PROTECTED)
def test_a_browsers_key_opens_the_browsers_addresses_from_its_origin_alone(
    guarded: Guarded, method: str, address: Address
) -> None:
    path, key = _path(address), guarded.browser_key

    def answer(origin: str) -> Answer:
        headers = {"Origin": origin} if origin else {}
        return Client(guarded.product.http, headers).bearing(key).send(method, path)

    is_for_browsers = address.access is Access.BROWSER_INGEST
    assert (answer("https://shop.example.com").status in _DENIED) is not is_for_browsers
    assert answer("https://evil.example.com").status in _DENIED
    assert answer("").status in _DENIED


PUBLIC = {
    "GET /-/healthy",
    "GET /-/ready",
    "GET /alertmanager/-/healthy",
    "GET /alertmanager/-/ready",
    "GET /api/health",
    "GET /favicon.ico",
    "GET /health",
    "GET /login",
    # Whoever knows a program's address may say that it ran, and learns nothing.
    "GET /ping/{key}",
    "GET /ping/{key}/{what}",
    "POST /ping/{key}",
    "POST /ping/{key}/{what}",
    "GET /static/{name:path}",
    "POST /login",
    # What programs look for before they log in, and learn no more from than that it is there.
    "GET /elasticsearch",
    "GET /elasticsearch/",
    "GET /loki/ready",
    # Signed: by the link itself, by the calendar's token, by Slack and by PagerDuty.
    "GET /answer/{token}",
    "POST /answer/{token}",
    "GET /api/maintenance.ics",
    "POST /api/integrations/pagerduty",
    "POST /api/integrations/slack/actions",
    "POST /api/integrations/slack/commands",
    # Signed, or asked for with a secret token: a page's answer, a device, calendars, subscriptions.
    "GET /page/{token}",
    "POST /page/{token}",
    "POST /page/{token}/digits",
    "POST /api/push/renew",
    "GET /api/oncall/people/{name}.ics",
    "GET /api/oncall/schedules/{name}.ics",
    "GET /status/subscription/{token}",
    "POST /status/subscription/{token}",
    "GET /status/unsubscribe/{token}",
    "POST /status/unsubscribe/{token}",
    # The public's own: a subscription sends a mail to be confirmed, a few an hour.
    "POST /status/subscribe",
    # What a browser fetches without its cookies when it installs the pages as an application.
    "GET /manifest.webmanifest",
    "GET /sw.js",
}
"""Whoever opens another address to everybody says so here."""


def test_the_list_of_what_anybody_may_see_is_known() -> None:
    public = [address for address in ADDRESSES if address.access is Access.PUBLIC]
    found = {f"{method} {one.path}" for one in public for method in one.methods}
    assert {line for line in found if not line.startswith("HEAD ")} == PUBLIC


def test_what_nobody_answers_tells_a_stranger_nothing(guarded: Guarded) -> None:
    for path in ("/nothing", "/api/nothing", "/static/../../state.db", "/static/%2e%2e/server.py"):
        assert guarded.product.client.get(path).status in (401, 403, 404)


@pytest.mark.parametrize("address", otlp_addresses.OTLP_ADDRESSES, ids=lambda a: str(a.path))
def test_the_port_of_otlp_asks_for_a_key_too(guarded: Guarded, address: Address) -> None:
    client = Client(guarded.product.otlp_http, {"Content-Type": "application/x-protobuf"})
    assert client.send("POST", address.path, b"").status == 401
    assert client.bearing(guarded.read_key).send("POST", address.path, b"").status == 403
    assert client.bearing(guarded.ingest_key).send("POST", address.path, b"").status == 200


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        pytest.param((), grpc.StatusCode.UNAUTHENTICATED, id="no key"),
        pytest.param(
            (("authorization", "Bearer toc_wrong"),),
            grpc.StatusCode.UNAUTHENTICATED,
            id="a wrong key",
        ),
    ],
)
def test_otlp_over_grpc_is_refused_without_a_key(
    guarded: Guarded, metadata: tuple[tuple[str, str], ...], code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        _export(guarded.product, metadata)
    assert caught.value.code() is code


def test_otlp_over_grpc_is_taken_with_an_ingest_key_alone(guarded: Guarded) -> None:
    _export(guarded.product, (("authorization", f"Bearer {guarded.ingest_key}"),))
    with pytest.raises(grpc.RpcError):
        _export(guarded.product, (("authorization", f"Bearer {guarded.read_key}"),))


def _export(product: Product, metadata: tuple[tuple[str, str], ...]) -> None:
    with grpc.insecure_channel(product.otlp_grpc.removeprefix("http://")) as channel:
        call = channel.unary_unary(
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            request_serializer=otlp.ExportMetricsServiceRequest.SerializeToString,
            response_deserializer=otlp.ExportMetricsServiceResponse.FromString,
        )
        call(otlp.ExportMetricsServiceRequest(), metadata=metadata, timeout=60)


def test_a_key_in_the_url_can_only_ingest(guarded: Guarded) -> None:
    client = guarded.product.client
    body = {"name": "by_url", "value": 1}
    assert client.post_json(f"/api/metrics?key={guarded.admin_key}", body).status == 200
    assert client.get("/api/v1/query", query="1", key=guarded.read_key).status in _DENIED
    assert client.get("/api/users", key=guarded.admin_key).status in _DENIED


def test_a_post_with_a_cookie_needs_the_pages_token_and_the_same_site(guarded: Guarded) -> None:
    person, wanted = guarded.person, {"name": "csrf", "scopes": ["read"]}
    assert person.get("/api/tokens").status == 200
    assert person.post_json("/api/tokens", wanted).status == 403
    wrong = {"X-CSRF-Token": "x" * len(guarded.csrf)}
    assert person.post_json("/api/tokens", wanted, **wrong).status == 403
    right = {"X-CSRF-Token": guarded.csrf}
    for other in ({"Origin": "https://evil.example.com"}, {"Sec-Fetch-Site": "cross-site"}):
        assert person.post_json("/api/tokens", wanted, **right, **other).status == 403
    assert person.post_json("/api/tokens", wanted, **right).status == 201
    form = [("csrf", guarded.csrf)]
    assert person.form("/targets/scrape", form, Origin="https://evil.example.com").status == 403


def test_a_revoked_key_opens_nothing_any_more(guarded: Guarded) -> None:
    made = guarded.admin.post_json("/api/tokens", {"name": "short", "scopes": ["read"]}).json
    holder = guarded.product.client.bearing(made["key"])
    assert holder.get("/api/v1/query", query="1").status == 200
    assert guarded.admin.send("DELETE", f"/api/tokens/{made['token']['id']}").status == 200
    assert holder.get("/api/v1/query", query="1").status == 401


HOSTS = [
    pytest.param("127.0.0.1:7777", 200, id="127.0.0.1"),
    pytest.param("localhost", 200, id="localhost"),
    pytest.param("[::1]:80", 200, id="the loopback of IPv6"),
    pytest.param("evil.example.com", 421, id="a site's own name that leads here"),
    pytest.param("127.0.0.1.evil.example.com", 421, id="a name that begins like an address"),
    pytest.param("localhost.evil.example.com:7777", 421, id="a name that begins like localhost"),
    pytest.param("192.0.2.7", 421, id="an address of another network"),
]


@pytest.mark.parametrize(("host", "status"), HOSTS)
def test_without_login_only_loopback_names_are_answered(
    tocsin: Product, host: str, status: int
) -> None:
    for path in ("/health", "/api/v1/query?query=1"):
        assert tocsin.client.send("GET", path, headers={"Host": host}).status == status
    otlp_port = Client(tocsin.otlp_http, {"Content-Type": "application/x-protobuf"})
    assert otlp_port.send("POST", "/v1/metrics", b"", {"Host": host}).status == status


def test_without_login_other_sites_pages_change_nothing(tocsin: Product) -> None:
    evil = Client(tocsin.http, {"Origin": "https://evil.example.com"})
    assert evil.post_json("/api/drop-rules", {"selector": '{a="b"}'}).status == 403
    assert evil.post_json("/-/reload", {}).status == 403
    here = Client(tocsin.http, {"Origin": tocsin.http})
    assert here.post_json("/api/drop-rules", {"selector": '{a="b"}'}).status < 300
