"""`tocsin query`: ask a running Tocsin, or any Prometheus, from a terminal."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.text import Text

from tocsin.cli import answers
from tocsin.cli.exits import Exit
from tocsin.cli.moments import duration_seconds, moment_seconds
from tocsin.kit.fault import Rejected

_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_ERR = Console(stderr=True, highlight=False, markup=False)


def query(
    expression: Annotated[str, typer.Argument(help="PromQL, for example: up == 0")],
    url: Annotated[
        str, typer.Option(envvar="TOCSIN_URL", help="Address of Tocsin or of a Prometheus.")
    ] = "http://127.0.0.1:7777",
    token: Annotated[
        str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope read.")
    ] = "",
    at: Annotated[
        str, typer.Option(help="Time of an instant query: now, now-5m, RFC 3339.")
    ] = "now",
    since: Annotated[str, typer.Option(help="Ask for a range: this long until --at.")] = "",
    step: Annotated[
        str, typer.Option(help="Distance of a range's points; default: 250 points.")
    ] = "",
    output: Annotated[
        str, typer.Option("--output", "-o", help="table, json, csv or graph.")
    ] = "table",
    timeout: Annotated[float, typer.Option(help="Give up after this many seconds.")] = 120.0,
) -> None:
    """Ask a question in PromQL and print the answer.

    Examples:

        tocsin query 'up'

        tocsin query 'sum by (job) (rate(http_requests_total[5m]))' --since 1h -o graph

    Exit codes: 0 answered, 1 the query is wrong, 2 Tocsin cannot be reached, 3 nothing was found.
    """
    try:
        path, form = _question(expression, at, since, step)
        answer = asyncio.run(_ask(url.rstrip("/") + path, form, token, timeout))
        found = _print(answer, output)
    except Rejected as error:
        _ERR.print(Text("error:", "red"), str(error))
        raise typer.Exit(Exit.WRONG) from None
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        _ERR.print(
            Text("error:", "red"), f"{url} does not answer as expected: {str(error) or 'timed out'}"
        )
        raise typer.Exit(Exit.UNREACHABLE) from None
    if not found:
        _ERR.print("no series: nothing matches at that time")
        raise typer.Exit(Exit.NOTHING)


def _print(answer: answers.Answer, output: str) -> int:
    """Print the answer and its notes; returns how many series it had."""
    if answer.status != "success":
        raise Rejected(f"{answer.errorType}: {answer.error}")
    for note in (*answer.warnings, *answer.infos):
        _ERR.print(Text("note:", "yellow"), note)
    found = answers.series_of(answer.data)
    if found or output != "table":
        answers.show(_OUT, answer.data, output)
    return len(found)


def _question(expression: str, at: str, since: str, step: str) -> tuple[str, dict[str, str]]:
    end = moment_seconds(at, time.time())
    if not since:
        return "/api/v1/query", {"query": expression, "time": f"{end:.3f}"}
    length = duration_seconds(since)
    every = duration_seconds(step) if step else max(1.0, round(length / 250))
    form = {"query": expression, "start": f"{end - length:.3f}", "end": f"{end:.3f}"}
    return "/api/v1/query_range", {**form, "step": f"{every:.3f}"}


async def _ask(url: str, form: dict[str, str], token: str, timeout: float) -> answers.Answer:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limit = aiohttp.ClientTimeout(total=timeout)
    async with (
        aiohttp.ClientSession(timeout=limit, headers=headers) as session,
        session.post(url, data=form) as response,
    ):
        body = await response.read()
    if response.status in (401, 403):
        raise Rejected(
            "Tocsin wants a token with the scope read: make one on the page Settings, "
            "then pass --token or set TOCSIN_TOKEN"
        )
    return msgspec.json.decode(body, type=answers.Answer)
