"""Fixtures of the tests that use the whole product as its users do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.client import Client
from tests.e2e.first_login import first_login
from tests.e2e.product import Product, running


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
        admin = first_login(product.client, product.one_time_password)
        yield Guarded(
            product,
            ingest_key=admin.make_key("app", "ingest"),
            read_key=admin.make_key("grafana", "read"),
            admin_key=admin.make_key("ops", "admin"),
            browser_key=admin.make_key("shop", "ingest", origins=("https://shop.example.com",)),
            cookie=admin.cookie,
            csrf=admin.csrf,
        )
