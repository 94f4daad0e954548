"""What went wrong in a process of the demo, told as an SDK of Sentry tells it: events in envelopes.

Written by hand rather than with an SDK, which everybody who installs Tocsin would have to install.
The format: https://develop.sentry.dev/sdk/data-model/envelopes/
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import linecache
import platform
import secrets
import socket
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from types import FrameType, TracebackType

import aiohttp
from aiohttp import web

PROJECT = 7
"""The number of the demo's project: what its DSN ends with."""
RELEASE = "shop@1.4.2"

_OURS = Path(__file__).parent
_EVERY_SECONDS = 0.5
_KEPT = 200
_CRUMBS = 30
_AROUND = 5
_LOCALS = 12
_CHARACTERS = 200
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class FaultReport:
    """Collects what went wrong and sends it twice a second; keeps the last 200 while Tocsin is
    away."""

    def __init__(self, service: str, url: str, key: str) -> None:
        self._service = service
        self._url = f"{url}/api/{PROJECT}/envelope/" if url else ""
        self._auth = f"Sentry sentry_version=7, sentry_client=tocsin-demo/1.0, sentry_key={key}"
        self._crumbs: deque[dict[str, object]] = deque(maxlen=_CRUMBS)
        self._waiting: deque[bytes] = deque(maxlen=_KEPT)

    def crumb(self, category: str, message: str, level: str = "info", **data: object) -> None:
        """Note something that may have led to an error."""
        found = {"timestamp": time.time(), "category": category, "message": message}
        self._crumbs.append({**found, "level": level, "data": data})

    def tell(
        self,
        error: BaseException,
        *,
        trace_id: str = "",
        user: str = "",
        transaction: str = "",
        request: Mapping[str, object] | None = None,
        handled: bool = True,
    ) -> None:
        """An exception was caught; `transaction` names what was being done."""
        event: dict[str, object] = {
            "event_id": secrets.token_hex(16),
            "timestamp": time.time(),
            "platform": "python",
            "level": "error",
            "release": RELEASE,
            "environment": "demo",
            "server_name": socket.gethostname(),
            "transaction": transaction,
            "tags": {"service": self._service},
            "exception": {"values": list(_chain(error, handled=handled))},
            "breadcrumbs": {"values": list(self._crumbs)},
            "contexts": {
                "runtime": {"name": platform.python_implementation(), "version": _version()},
                "trace": {"trace_id": trace_id, "span_id": secrets.token_hex(8)},
            },
            "sdk": {"name": "tocsin.demo", "version": "1.0"},
        }
        if user:
            event["user"] = {"id": user}
        if request:
            event["request"] = dict(request)
        self._add(event)

    def _add(self, event: Mapping[str, object]) -> None:
        head = json.dumps({"event_id": event["event_id"]})
        body = json.dumps(event)
        item = json.dumps({"type": "event", "length": len(body.encode())})
        self._waiting.append(f"{head}\n{item}\n{body}\n".encode())

    async def background(self, app: web.Application) -> AsyncIterator[None]:
        """Send while the application runs, and what is left at its end."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
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
        headers = {"Content-Type": "application/x-sentry-envelope", "X-Sentry-Auth": self._auth}
        while self._waiting and self._url:
            body = self._waiting.popleft()
            taken = False
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.post(self._url, data=body, headers=headers) as answer:
                    # What is refused is wrong, and would be again; the rest is tried later.
                    taken = answer.status < 500 and answer.status != 429
            if not taken:
                self._waiting.appendleft(body)
                return


def _version() -> str:
    return platform.python_version()


def _chain(error: BaseException, *, handled: bool) -> Iterator[dict[str, object]]:
    """The first cause first."""
    if error.__cause__ is not None:
        yield from _chain(error.__cause__, handled=True)
    yield {
        "type": type(error).__name__,
        "value": str(error),
        "module": type(error).__module__,
        "mechanism": {"type": "generic", "handled": handled},
        "stacktrace": {"frames": list(_frames(error.__traceback__))},
    }


def _frames(trace: TracebackType | None) -> Iterator[dict[str, object]]:
    """The oldest call first."""
    for frame, line in traceback.walk_tb(trace):
        path = frame.f_code.co_filename
        is_ours = Path(path).parent == _OURS
        named = str(frame.f_globals.get("__name__", ""))
        module = f"tocsin.demo.{Path(path).stem}" if is_ours else named
        yield {
            "filename": f"{module.replace('.', '/')}.py" if module else path,
            "abs_path": path,
            "function": frame.f_code.co_name,
            "module": module,
            "lineno": line,
            "in_app": is_ours,
            "pre_context": _lines(path, range(line - _AROUND, line)),
            "context_line": _lines(path, range(line, line + 1))[0],
            "post_context": _lines(path, range(line + 1, line + 1 + _AROUND)),
            "vars": dict(_locals(frame)),
        }


def _lines(path: str, numbers: range) -> list[str]:
    return [linecache.getline(path, number).rstrip("\n") for number in numbers if number > 0]


def _locals(frame: FrameType) -> Iterator[tuple[str, str]]:
    """What is plain enough to be shown."""
    plain = (str, int, float, bool, type(None), list, tuple, dict)
    told = [(name, value) for name, value in frame.f_locals.items() if isinstance(value, plain)]
    for name, value in told[:_LOCALS]:
        yield name, repr(value)[:_CHARACTERS]
