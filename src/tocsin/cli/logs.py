"""`tocsin logs`: find lines, follow them, count them, from a terminal or in a pipe."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.text import Text

from tocsin.cli.exits import Exit
from tocsin.cli.log_asker import LogAsker
from tocsin.cli.log_lines import FORMATS
from tocsin.cli.moments import moment_seconds
from tocsin.kit.fault import Rejected, Temporary

_ERR = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

QuestionArgument = Annotated[
    str, typer.Argument(help='What to look for: level:error service:api "timed out"')
]
SinceOption = Annotated[str, typer.Option(help="How far back: 15m, 1h, 7d, or a time.")]
UntilOption = Annotated[str, typer.Option(help="Up to when: now, now-5m, RFC 3339.")]
LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=0, help="At most so many lines; 0 is all of them.")
]
FollowOption = Annotated[
    bool, typer.Option("--follow", "-f", help="Go on with lines as they come.")
]
OutputOption = Annotated[
    str, typer.Option("--output", "-o", help="pretty, json (one a line), csv or raw.")
]
OldestOption = Annotated[
    bool, typer.Option("--oldest", help="The first lines of the range, not its last.")
]
CountOption = Annotated[bool, typer.Option("--count", help="Only how many lines there are.")]
HistogramOption = Annotated[
    bool, typer.Option("--histogram", help="Only how many there were when, by level.")
]
ColorOption = Annotated[
    bool | None, typer.Option("--color/--no-color", help="By itself on a terminal alone.")
]
UrlOption = Annotated[str, typer.Option(envvar="TOCSIN_URL", help="Address of Tocsin.")]
TokenOption = Annotated[
    str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope read.")
]


def logs(
    question: QuestionArgument = "",
    since: SinceOption = "1h",
    until: UntilOption = "now",
    limit: LimitOption = 200,
    follow: FollowOption = False,
    output: OutputOption = "pretty",
    oldest: OldestOption = False,
    count: CountOption = False,
    histogram: HistogramOption = False,
    color: ColorOption = None,
    url: UrlOption = "http://127.0.0.1:7777",
    token: TokenOption = "",
) -> None:
    """Print log lines, the newest last.

    Examples:

        tocsin logs 'level:error service:api' --since 1h --follow

        tocsin logs '"payment failed"' --since 7d --limit 0 -o json | jq .attributes.region

        tocsin logs 'level>=warn' --histogram

    Exit codes: 0 lines were found, 1 the question is wrong, 2 Tocsin cannot be reached, 3 nothing
    was found.
    """
    with _told(url):
        if output not in FORMATS:
            raise Rejected(f"-o is one of {', '.join(FORMATS)}, not {output!r}")
        asker = LogAsker(url.rstrip("/"), token, output, coloured=_is_coloured(color))
        span = _span(since, until)
        if count:
            found = asyncio.run(asker.count(question, span))
        elif histogram:
            found = asyncio.run(asker.histogram(question, span))
        else:
            found = asyncio.run(asker.lines(question, span, limit, oldest=oldest, follow=follow))
        sys.stdout.buffer.flush()
    if not found and not follow:
        _ERR.print("no lines: nothing matches in that range")
        raise typer.Exit(Exit.NOTHING)


@contextmanager
def _told(url: str) -> Iterator[None]:
    """What goes wrong is one line on the error output and an exit code."""
    try:
        yield
    except Rejected as error:
        _ERR.print(Text("error:", "red"), str(error))
        raise typer.Exit(Exit.WRONG) from None
    except (aiohttp.ClientError, TimeoutError, Temporary, msgspec.DecodeError) as error:
        _ERR.print(Text("error:", "red"), f"{url} does not answer: {str(error) or 'timed out'}")
        raise typer.Exit(Exit.UNREACHABLE) from None
    except BrokenPipeError:
        # `head` has enough; a second error while Python flushes would be noise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _is_coloured(wanted: bool | None) -> bool:
    if wanted is not None:
        return wanted
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _span(since: str, until: str) -> dict[str, str]:
    now = time.time()
    end = moment_seconds(until, now)
    try:
        start = moment_seconds(f"now-{since}", end)
    except Rejected:
        start = moment_seconds(since, now)
    if start >= end:
        raise Rejected("the range ends before it begins; look at --since and --until")
    # A line that comes this very moment belongs to what was said until now.
    last = int(end * 1e9) + (1_000_000_000 if until == "now" else 0)
    return {"from": str(int(start * 1e9)), "to": str(last)}
