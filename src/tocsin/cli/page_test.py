"""`tocsin oncall test-page`: do pages reach somebody, and how soon do they answer?"""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.cli.moments import duration_seconds
from tocsin.kit.fault import Fault

_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_POLL_SECONDS = 2.0
_PATH = "/api/oncall/test-pages"


class _Way(msgspec.Struct):
    method: str
    kind: str
    took_ms: int = 0
    error: str = ""


class _Test(msgspec.Struct):
    id: str
    person: str
    at_ms: int
    ways: list[_Way] = []
    answered_ms: int = 0


def page_test(
    person: Annotated[str, typer.Argument(help="Who is paged, by every way at once.")],
    wait: Annotated[
        str, typer.Option(help="Wait so long for the answer, e.g. 5m; not at all without it.")
    ] = "0s",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Page somebody as a test, by every way, and say how long each took.

    Exit codes: 0 every way took it (and it was answered, with --wait), 1 refused, 2 Tocsin cannot
    be reached, 3 a way did not work, or no answer came.
    """
    calls = Calls(url, token)
    try:
        seconds = duration_seconds(wait)
        done = calls.read("POST", _PATH, _Test, body={"person": person})
        until = time.monotonic() + seconds
        while seconds and not done.answered_ms and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
            done = _again(calls, done)
    except Fault as error:
        ended(error)
    if as_json:
        _OUT.out(msgspec.json.encode(done).decode(), highlight=False)
    else:
        _OUT.print(_table(done))
        if done.answered_ms:
            typer.echo(f"answered after {(done.answered_ms - done.at_ms) / 1000:.0f} s")
        elif seconds:
            typer.echo("no answer came", err=True)
    failed = any(way.error for way in done.ways) or (seconds and not done.answered_ms)
    if failed:
        raise typer.Exit(Exit.NOTHING)


def _again(calls: Calls, test: _Test) -> _Test:
    found = calls.read("GET", _PATH, list[_Test])
    return next((one for one in found if one.id == test.id), test)


def _table(test: _Test) -> Table:
    table = Table("way", "kind", "took", "outcome", box=None, pad_edge=False)
    for way in test.ways:
        took = f"{way.took_ms / 1000:.1f} s"
        table.add_row(*map(Text, (way.method, way.kind, took, way.error or "taken")))
    return table
