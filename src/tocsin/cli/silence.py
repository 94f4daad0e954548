"""`tocsin silence`: hold alerts back, once or again and again, and see what that hides."""

from __future__ import annotations

import getpass
import time
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.alert.routing.matchers import parse_matchers
from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.cli.moments import duration_seconds, moment_seconds
from tocsin.kit.fault import Fault, Rejected

app = typer.Typer(help="Hold alerts back, and see what that hides.", no_args_is_help=True)
_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_MATCHERS = typer.Argument(metavar="CONDITION…", help="Such as 'service=\"db\"'; all must hold.")


class _Status(msgspec.Struct):
    state: str


class _Matcher(msgspec.Struct):
    name: str
    value: str
    isRegex: bool = False  # noqa: N815 - the API's own spelling
    isEqual: bool = True  # noqa: N815 - the API's own spelling

    def __str__(self) -> str:
        op = {(True, True): "=~", (True, False): "!~", (False, True): "="}.get(
            (self.isRegex, self.isEqual), "!="
        )
        return f'{self.name}{op}"{self.value}"'


class _Silence(msgspec.Struct):
    id: str
    status: _Status
    matchers: list[_Matcher]
    startsAt: str  # noqa: N815 - the API's own spelling
    endsAt: str  # noqa: N815 - the API's own spelling
    createdBy: str  # noqa: N815 - the API's own spelling
    comment: str


class _SilenceId(msgspec.Struct):
    silenceID: str  # noqa: N815 - the API's own spelling


class _Span(msgspec.Struct):
    start: str
    end: str


class _Window(msgspec.Struct):
    id: str
    name: str
    state: str
    matchers: list[str]
    words: str
    created_by: str
    start: str
    end: str
    next: _Span | None = None


class _Preview(msgspec.Struct):
    now: int
    week: int | None
    alerts: dict[str, dict[str, str]]


@app.command()
def add(
    conditions: Annotated[list[str], _MATCHERS],
    length: Annotated[str, typer.Option("--for", help="How long, e.g. 30m, 2h, 1d.")] = "2h",
    start: Annotated[
        str, typer.Option(help="From when: now, now+1h, or a time such as '2027-01-31 02:00'.")
    ] = "now",
    every: Annotated[
        str, typer.Option(help="Again and again: 'MON 02:00-04:00 Europe/Berlin'.")
    ] = "",
    rule: Annotated[
        str, typer.Option(help="Again and again by iCalendar's rule: 'FREQ=MONTHLY;BYDAY=1SU'.")
    ] = "",
    zone: Annotated[str, typer.Option(help="By whose clocks --every and --rule are.")] = "UTC",
    name: Annotated[str, typer.Option(help="What a recurring one is called.")] = "",
    comment: Annotated[str, typer.Option("--comment", "-c", help="Why.")] = "",
    author: Annotated[str, typer.Option(help="In whose name; default: who you are here.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Hold back every alert that satisfies all conditions, and print the silence's id.

    Examples:

        tocsin silence add 'service="db"' --for 2h -c 'new disks'

        tocsin silence add 'service="db"' --every 'MON 02:00-04:00 Europe/Berlin' --name Vacuum

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached.
    """
    calls = Calls(url, token)
    try:
        matchers = _parsed(conditions)
        if every or rule:
            again: dict[str, object] = {
                "name": name or comment or "Maintenance",
                "matchers": conditions,
                "time_zone": zone,
                "comment": comment,
                "every": every,
                **(_by_rule(rule, start, length) if rule else {}),
            }
            made = calls.read("POST", "/api/maintenance", _Window, body=again)
            _OUT.print(made.id)
            typer.echo(f"{made.name}: {made.words}", err=True)
            return
        starts = moment_seconds(start, time.time())
        once = {
            "matchers": [msgspec.to_builtins(one) for one in matchers],
            "startsAt": _iso(starts),
            "endsAt": _iso(starts + duration_seconds(length)),
            "createdBy": author or _me(),
            "comment": comment or "tocsin silence add",
        }
        _OUT.print(calls.read("POST", "/api/v2/silences", _SilenceId, body=once).silenceID)
    except Fault as error:
        ended(error)


def _by_rule(rule: str, start: str, length: str) -> dict[str, object]:
    """A time without an offset is by the clocks of --zone, which Tocsin knows."""
    is_relative = start.strip().startswith("now")
    begins = _iso(moment_seconds(start, time.time())) if is_relative else start
    return {"rule": rule, "start": begins, "duration": length}


@app.command("list")
def list_(
    conditions: Annotated[
        list[str] | None, typer.Argument(metavar="[CONDITION]…", help="Only those that name it.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print silences and maintenance windows.

    Exit codes: 0 printed, 1 refused, 2 Tocsin cannot be reached, 3 there are none.
    """
    calls = Calls(url, token)
    query = [("filter", one) for one in conditions or ()]
    try:
        silences = calls.read("GET", "/api/v2/silences", list[_Silence], query=query)
        windows = [] if query else calls.read("GET", "/api/maintenance", list[_Window])
    except Fault as error:
        ended(error)
    silences = [one for one in silences if all_ or one.status.state != "expired"]
    windows = [one for one in windows if all_ or one.state != "expired"]
    if as_json:
        found = {"silences": silences, "maintenance": windows}
        _OUT.out(msgspec.json.encode(found).decode(), highlight=False)
    elif silences or windows:
        _OUT.print(_table(silences, windows))
    if not silences and not windows:
        typer.echo("nothing is silenced", err=True)
        raise typer.Exit(Exit.NOTHING)


@app.command()
def expire(
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="As `silence list` shows.")],
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove a recurring one with all times to come.")
    ] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """End silences now; of a maintenance window what is open, with --remove all of it.

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached, 3 there is no such silence.
    """
    calls = Calls(url, token)
    try:
        for one in ids:
            _expire(calls, one, remove=remove)
    except Fault as error:
        ended(error)


@app.command()
def preview(
    conditions: Annotated[list[str], _MATCHERS],
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what such conditions would hide: the alerts that fire now, and how many of last week.

    Exit codes: 0 printed, 1 refused, 2 Tocsin cannot be reached, 3 it would hide nothing now.
    """
    query = [("filter", one) for one in conditions]
    try:
        found = Calls(url, token).read("GET", "/api/silences/preview", _Preview, query=query)
    except Fault as error:
        ended(error)
    if as_json:
        _OUT.out(msgspec.json.encode(found).decode(), highlight=False)
    else:
        week = "unknown" if found.week is None else str(found.week)
        _OUT.print(f"hides {found.now} now; alerts of rules in the last week: {week}")
        for fingerprint, labels in found.alerts.items():
            words = " ".join(f"{name}={value}" for name, value in sorted(labels.items()))
            _OUT.print(f"  {fingerprint} {words}")
    if not found.now:
        raise typer.Exit(Exit.NOTHING)


def _expire(calls: Calls, one: str, *, remove: bool) -> None:
    windows = calls.read("GET", "/api/maintenance", list[_Window])
    if all(window.id != one for window in windows):
        calls.read("DELETE", f"/api/v2/silence/{one}", object)
    elif remove:
        calls.read("DELETE", f"/api/maintenance/{one}", object)
    else:
        calls.read("POST", f"/api/maintenance/{one}/end", _Window)


def _parsed(conditions: list[str]) -> list[_Matcher]:
    found = [matcher for text in conditions for matcher in parse_matchers(text)]
    if not found:
        raise Rejected("name the alerts by a condition, such as 'service=\"db\"'")
    return [
        _Matcher(
            name=one.name,
            value=one.value,
            isRegex=one.op.value in ("=~", "!~"),
            isEqual=one.op.value in ("=", "=~"),
        )
        for one in found
    ]


def _table(silences: list[_Silence], windows: list[_Window]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for column in ("id", "state", "conditions", "until", "by", "why"):
        shown.add_column(column, overflow="fold", no_wrap=column in ("id", "until"))
    for one in silences:
        conditions = ", ".join(map(str, one.matchers))
        row = (one.id, one.status.state, conditions, one.endsAt, one.createdBy, one.comment)
        shown.add_row(*(Text(cell) for cell in row))
    for window in windows:
        until = window.next.end if window.next else window.end
        why = window.name if window.words == "once" else f"{window.name} ({window.words})"
        cells = (window.id, window.state, ", ".join(window.matchers), until, window.created_by, why)
        shown.add_row(*(Text(cell) for cell in cells))
    return shown


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "tocsin"
