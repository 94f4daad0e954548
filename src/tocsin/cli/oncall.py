"""`tocsin oncall`: who is on call, when that changes, and taking over."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.cli import oncall_swaps
from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.cli.oncall_tables import OUT, clock, table
from tocsin.kit.fault import Fault

app = typer.Typer(help="Who is on call, when that changes, and taking over.", no_args_is_help=True)
_ERR = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

ScheduleOption = Annotated[
    str, typer.Option("--schedule", "-s", help="Which schedule; the default one without it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class _Who(msgspec.Struct):
    schedule: str
    timezone: str
    at: str
    person: str | None
    full_name: str
    since: str | None
    until: str | None
    layer: str | None
    second: str | None
    next: str | None
    next_at: str | None


class _Shift(msgspec.Struct):
    schedule: str
    layer: str
    person: str
    start: str
    end: str


class _Gap(msgspec.Struct):
    start: str
    end: str
    reason: str


class _Shifts(msgspec.Struct):
    timezone: str
    shifts: list[_Shift]
    gaps: list[_Gap]


class _Schedule(msgspec.Struct):
    name: str
    is_default: bool


class _Override(msgspec.Struct):
    id: str
    schedule: str
    timezone: str
    person: str
    start: str
    end: str
    reason: str
    made_by: str


class _HandOver(msgspec.Struct):
    schedule: str
    text: str


@app.command()
def who(
    schedule: ScheduleOption = "",
    at: Annotated[
        str, typer.Option(help="When: now+2h, or '2027-01-31 09:00' by the schedule's clocks.")
    ] = "now",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Print who is on call, now or at a time, for one schedule or for all.

    Exit codes: 0 somebody is, 1 refused, 2 Tocsin cannot be reached, 3 nobody is.
    """
    query = [("at", at), *([("schedule", schedule)] if schedule else [])]
    try:
        found = Calls(url, token).read("GET", "/api/oncall", list[_Who], query=query)
    except Fault as error:
        ended(error)
    if as_json:
        OUT.out(msgspec.json.encode(found).decode(), highlight=False)
    else:
        OUT.print(_who_table(found))
    if not any(one.person for one in found):
        typer.echo("nobody is on call", err=True)
        raise typer.Exit(Exit.NOTHING)


@app.command()
def schedule(
    name: Annotated[str, typer.Argument(help="Which one; the default one without it.")] = "",
    start: Annotated[
        str,
        typer.Option(
            "--from", help="From when: now, now-7d, or '2027-01-31 09:00' by the schedule's clocks."
        ),
    ] = "now",
    length: Annotated[str, typer.Option("--for", help="How much of it, e.g. 2w.")] = "2w",
    rank: Annotated[int, typer.Option(help="0: who is first on call, 1: who is second.")] = 0,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Print the shifts of a schedule, and the times in which nobody is on call.

    Exit codes: 0 printed, 1 refused, 2 Tocsin cannot be reached, 3 there is no such schedule.
    """
    calls = Calls(url, token)
    try:
        chosen = name or _default(calls)
        query = [("from", start), ("duration", length), ("rank", str(rank))]
        path = f"/api/oncall/schedules/{quote(chosen, safe='')}/shifts"
        found = calls.read("GET", path, _Shifts, query=query)
    except Fault as error:
        ended(error)
    if as_json:
        OUT.out(msgspec.json.encode(found).decode(), highlight=False)
        return
    OUT.print(_shift_table(found))
    unmeant = sum(not one.reason for one in found.gaps)
    if unmeant:
        times = "time" if unmeant == 1 else "times"
        _ERR.print(Text(f"nobody is on call at {unmeant} {times}", "yellow"))


@app.command()
def override(
    person: Annotated[str, typer.Argument(help="Who takes over.")],
    schedule: ScheduleOption = "",
    start: Annotated[
        str,
        typer.Option(
            "--from", help="From when: now, or '2027-01-31 09:00' by the schedule's clocks."
        ),
    ] = "now",
    length: Annotated[str, typer.Option("--for", help="How long, e.g. 2h.")] = "",
    until: Annotated[str, typer.Option(help="Until when, instead of --for; as --from.")] = "",
    second: Annotated[bool, typer.Option("--second", help="As second, not as first.")] = False,
    reason: Annotated[str, typer.Option("--reason", "-c", help="Why.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Put somebody on call for a time, whoever it would be otherwise; prints the override's id.

    Example: tocsin oncall override ana --for 2h -c 'dentist'

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached, 3 there is no such schedule.
    """
    body = {
        "person": person,
        "schedule": schedule,
        "start": start,
        "end": until,
        "duration": length,
        "rank": int(second),
        "reason": reason,
    }
    try:
        made = Calls(url, token).read("POST", "/api/oncall/overrides", _Override, body=body)
    except Fault as error:
        ended(error)
    OUT.print(made.id)
    place = " as second" if second else ""
    times = clock(made.start, made.timezone), clock(made.end, made.timezone)
    words = f"{made.person} is on call for {made.schedule}{place} from {times[0]} to {times[1]}"
    typer.echo(words, err=True)


@app.command()
def overrides(
    schedule: ScheduleOption = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Print overrides in force and to come.

    Exit codes: 0 printed, 1 refused, 2 Tocsin cannot be reached, 3 there are none.
    """
    query = [("schedule", schedule)] if schedule else []
    try:
        calls = Calls(url, token)
        found = calls.read("GET", "/api/oncall/overrides", list[_Override], query=query)
    except Fault as error:
        ended(error)
    if as_json:
        OUT.out(msgspec.json.encode(found).decode(), highlight=False)
    elif found:
        shown = table("Id", "Schedule", "Person", "From", "To", "By", "Why")
        for one in found:
            times = clock(one.start, one.timezone), clock(one.end, one.timezone)
            shown.add_row(one.id, one.schedule, one.person, *times, one.made_by, one.reason)
        OUT.print(shown)
    if not found:
        typer.echo("there are no overrides", err=True)
        raise typer.Exit(Exit.NOTHING)


@app.command("give-back")
def give_back(
    override_id: Annotated[str, typer.Argument(metavar="ID", help="As `overrides` shows.")],
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """End an override now; one that is to come never was.

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached, 3 there is no such override.
    """
    try:
        path = f"/api/oncall/overrides/{quote(override_id, safe='')}"
        Calls(url, token).read("DELETE", path, object)
    except Fault as error:
        ended(error)


@app.command()
def handover(
    schedule: ScheduleOption = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Print what whoever goes on call now should know.

    Exit codes: 0 printed, 1 refused, 2 Tocsin cannot be reached, 3 there is no such schedule.
    """
    query = [("schedule", schedule)] if schedule else []
    try:
        found = Calls(url, token).read("GET", "/api/oncall/handover", _HandOver, query=query)
    except Fault as error:
        ended(error)
    OUT.print(found.text)


def _default(calls: Calls) -> str:
    found = calls.read("GET", "/api/oncall/schedules", list[_Schedule])
    names = [one.name for one in found if one.is_default] or [one.name for one in found]
    if not names:
        typer.echo("there is no schedule; add one under oncall.schedules", err=True)
        raise typer.Exit(Exit.NOTHING)
    return names[0]


def _who_table(found: list[_Who]) -> Table:
    shown = table("Schedule", "On call", "Until", "Second", "Next")
    for one in found:
        name = f"{one.person} ({one.full_name})" if one.full_name else one.person
        shown.add_row(
            one.schedule,
            Text(name) if name else Text("nobody", "yellow"),
            clock(one.until, one.timezone),
            one.second or "",
            _next(one),
        )
    return shown


def _next(one: _Who) -> str:
    """Who follows, and when, unless that is when the shift ends."""
    if not one.next_at:
        return ""
    when = "" if one.next_at == one.until else f", from {clock(one.next_at, one.timezone)}"
    return f"{one.next or 'nobody'}{when}"


def _shift_table(found: _Shifts) -> Table:
    shown = table("From", "To", "On call", "By")
    rows = [(one.start, one.end, Text(one.person), one.layer) for one in found.shifts]
    rows += [
        (one.start, one.end, Text("nobody", "yellow"), one.reason or "a gap") for one in found.gaps
    ]
    for start, end, person, layer in sorted(rows, key=lambda row: row[0]):
        shown.add_row(clock(start, found.timezone), clock(end, found.timezone), person, layer)
    return shown


app.command()(oncall_swaps.swaps)
app.command()(oncall_swaps.swap)
app.command()(oncall_swaps.accept)
app.command()(oncall_swaps.decline)
