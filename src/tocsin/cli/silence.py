"""`tocsin silence`: hold alerts back, once or again and again, and see what that hides."""

from __future__ import annotations

import getpass
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from tocsin.alert.routing.matchers import parse_matchers
from tocsin.alert.routing.moment import moment_ms, zone_of
from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.cli.moments import duration_seconds, moment_seconds
from tocsin.cli.silence_lines import (
    Condition,
    ListedSilence,
    ListedWindow,
    silence_lines,
    window_lines,
)
from tocsin.kit.fault import Fault, Rejected

app = typer.Typer(help="Hold alerts back, and see what that hides.", no_args_is_help=True)
_USUALLY = "2h"
_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_MATCHERS = typer.Argument(metavar="CONDITION…", help="Such as 'service=\"db\"'; all must hold.")


class _SilenceId(msgspec.Struct):
    silenceID: str  # noqa: N815 - the API's own spelling


class _Preview(msgspec.Struct):
    now: int
    week: int | None
    alerts: dict[str, dict[str, str]]


_LengthOption = Annotated[str, typer.Option("--for", help="How long, e.g. 30m, 2h, 1d; else 2h.")]
_StartOption = Annotated[
    str, typer.Option(help="From when: now, now+1h or '2027-01-31 02:00'; else now.")
]
_EveryOption = Annotated[
    str, typer.Option(help="Again and again: 'MON 02:00-04:00 Europe/Berlin'.")
]
_RuleOption = Annotated[
    str, typer.Option(help="Again and again by iCalendar's rule: 'FREQ=MONTHLY;BYDAY=1SU'.")
]
_ZoneOption = Annotated[
    str, typer.Option(help="By whose clocks --start, --every and --rule are; else UTC.")
]
_NameOption = Annotated[str, typer.Option(help="What a recurring one is called.")]
_CommentOption = Annotated[str, typer.Option("--comment", "-c", help="Why.")]
_AuthorOption = Annotated[str, typer.Option(help="In whose name; default: who you are here.")]


@app.command()
def add(
    conditions: Annotated[list[str], _MATCHERS],
    length: _LengthOption = "",
    start: _StartOption = "",
    every: _EveryOption = "",
    rule: _RuleOption = "",
    zone: _ZoneOption = "",
    name: _NameOption = "",
    comment: _CommentOption = "",
    author: _AuthorOption = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Hold back every alert that satisfies all conditions, and print the silence's id.

    Examples:

        tocsin silence add 'service="db"' --for 2h -c 'new disks'

        tocsin silence add 'service="db"' --every 'MON 02:00-04:00 Europe/Berlin' --name Vacuum

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached.
    """
    asked = _Asked(conditions, length, start, every, rule, zone, name, comment, author)
    calls = Calls(url, token)
    try:
        if every or rule:
            made = calls.read("POST", "/api/maintenance", ListedWindow, body=_again(asked))
            _OUT.print(made.id)
            typer.echo(f"{made.name}: {made.words}", err=True)
        else:
            body = _once(asked)
            _OUT.print(calls.read("POST", "/api/v2/silences", _SilenceId, body=body).silenceID)
    except Fault as error:
        ended(error)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be held back, as it was typed; empty is not given."""

    conditions: list[str]
    length: str
    start: str
    every: str
    rule: str
    zone: str
    name: str
    comment: str
    author: str


def _once(asked: _Asked) -> dict[str, object]:
    """A silence, as Alertmanager's API takes it. Raises Rejected."""
    if asked.name:
        raise Rejected("--name is for --every and --rule; say why with --comment")
    matchers = _parsed(asked.conditions)
    starts = moment_ms(asked.start, time.time_ns() // 1_000_000, zone_of(asked.zone)) / 1000
    return {
        "matchers": [msgspec.to_builtins(one) for one in matchers],
        "startsAt": _iso(starts),
        "endsAt": _iso(starts + duration_seconds(asked.length or _USUALLY)),
        "createdBy": asked.author or _me(),
        "comment": asked.comment or "tocsin silence add",
    }


def _again(asked: _Asked) -> dict[str, object]:
    """A maintenance window, as Tocsin's own API takes it. Raises Rejected."""
    _parsed(asked.conditions)
    if asked.every and asked.rule:
        raise Rejected("--every and --rule say the same in two ways; give one of them")
    if asked.every and (asked.length or asked.start):
        raise Rejected("--every has its times in itself; --for and --start are for --rule")
    if asked.author:
        raise Rejected("what recurs is in the name of whose key it is; leave --author out")
    return {
        "name": asked.name or asked.comment or "Maintenance",
        "matchers": asked.conditions,
        "time_zone": asked.zone or "UTC",
        "comment": asked.comment,
        "every": asked.every,
        **(_by_rule(asked) if asked.rule else {}),
    }


def _by_rule(asked: _Asked) -> dict[str, object]:
    """A time without an offset is by the clocks of --zone, which Tocsin knows."""
    start = asked.start or "now"
    is_relative = start.strip().startswith("now")
    begins = _iso(moment_seconds(start, time.time())) if is_relative else start
    return {"rule": asked.rule, "start": begins, "duration": asked.length or _USUALLY}


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
        silences = calls.read("GET", "/api/v2/silences", list[ListedSilence], query=query)
        windows = [] if query else calls.read("GET", "/api/maintenance", list[ListedWindow])
    except Fault as error:
        ended(error)
    silences = [one for one in silences if all_ or one.status.state != "expired"]
    windows = [one for one in windows if all_ or one.state != "expired"]
    if as_json:
        found = {"silences": silences, "maintenance": windows}
        _OUT.out(msgspec.json.encode(found).decode(), highlight=False)
    elif silences or windows:
        lines = chain(*map(silence_lines, silences), *map(window_lines, windows))
        for line in lines:
            _OUT.print(line)
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
    windows = calls.read("GET", "/api/maintenance", list[ListedWindow])
    if all(window.id != one for window in windows):
        calls.read("DELETE", f"/api/v2/silence/{one}", object)
    elif remove:
        calls.read("DELETE", f"/api/maintenance/{one}", object)
    else:
        calls.read("POST", f"/api/maintenance/{one}/end", ListedWindow)


def _parsed(conditions: list[str]) -> list[Condition]:
    found = [matcher for text in conditions for matcher in parse_matchers(text)]
    if not found:
        raise Rejected("name the alerts by a condition, such as 'service=\"db\"'")
    return [
        Condition(
            name=one.name,
            value=one.value,
            isRegex=one.op.value in ("=~", "!~"),
            isEqual=one.op.value in ("=", "=~"),
        )
        for one in found
    ]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "tocsin"
