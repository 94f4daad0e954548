"""The first administrator: his one-time password used and changed, and keys made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.e2e.client import Client

_PASSWORD = "a horse of one's own"


@dataclass(frozen=True, slots=True)
class Admin:
    """An administrator's browser, and what its forms carry."""

    client: Client
    cookie: str
    csrf: str

    def make_key(self, name: str, *scopes: str, origins: tuple[str, ...] = ()) -> str:
        """A new key that opens these."""
        wanted = {"name": name, "scopes": scopes, "origins": origins}
        answer = self.client.post_json("/api/tokens", wanted, **{"X-CSRF-Token": self.csrf})
        assert answer.status == 201, answer.text
        return str(answer.json["key"])


def first_login(client: Client, one_time_password: str) -> Admin:
    """Log in as the first person does, with a password of one's own from then on."""
    answer = client.form("/login", [("name", "admin"), ("password", one_time_password)])
    assert answer.status == 303, answer.text
    cookie = answer.headers["set-cookie"].partition(";")[0]
    person = Client(client.base, {"Cookie": cookie})
    csrf = _token_of(person.get("/password").text)
    changed = person.form(
        "/password",
        [("csrf", csrf), ("old", one_time_password), ("new", _PASSWORD), ("again", _PASSWORD)],
    )
    assert changed.status == 303, changed.text
    return Admin(person, cookie, csrf)


def _token_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]
