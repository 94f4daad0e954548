"""How does a command ask a running Tocsin to do something?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, NoReturn, TypeVar

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.text import Text

from tocsin.cli.exits import Exit
from tocsin.kit.fault import Fault, NotFound, Rejected, Temporary

T = TypeVar("T")

UrlOption = Annotated[str, typer.Option(envvar="TOCSIN_URL", help="Address of Tocsin.")]
TokenOption = Annotated[
    str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope admin; read to list.")
]
DEFAULT_URL = "http://127.0.0.1:7777"

_ERR = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
_LIMIT_SECONDS = 30.0
_LONGEST_WORDS = 500


class _Problem(msgspec.Struct):
    error: str = ""
    message: str = ""


class Calls:
    """A running Tocsin's API with one credential."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token

    def read(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        body: object = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> T:
        """The answer to one call. Raises Rejected, NotFound or Temporary in the server's words."""
        answer = asyncio.run(self._send(method, path, body, query))
        try:
            return msgspec.json.decode(answer or b"null", type=kind)
        except msgspec.DecodeError as error:
            raise Temporary(f"{self._url} does not answer as expected: {error}") from error

    def content(self, path: str, *, query: Sequence[tuple[str, str]] = ()) -> bytes:
        """A file as it is. Raises as `read`."""
        return asyncio.run(self._send("GET", path, None, query))

    async def _send(
        self, method: str, path: str, body: object, query: Sequence[tuple[str, str]]
    ) -> bytes:
        headers = {"X-Tocsin-Source": "cli"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        limit = aiohttp.ClientTimeout(total=_LIMIT_SECONDS)
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit, headers=headers) as session,
                session.request(method, self._url + path, data=data, params=query) as response,
            ):
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            words = f"{self._url} does not answer: {str(error) or 'timed out'}"
            raise Temporary(words) from error
        if response.status < 300:
            return answer
        words = _words(answer) or f"{self._url} answers status {response.status}"
        if response.status == 404:
            raise NotFound(words)
        if response.status in (401, 403):
            raise Rejected(f"{words}; pass --token or set TOCSIN_TOKEN")
        if response.status < 500:
            raise Rejected(words)
        raise Temporary(words)


def _words(answer: bytes) -> str:
    """The error of an answer: Alertmanager's is a text, ours an object."""
    try:
        found = msgspec.json.decode(answer, type=_Problem | str)
    except msgspec.DecodeError:
        return ""
    return (found if isinstance(found, str) else found.error or found.message)[:_LONGEST_WORDS]


def ended(error: Fault) -> NoReturn:
    """Say what went wrong and end with the exit code that says so too."""
    _ERR.print(Text("error:", "red"), str(error))
    if isinstance(error, NotFound):
        raise typer.Exit(Exit.NOTHING) from None
    raise typer.Exit(Exit.UNREACHABLE if isinstance(error, Temporary) else Exit.WRONG) from None
