"""`tocsin drill`: does an alert arrive, and how long does each link of the chain take?"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.text import Text

from tocsin.cli.exits import Exit
from tocsin.kit.fault import Rejected

_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_ERR = Console(stderr=True, highlight=False, markup=False)
_COLOURS = {"ok": "green", "failed": "red", "note": "yellow"}
_MARKS = {"ok": "✓", "failed": "✗", "note": "·"}


class _Link(msgspec.Struct):
    name: str
    at: float
    after: float
    words: str
    state: str = "ok"


class _Line(msgspec.Struct):
    """One line of the answer."""

    id: str = ""
    link: _Link | None = None
    error: str = ""
    done: bool = False


def drill(
    receiver: Annotated[
        str, typer.Option(help="Find labels whose routes lead to this receiver.")
    ] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="A label of the alert: severity=critical. Repeat it.")
    ] = None,
    interval: Annotated[float, typer.Option(help="Seconds between evaluations.")] = 5.0,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for messages beyond group_wait.")
    ] = 60.0,
    url: Annotated[
        str, typer.Option(envvar="TOCSIN_URL", help="Address of Tocsin.")
    ] = "http://127.0.0.1:7777",
    token: Annotated[
        str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope admin.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print each link as JSON.")] = False,
) -> None:
    """Hold a fire drill: breach a rule on purpose and time every link until people are told.

    Real messages go out. Their alert is called DRILL and says that nothing is wrong. Ctrl-C ends
    the drill and cleans up.

    Examples:

        tocsin drill --receiver on-call

        tocsin drill --label severity=critical --label team=db

    Exit codes: 0 everybody was told, 1 the request is wrong or a link broke, 2 Tocsin cannot be
    reached.
    """
    try:
        labels = dict(_pair(text) for text in label or [])
        asked = {
            "receiver": receiver, "labels": labels, "interval": interval, "patience": patience,
        }  # fmt: skip
        is_whole = asyncio.run(_hold(url.rstrip("/") + "/api/drills", asked, token, as_json))
    except Rejected as error:
        _ERR.print(Text("error:", "red"), str(error))
        raise typer.Exit(Exit.WRONG) from None
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        words = str(error) or "timed out"
        _ERR.print(Text("error:", "red"), f"{url} does not answer as expected: {words}")
        raise typer.Exit(Exit.UNREACHABLE) from None
    if not is_whole:
        raise typer.Exit(Exit.WRONG)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise Rejected(f"{text!r} is no label; write name=value")
    return name, value


async def _hold(url: str, asked: dict[str, object], token: str, as_json: bool) -> bool:
    """Print the links as they come; whether all of them held."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limit = aiohttp.ClientTimeout(total=7200)
    is_whole, is_done = True, False
    session = aiohttp.ClientSession(timeout=limit, headers=headers)
    async with session, session.post(url, json=asked) as response:
        if response.status != 200:
            raise Rejected(_refusal(response.status, await response.read()))
        async for raw in response.content:
            line = msgspec.json.decode(raw, type=_Line)
            if line.error:
                raise Rejected(line.error)
            if as_json:
                _OUT.out(raw.decode().strip(), highlight=False)
            elif line.id:
                _OUT.print(f"drill {line.id}")
            elif line.link is not None:
                _show(line.link)
            if line.link is not None and line.link.state == "failed":
                is_whole = False
            is_done = is_done or line.done
    if not is_done:
        raise TimeoutError("the answer broke off")
    return is_whole


def _show(link: _Link) -> None:
    mark = Text(_MARKS.get(link.state, "·"), _COLOURS.get(link.state, ""))
    _OUT.print(mark, f"{link.after:>8.2f} s  {link.name:<16} {link.words}")


def _refusal(status: int, body: bytes) -> str:
    if status in (401, 403):
        return (
            "Tocsin wants a token with the scope admin: make one on the page Settings, "
            "then pass --token or set TOCSIN_TOKEN"
        )
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return f"Tocsin answers {status}"
