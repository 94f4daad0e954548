"""Fixtures of the tests that use the whole product as its users do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.client import Client
from tests.e2e.product import Product, running

_PASSWORD = "a horse of one's own"


@pytest.fixture(scope="session")
def tocsin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A Tocsin that asks nobody who he is."""
    with running(tmp_path_factory.mktemp("open"), "--auth", "off") as product:
        yield product


@dataclass(frozen=True, slots=True)
class Guarded:
    """A Tocsin with login, and somebody of each kind."""

    product: Product
    ingest_key: str
    read_key: str
    admin_key: str
    browser_key: str
    cookie: str
    csrf: str

    @property
    def ingest(self) -> Client:
        return self.product.client.bearing(self.ingest_key)

    @property
    def read(self) -> Client:
        return self.product.client.bearing(self.read_key)

    @property
    def admin(self) -> Client:
        return self.product.client.bearing(self.admin_key)

    @property
    def person(self) -> Client:
        """An administrator's browser, as far as its cookie goes."""
        return Client(self.product.http, {"Cookie": self.cookie})


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A Tocsin with login: its first password used and changed, and keys made."""
    with running(tmp_path_factory.mktemp("guarded")) as product:
        cookie = _log_in(product.client, product.one_time_password)
        person = Client(product.http, {"Cookie": cookie})
        csrf = _token_of(person.get("/password").text)
        changed = person.form(
            "/password",
            [
                ("csrf", csrf),
                ("old", product.one_time_password),
                ("new", _PASSWORD),
                ("again", _PASSWORD),
            ],
        )
        assert changed.status == 303, changed.text

        def made(name: str, *scopes: str, origins: tuple[str, ...] = ()) -> str:
            wanted = {"name": name, "scopes": scopes, "origins": origins}
            answer = person.post_json("/api/tokens", wanted, **{"X-CSRF-Token": csrf})
            assert answer.status == 201, answer.text
            return str(answer.json["key"])

        yield Guarded(
            product,
            ingest_key=made("app", "ingest"),
            read_key=made("grafana", "read"),
            admin_key=made("ops", "admin"),
            browser_key=made("shop", "ingest", origins=("https://shop.example.com",)),
            cookie=cookie,
            csrf=csrf,
        )


def _log_in(client: Client, password: str) -> str:
    answer = client.form("/login", [("name", "admin"), ("password", password)])
    assert answer.status == 303, answer.text
    return answer.headers["set-cookie"].partition(";")[0]


def _token_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]
