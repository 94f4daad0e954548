"""Spans of the demo's processes, sent to Tocsin as OTLP over HTTP in JSON once a second.

As an OpenTelemetry SDK does it, without being one: the demo has no dependency that Tocsin has not.
https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar, Token
from types import TracebackType

import aiohttp
from aiohttp import web

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
"""Kinds by OpenTelemetry's number."""
_EVERY_SECONDS = 1.0
_KEPT = 5_000
_BATCH = 1_000
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_ERROR = 2
_TYPES: Mapping[type, str] = {int: "intValue"}


class ActiveSpan:
    """A span from `with` to its end; what is asked for inside is its child."""

    trace_id: str

    def __init__(
        self, tracer: Tracer, name: str, kind: int, given: Mapping[str, object], traceparent: str
    ) -> None:
        parent, remote = _current.get(), traceparent.split("-")
        is_remote = len(remote) == 4 and len(remote[1]) == 32 and len(remote[2]) == 16
        self._tracer = tracer
        self._kind = kind
        self.name = name
        self.attributes: dict[str, object] = dict(given)
        self.span_id = secrets.token_hex(8)
        if parent is not None:
            self.trace_id, self._parent_id = parent.trace_id, parent.span_id
        elif is_remote:
            self.trace_id, self._parent_id = remote[1], remote[2]
        else:
            self.trace_id, self._parent_id = secrets.token_hex(16), ""
        self._failure: str | None = None
        self._events: list[dict[str, object]] = []
        self._began_ns = 0
        self._token: Token[ActiveSpan | None] | None = None

    @property
    def traceparent(self) -> str:
        """The header that hands the trace on (W3C Trace Context)."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    def fail(self, why: str = "") -> None:
        """Say that it failed."""
        self._failure = why

    def caught(self, error: BaseException) -> None:
        """Note an exception, and that it failed by it."""
        told = traceback.format_exception(error)
        self._failure = str(error) or type(error).__name__
        attributes = {
            "exception.type": type(error).__name__,
            "exception.message": str(error),
            "exception.stacktrace": "".join(told)[-8_000:],
        }
        event = {"timeUnixNano": str(time.time_ns()), "name": "exception"}
        self._events.append({**event, "attributes": _pairs(attributes)})

    def __enter__(self) -> ActiveSpan:
        self._began_ns = time.time_ns()
        self._token = _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        place: TracebackType | None,
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        # An answer such as 404 is no failure of ours, and who goes away breaks nothing.
        if isinstance(error, Exception) and not isinstance(error, web.HTTPException):
            self.caught(error)
        self._tracer.keep(self._as_json(time.time_ns()))

    def _as_json(self, ended_ns: int) -> dict[str, object]:
        span: dict[str, object] = {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "name": self.name,
            "kind": self._kind,
            "startTimeUnixNano": str(self._began_ns),
            "endTimeUnixNano": str(ended_ns),
            "attributes": _pairs(self.attributes),
            "events": self._events,
        }
        if self._parent_id:
            span["parentSpanId"] = self._parent_id
        if self._failure is not None:
            span["status"] = {"code": _ERROR, "message": self._failure}
        return span


_current: ContextVar[ActiveSpan | None] = ContextVar("span", default=None)


class Tracer:
    """Takes spans at any time, and sends them in the background; a lost Tocsin loses the oldest."""

    def __init__(self, service: str, version: str, url: str, key: str) -> None:
        self._resource = {
            "service.name": service,
            "service.version": version,
            "deployment.environment.name": "demo",
            "telemetry.sdk.language": "python",
        }
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._waiting: deque[dict[str, object]] = deque(maxlen=_KEPT)

    def span(
        self, name: str, kind: int = INTERNAL, traceparent: str = "", **attributes: object
    ) -> ActiveSpan:
        """A span below the one that is open here, else below the sender's of `traceparent`."""
        return ActiveSpan(self, name, kind, _dotted(attributes), traceparent)

    def keep(self, span: dict[str, object]) -> None:
        """Send it with the next ones."""
        if self._url:
            self._waiting.append(span)

    async def background(self, app: web.Application) -> AsyncIterator[None]:
        """Send while the application runs, and what is left at its end."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT, headers=self._headers) as session:
            sending = asyncio.create_task(self._send_on(session))
            yield
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await self._send(session)

    async def _send_on(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await self._send(session)

    async def _send(self, session: aiohttp.ClientSession) -> None:
        if not self._waiting:
            return
        spans = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        body = {
            "resourceSpans": [
                {
                    "resource": {"attributes": _pairs(self._resource)},
                    "scopeSpans": [{"scope": {"name": "tocsin.demo"}, "spans": spans}],
                }
            ]
        }
        taken = False
        headers = {"Content-Type": "application/json"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            data = json.dumps(body).encode()
            path = f"{self._url}/v1/traces"
            async with session.post(path, data=data, headers=headers) as answer:
                # What is refused is wrong, and would be again; the rest is tried later.
                taken = answer.status < 500 and answer.status != 429
        if not taken:
            self._waiting.extendleft(reversed(spans))


def current() -> ActiveSpan | None:
    """The span that is open here, None outside of any."""
    return _current.get()


def below(
    name: str, kind: int, **attributes: object
) -> contextlib.AbstractContextManager[ActiveSpan | None]:
    """A span below the one that is open here; none outside of any."""
    here = _current.get()
    if here is None:
        return contextlib.nullcontext()
    return ActiveSpan(here._tracer, name, kind, _dotted(attributes), "")


def _dotted(attributes: Mapping[str, object]) -> dict[str, object]:
    """`http__route` is `http.route`."""
    return {name.replace("__", "."): value for name, value in attributes.items()}


def _pairs(attributes: Mapping[str, object]) -> list[dict[str, object]]:
    typed = ((name, value) for name, value in attributes.items() if value not in (None, ""))
    return [
        {"key": name, "value": {_TYPES.get(type(value), "stringValue"): str(value)}}
        for name, value in typed
    ]
