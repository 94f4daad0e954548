"""`tocsin notifications`: what was told to whom, and what did not arrive?"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.cli.calls import DEFAULT_URL, Calls, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.cli.moments import duration_seconds
from tocsin.kit.fault import Fault, Temporary

_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_ERR = Console(stderr=True, highlight=False, markup=False)
_COLOURS = {"sent": "green", "failed": "red", "retrying": "yellow", "unknown": "yellow"}


class Message(msgspec.Struct):
    """One message, as the API lists it; times in milliseconds."""

    id: int
    at: int
    receiver: str
    integration: str
    state: str
    summary: str
    fallback_of: str = ""
    attempts: int = 0
    took_ms: int = 0
    error: str = ""


class Answer(msgspec.Struct):
    """The body of `/api/notifications`."""

    notifications: list[Message]
    failing: dict[str, int] = {}
    waiting: dict[str, int] = {}


def notifications(
    url: UrlOption = DEFAULT_URL,
    token: Annotated[
        str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope read.")
    ] = "",
    failed: Annotated[
        bool, typer.Option("--failed", help="Those alone that did not arrive, or may not have.")
    ] = False,
    since: Annotated[str, typer.Option(help="How far back, such as 24h.")] = "24h",
    receiver: Annotated[str, typer.Option(help="Those to this receiver alone.")] = "",
    alert: Annotated[str, typer.Option(help="Part of an alert's name, or its fingerprint.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most that is shown.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as it came.")] = False,
) -> None:
    """List what was told to whom, the newest first.

    Examples:

        tocsin notifications --failed --since 7d

        tocsin notifications --alert DatabaseDown

    Exit codes: 0 listed, 1 the question is wrong or a channel keeps failing, 2 Tocsin cannot be
    reached, 3 nothing was found.
    """
    wanted = {"limit": str(limit), "receiver": receiver, "alert": alert}
    wanted["state"] = "troubled" if failed else ""
    try:
        body = _answered(Calls(url, token), since, wanted)
        answer = msgspec.json.decode(body, type=Answer)
    except Fault as error:
        ended(error)
    except msgspec.DecodeError as error:
        ended(Temporary(f"{url} does not answer as expected: {error}"))
    if as_json:
        typer.echo(body.decode())
    elif answer.notifications:
        _OUT.print(_table(answer.notifications))
    _warn(answer)
    if answer.failing:
        raise typer.Exit(Exit.WRONG)
    if not answer.notifications:
        _ERR.print(f"no message in the last {since}")
        raise typer.Exit(Exit.NOTHING)


def _answered(calls: Calls, since: str, wanted: dict[str, str]) -> bytes:
    """The API's answer as it came. Raises as `Calls`, and Rejected when `since` is no length."""
    asked = {"since": f"{time.time() - duration_seconds(since):.0f}", **wanted}
    return calls.content("/api/notifications", query=[one for one in asked.items() if one[1]])


def _warn(answer: Answer) -> None:
    """Which channels keep failing, and which wait for a digest."""
    for channel, since_ms in answer.failing.items():
        _ERR.print(Text("failing:", "red"), f"{channel} since {_time(since_ms)}")
    for channel, count in answer.waiting.items():
        _ERR.print(Text("waiting:", "yellow"), f"{count} messages to {channel} wait for its digest")


def _table(found: list[Message]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for column in ("id", "time", "state", "to", "what", "took"):
        shown.add_column(column, overflow="fold", justify="right" if column == "id" else "left")
    for one in found:
        what = f"{one.summary} (instead of {one.fallback_of})" if one.fallback_of else one.summary
        cells = (
            Text(str(one.id)),
            Text(_time(one.at)),
            Text(one.state, _COLOURS.get(one.state, "")),
            Text(f"{one.receiver} {one.integration}"),
            Text(f"{what}\n{one.error}" if one.error else what),
            Text(f"{one.took_ms} ms" if one.attempts else "-"),
        )
        shown.add_row(*cells)
    return shown


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
