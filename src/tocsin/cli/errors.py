"""`tocsin errors`: what applications' errors are, and what is done about them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.moments import duration_seconds
from tocsin.errortracking.answers import ActEntry, EventShown, Frame, IssuePage
from tocsin.kit.fault import Fault
from tocsin.model.errors import Issue, IssueState
from tocsin.model.logs import level_name

app = typer.Typer(help="Issues: errors of applications that have one cause.", no_args_is_help=True)
_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_IDS = typer.Argument(metavar="ISSUE…", help="The numbers of issues.")
_FRAMES = 12
Note = Annotated[str, typer.Option("--comment", "-c", help="Why.")]


class Order(Enum):
    """By what issues are ordered."""

    LAST = "last"
    FIRST = "first"
    TIMES = "times"
    PEOPLE = "people"


@app.command("list")
def list_(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD…]", help="Such as is:open level:error project:shop cart."),
    ] = None,
    order: Annotated[Order, typer.Option(help="The latest, newest, most frequent first.")] = (
        Order.LAST
    ),
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 25,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's JSON.")] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """List issues; the open ones unless a word says otherwise.

    Example: tocsin errors list project:shop release:1.4.0 --order times

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached.
    """
    asked = " ".join(words or [])
    if "is:" not in asked:
        asked = f"{asked} is:open".strip()
    query = [("q", asked), ("order", order.value), ("limit", str(limit))]
    try:
        page = Calls(url, token).read("GET", "/api/errors/issues", IssuePage, query=query)
    except Fault as fault:
        ended(fault)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(page)).decode())
        return
    _OUT.print(_table(page.issues))
    if page.total > len(page.issues):
        typer.echo(f"{len(page.issues)} of {page.total:,}", err=True)


@app.command()
def show(
    issue: Annotated[int, typer.Argument(help="The number of an issue.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print its latest error as JSON.")
    ] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Show an issue, its latest error with its stack, and what was done about it.

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached.
    """
    calls, path = Calls(url, token), f"/api/errors/issues/{issue}"
    try:
        one = calls.read("GET", path, Issue)
        latest = calls.read("GET", f"{path}/events/latest", EventShown)
        history = calls.read("GET", f"{path}/acts", list[ActEntry])
    except Fault as fault:
        ended(fault)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(latest)).decode())
        return
    _OUT.print(_head(one))
    for line in _stack(latest):
        _OUT.print(line)
    for entry in history:
        _OUT.print(f"{_when(entry.at_ms)}  {entry.author}: {entry.text}")


@app.command()
def resolve(
    issues: Annotated[list[int], _IDS],
    release: Annotated[
        str, typer.Option("--in", help="The release that has it no more; `next` is the next one.")
    ] = "",
    comment: Note = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Say that issues are over. When one comes back, it is open again and told.

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached.
    """
    _act(Calls(url, token), issues, {"kind": "resolve", "release": release, "text": comment})


@app.command()
def reopen(
    issues: Annotated[list[int], _IDS],
    comment: Note = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Say that issues are not over, or not to be ignored any more.

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached.
    """
    _act(Calls(url, token), issues, {"kind": "reopen", "text": comment})


@app.command()
def ignore(
    issues: Annotated[list[int], _IDS],
    length: Annotated[str, typer.Option("--for", help="How long, such as 2h or 7d.")] = "",
    times: Annotated[int, typer.Option(min=0, help="Until it happened so many times more.")] = 0,
    people: Annotated[int, typer.Option(min=0, help="Until it happened to so many more.")] = 0,
    comment: Note = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Ignore issues: for a time, until they happen more often, or for ever.

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached.
    """
    try:
        until = round((time.time() + duration_seconds(length)) * 1000) if length else 0
    except Fault as fault:
        ended(fault)
    body: dict[str, object] = {"kind": "ignore", "until_ms": until, "times": times}
    _act(Calls(url, token), issues, {**body, "people": people, "text": comment})


@app.command()
def assign(
    person: Annotated[str, typer.Argument(help="A name; `-` for nobody.")],
    issues: Annotated[list[int], _IDS],
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Assign issues to somebody.

    Example: tocsin errors assign ann 12 13

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached.
    """
    _act(Calls(url, token), issues, {"kind": "assign", "person": "" if person == "-" else person})


def _act(calls: Calls, issues: list[int], body: dict[str, object]) -> None:
    for number in issues:
        try:
            one = calls.read("POST", f"/api/errors/issues/{number}/acts", Issue, body=body)
        except Fault as fault:
            ended(fault)
        whose = f", {one.assignee}" if one.assignee else ""
        _OUT.print(f"{one.id}  {_state(one)}{whose}  {one.title}")


def _table(issues: tuple[Issue, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("ISSUE", "LEVEL", "TIMES", "PEOPLE", "LAST SEEN", "PROJECT", "STATE"):
        right = name in ("ISSUE", "TIMES", "PEOPLE")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    table.add_column("TITLE", overflow="fold", min_width=24)
    for one in issues:
        table.add_row(
            str(one.id),
            level_name(one.level),
            f"{one.times:,}",
            f"{one.people:,}",
            _when(one.last_seen_ms),
            one.project,
            _state(one),
            one.title,
        )
    return table


def _head(one: Issue) -> str:
    releases = [name for name in dict.fromkeys((one.first_release, one.last_release)) if name]
    lines = [
        one.title,
        f"{one.culprit or 'unknown place'} · {one.project} · {level_name(one.level)}",
        f"{_state(one)} · {one.times:,} times · {one.people:,} people",
        f"first {_when(one.first_seen_ms)} · last {_when(one.last_seen_ms)}",
    ]
    if releases:
        lines.append(f"releases {' … '.join(releases)}")
    if one.assignee:
        lines.append(f"assigned to {one.assignee}")
    return "\n".join([*lines, ""])


def _stack(shown: EventShown) -> list[str]:
    """The innermost calls, the latest first, as far as they fit."""
    lines: list[str] = []
    for thrown in reversed(shown.content.exceptions):
        lines.append(f"{thrown.kind}: {thrown.value}" if thrown.kind else thrown.value)
        frames = list(reversed(thrown.frames))
        lines += [_call(one) for one in frames[:_FRAMES]]
        left = len(frames) - _FRAMES + thrown.frames_left_out
        if left > 0:
            lines.append(f"    … {left:,} more")
    return [*lines, ""]


def _call(one: Frame) -> str:
    mark = "  " if one.in_app else "  · "
    where = f"{one.filename}:{one.line}" if one.line else one.filename
    context = f"\n        {one.context.strip()}" if one.context and one.in_app else ""
    return f"  {mark}{where} {one.function}{context}"


def _state(one: Issue) -> str:
    if one.state is IssueState.RESOLVED and one.resolved_in:
        name = one.resolved_in
        return f"resolved after {name[1:]}" if name.startswith(">") else f"resolved in {name}"
    return one.state.value


def _when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"
