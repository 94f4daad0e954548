"""A small program that talks to Tocsin over HTTP with nothing but the standard library."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.waiting import eventually

Labels = frozenset[tuple[str, str]]

_TIMEOUT_SECONDS = 60.0
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # Any: JSON
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True, slots=True)
class Client:
    """A caller with the same headers on every request."""

    base: str
    headers: Mapping[str, str] = field(default_factory=dict)
    at: float = 0.0
    """What queries ask about, in epoch seconds; 0 is the moment of the query."""

    def bearing(self, key: str) -> Client:
        """The same caller with a key."""
        return Client(self.base, {**self.headers, "Authorization": f"Bearer {key}"})

    def when(self, promql: str) -> Client:
        """The same caller at the first moment that it is true, as what comes later may differ:
        on a busy machine a scrape takes too long now and then, and its series end."""

        def moment() -> float:
            found = self._query(promql)
            return float(found[0]["value"][0]) if found else 0.0

        return Client(self.base, self.headers, eventually(moment))

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(
            urlsplit(self.base).netloc, timeout=_TIMEOUT_SECONDS
        )
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            content = response.read()
            if found.get("content-encoding") == "gzip":
                content = gzip.decompress(content)
            return Answer(response.status, found, content)
        finally:
            connection.close()

    def get(self, path: str, **params: str) -> Answer:
        """A GET."""
        return self.send("GET", f"{path}?{urlencode(params)}" if params else path)

    def form(self, path: str, params: Sequence[tuple[str, str]], **headers: str) -> Answer:
        """A POST of a form."""
        sent = {"Content-Type": _FORM, **headers}
        return self.send("POST", path, urlencode(params).encode(), sent)

    def post_json(self, path: str, value: object, **headers: str) -> Answer:
        """A POST of JSON."""
        sent = {"Content-Type": "application/json", **headers}
        return self.send("POST", path, json.dumps(value).encode(), sent)

    def query(self, promql: str) -> dict[Labels, float]:
        """What an instant query answers now, by labels."""
        return {
            frozenset(one["metric"].items()): float(one["value"][1]) for one in self._query(promql)
        }

    def _query(self, promql: str) -> Any:  # Any: JSON
        at = [("time", f"{self.at:.3f}")] if self.at else []
        answer = self.form("/api/v1/query", [("query", promql), *at])
        assert answer.status == 200, answer.text
        return answer.json["data"]["result"]

    def values(self, promql: str, label: str = "__name__") -> dict[str, float]:
        """What an instant query answers now, by one label; the label tells the series apart."""
        series = self.query(promql)
        found = {dict(labels).get(label, ""): value for labels, value in series.items()}
        assert len(found) == len(series), f"{label} does not tell apart: {series}"
        return found

    def samples(self, selector: str, window: str = "10m") -> dict[Labels, list[tuple[float, str]]]:
        """The raw samples of a while, as they are kept."""
        answer = self.get("/api/v1/query", query=f"{selector}[{window}]", time=f"{time.time():.3f}")
        assert answer.status == 200, answer.text
        return {
            frozenset(one["metric"].items()): [(ts, value) for ts, value in one["values"]]
            for one in answer.json["data"]["result"]
        }


def labels(**pairs: str) -> Labels:
    """A label set; `name` stands for `__name__`."""
    return frozenset(("__name__" if key == "name" else key, value) for key, value in pairs.items())
