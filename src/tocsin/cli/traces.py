"""`tocsin traces` finds traces, `tocsin trace` shows one, on a terminal or in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import Annotated

import msgspec
import typer

from tocsin.cli.calls import DEFAULT_URL, Calls, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.cli.moments import moment_seconds
from tocsin.cli.trace_drawing import listed, waterfall
from tocsin.kit.fault import Fault, Rejected
from tocsin.model.shown_trace import ShownTrace, ShownTraces

TokenOption = Annotated[
    str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope read.")
]
OutputOption = Annotated[str, typer.Option("--output", "-o", help="pretty or json.")]
ColourOption = Annotated[
    bool | None, typer.Option("--color/--no-color", help="By itself on a terminal alone.")
]
_FORMATS = ("pretty", "json")
_WIDTH = 120


def traces(
    question: Annotated[
        str, typer.Argument(help="What to look for: 'service:api duration>500ms status:error'")
    ] = "",
    since: Annotated[str, typer.Option(help="How far back: 15m, 1h, 7d, or a time.")] = "1h",
    until: Annotated[str, typer.Option(help="Up to when: now, now-5m, RFC 3339.")] = "now",
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many traces.")
    ] = 20,
    slowest: Annotated[
        bool, typer.Option("--slowest", help="The slowest first, not the newest.")
    ] = False,
    output: OutputOption = "pretty",
    color: ColourOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Print the traces that have a span which answers the question.

    Examples:

        tocsin traces 'service:api duration>500ms' --since 1h

        tocsin traces 'http.status_code>=500' --since 1d -o json | jq -r '.traces[].trace_id'

    Exit codes: 0 traces were found, 1 the question is wrong, 2 Tocsin cannot be reached, 3 nothing
    was found.
    """
    try:
        _check(output)
        query = [*_range(since, until), ("q", question), ("limit", str(limit))]
        query.append(("order", "slowest" if slowest else "newest"))
        body = Calls(url, token).content("/api/traces/search", query=query)
        found = msgspec.json.decode(body, type=ShownTraces)
    except Fault as error:
        ended(error)
    if output == "json":
        _write(body.decode() + "\n")
    else:
        for line in listed(found.traces, coloured=_is_coloured(color)):
            _write(line)
    if not found.traces:
        typer.echo("no traces: no span of that range answers", err=True)
        raise typer.Exit(Exit.NOTHING)


def trace(
    trace_id: Annotated[str, typer.Argument(help="The trace's id, 32 hexadecimal digits.")],
    output: OutputOption = "pretty",
    color: ColourOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Print one trace as a waterfall, or whole as JSON.

    Exit codes: 0 it was found, 1 that is no id, 2 Tocsin cannot be reached, 3 it is not kept.
    """
    try:
        _check(output)
        if not trace_id.isalnum():
            raise Rejected(f"{trace_id[:80]!r} is no trace id; one has 32 hexadecimal digits")
        body = Calls(url, token).content(f"/api/traces/{trace_id}")
        found = msgspec.json.decode(body, type=ShownTrace)
    except Fault as error:
        ended(error)
    if output == "json":
        _write(body.decode() + "\n")
        return
    width = shutil.get_terminal_size((_WIDTH, 40)).columns
    for line in waterfall(found, width, coloured=_is_coloured(color)):
        _write(line)


def _check(output: str) -> None:
    if output not in _FORMATS:
        raise Rejected(f"-o is one of {', '.join(_FORMATS)}, not {output!r}")


def _range(since: str, until: str) -> list[tuple[str, str]]:
    now = time.time()
    end = moment_seconds(until, now)
    try:
        start = moment_seconds(f"now-{since}", end)
    except Rejected:
        start = moment_seconds(since, now)
    if start >= end:
        raise Rejected("the range ends before it begins; look at --since and --until")
    # A span that begins this very moment belongs to what was until now.
    last = int(end * 1e9) + (1_000_000_000 if until == "now" else 0)
    return [("from", str(int(start * 1e9))), ("to", str(last))]


def _is_coloured(wanted: bool | None) -> bool:
    if wanted is not None:
        return wanted
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _write(text: str) -> None:
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # `head` has enough; a second error while Python flushes would be noise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
