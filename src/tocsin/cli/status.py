"""`tocsin status`: is it up, and how is it?"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Annotated

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.cli.exits import Exit
from tocsin.cli.serve import ConfigOption, DataOption, overrides
from tocsin.kit.fault import Fault

_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_ERR = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
_LIMIT_SECONDS = 10.0


class Check(msgspec.Struct):
    """One part's health, as `/health` tells it."""

    status: str
    response_time: int | None = None
    error: str | None = None
    details: dict[str, int] = {}


class Health(msgspec.Struct):
    """The body of `/health`; `uptime` in seconds."""

    status: str
    checks: dict[str, Check]
    version: str
    uptime: float


def status(
    url: Annotated[
        str,
        typer.Option(envvar="TOCSIN_URL", help="Address; without one, what runs on --data."),
    ] = "",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as it came.")] = False,
) -> None:
    """Say whether Tocsin is up and how each part of it is; no key is needed.

    Exit codes: 0 well (a degraded part is named), 1 a part does not work, 2 it does not answer,
    3 nothing runs on the data folder.
    """
    address = url.rstrip("/") or _running(config, data)
    try:
        body = asyncio.run(_ask(f"{address}/health"))
        health = msgspec.json.decode(body, type=Health)
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        _ERR.print(Text("error:", "red"), f"{address} does not answer: {str(error) or 'timed out'}")
        raise typer.Exit(Exit.UNREACHABLE) from None
    if as_json:
        typer.echo(body.decode())
    else:
        up = dt.timedelta(seconds=round(health.uptime))
        _OUT.print(f"{address}: {health.status}, version {health.version}, up {up}")
        _OUT.print(_table(health))
    if health.status == "unhealthy":
        raise typer.Exit(Exit.WRONG)


def _running(config: ConfigOption, data: DataOption) -> str:
    from tocsin.app.config import load_config
    from tocsin.app.run import running_on

    try:
        loaded = load_config(
            config, overrides(data=data, http=None, otlp_http=None, otlp_grpc=None)
        )
        running = running_on(loaded.config)
    except Fault as error:
        _ERR.print(Text("error:", "red"), str(error))
        raise typer.Exit(Exit.WRONG) from None
    if running is None:
        _ERR.print(f"nothing runs on {loaded.config.data}; start it with: tocsin serve")
        raise typer.Exit(Exit.NOTHING)
    return running.http


async def _ask(url: str) -> bytes:
    limit = aiohttp.ClientTimeout(total=_LIMIT_SECONDS)
    async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as response:
        return await response.read()


def _table(health: Health) -> Table:
    shown = Table(box=None, pad_edge=False)
    for column in ("part", "state", ""):
        shown.add_column(column, overflow="fold")
    for name, check in health.checks.items():
        facts = [f"{key} {value:,}" for key, value in check.details.items()]
        if check.response_time is not None:
            facts.append(f"answered in {check.response_time} ms")
        shown.add_row(name, check.status, check.error or ", ".join(facts))
    return shown
