"""How many requests does each address get, how are they answered, and how long does it take?"""

from __future__ import annotations

import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.kit import gauge

_seconds = gauge.histogram("http_request_seconds", "Time of HTTP requests.", ("route",))
_answers = gauge.counter("http_responses", "HTTP answers by status.", ("route", "code"))


class Measured:
    """Counts by the address's own path, so that ids in URLs make no series."""

    def __init__(self, app: ASGIApp, paths: Mapping[object, str]) -> None:
        """`paths` tells the path of each endpoint."""
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            route = self._paths.get(scope.get("endpoint"), "none")
            _seconds.labels(route).observe(time.perf_counter() - started)
            _answers.labels(route, status).inc()
