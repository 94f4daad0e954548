"""Members write on the status page by the API; others may not, and nobody overwrites unseen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.client import Client
from tests.e2e.product import CONFIG, Product, running
from tests.waiting import eventually

pytestmark = pytest.mark.slow

PAGE = """
status_page:
  components: [{name: API, id: api, services: [api-svc], monitor: vector(1)}]
alerting:
  maintenance: [{name: CANARY vacuum, matchers: ['service="CANARY"'], every: daily 02:00-04:00}]
"""
POST = {"title": "Down", "text": "We look.", "components": ["api-svc"], "impact": "major"}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("status")
    with running(folder, "--auth", "off", config=CONFIG + PAGE) as made:
        eventually(lambda: made.client.get("/status").status == 200)
        yield made


@pytest.fixture
def client(product: Product) -> Client:
    return product.client


def _json(client: Client, method: str, path: str, body: bytes = b"") -> int:
    return client.send(method, path, body, {"Content-Type": "application/json"}).status


def test_a_post_is_opened_updated_corrected_and_removed(client: Client) -> None:
    made = client.post_json("/api/status-page/posts", POST)
    assert made.status == 201
    assert made.json["components"] == ["api"]
    one = f"/api/status-page/posts/{made.json['id']}"
    update = {"status": "identified", "text": "A disk.", "version": 1}
    assert client.post_json(f"{one}/updates", update).json["version"] == 2
    stale = client.post_json(f"{one}/updates", update)
    assert stale.status == 409
    assert "changed meanwhile" in stale.json["error"]
    assert stale.json["post"]["version"] == 2
    assert _json(client, "PATCH", one, b'{"version": 2, "title": "It is down"}') == 200
    eventually(lambda: "It is down" in client.get("/status").text)
    assert client.get(one).json["title"] == "It is down"
    assert _json(client, "DELETE", one) == 204
    assert client.get(one).status == 404
    eventually(lambda: "It is down" not in client.get("/status").text)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        pytest.param("posts", {**POST, "components": ["apo"]}, "did you mean", id="a component"),
        pytest.param("posts", {**POST, "title": " "}, "needs a title", id="no title"),
        pytest.param("posts", {**POST, "impact": "huge"}, "impact", id="an impact"),
        pytest.param("posts", {**POST, "incident": "INC-1999-1"}, "INC-1999-1", id="an incident"),
        pytest.param("posts", {**POST, "status": "scheduled"}, "status", id="a status"),
        pytest.param(
            "maintenances",
            {"title": "W", "text": "x", "starts": "2099-01-01 00:00"},
            "ends or duration",
            id="work without end",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    client: Client, path: str, body: dict[str, object], words: str
) -> None:
    answer = client.post_json(f"/api/status-page/{path}", body)
    assert 400 <= answer.status < 500
    assert words in answer.text


def test_a_window_is_public_in_words_of_its_own(client: Client) -> None:
    (window,) = client.get("/api/maintenance").json
    path = f"/api/status-page/windows/{window['id']}"
    body = b'{"title": "Tidying up", "text": "No effect expected.", "components": ["API"]}'
    assert _json(client, "PUT", path, body) == 204
    eventually(lambda: "Tidying up" in client.get("/status").text)
    public = client.get("/status").text + client.get("/status/maintenance.ics").text
    assert "CANARY" not in public
    assert _json(client, "DELETE", path) == 204
    eventually(lambda: "Tidying up" not in client.get("/status").text)


def test_a_component_is_set_and_taken_back(client: Client) -> None:
    path = "/api/status-page/components/api/override"
    body = b'{"state": "major_outage", "duration": "1h", "reason": "CANARY"}'
    assert _json(client, "PUT", path, body) == 204

    def state() -> str:
        return str(client.get("/api/status-page").json["components"][0]["state"])

    eventually(lambda: state() == "major_outage")
    assert "CANARY" not in client.get("/status").text
    assert _json(client, "DELETE", path) == 204
    eventually(lambda: state() == "operational")
    assert _json(client, "DELETE", path) == 404
    assert _json(client, "PUT", "/api/status-page/components/no/override", body) == 404


def test_who_asks_too_often_waits_and_others_behind_the_same_proxy_do_not(client: Client) -> None:
    def ask(visitor: str) -> int:
        fields = [("kind", "webhook"), ("address", "https://10.0.0.1/")]
        answer = client.form("/status/subscribe", fields, **{"X-Forwarded-For": visitor})
        return answer.status

    assert [ask("203.0.113.7") for _ in range(11)] == [400] * 10 + [429]
    assert ask("203.0.113.8") == 400


def test_a_new_configuration_is_shown_and_a_wrong_one_is_not(product: Product) -> None:
    file, client = product.folder / "tocsin.yaml", product.client
    before = file.read_text()
    file.write_text(before.replace("status_page:", "status_page:\n  title: Another title"))
    eventually(lambda: "Another title" in client.get("/status").text)
    file.write_text(before.replace("status_page:", "status_page:\n  logo: missing.svg"))
    eventually(lambda: "cannot read" in client.get("/system").text)
    assert "Another title" in client.get("/status").text
    file.write_text(before.replace("status_page:", "status_page:\n  enabled: false"))
    eventually(lambda: client.get("/status").status == 404)
    file.write_text(before)
    eventually(lambda: client.get("/status").status == 200)


def test_who_is_nobody_reads_the_page_and_writes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("locked")
    with running(folder, config=CONFIG + PAGE) as locked:
        client = locked.client
        eventually(lambda: client.get("/status").status == 200)
        assert client.post_json("/api/status-page/posts", POST).status == 401
        assert client.get("/api/status-page").status == 401
        assert client.get("/status/api/v2/summary.json").status == 200
