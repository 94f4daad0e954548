"""`tocsin oncall swaps`, `swap`, `accept` and `decline`: asking to be replaced, and answering."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import msgspec
import typer

from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.cli.oncall_tables import OUT, clock, table
from tocsin.kit.fault import Fault

_ID = typer.Argument(metavar="ID", help="As `swaps` shows.")
_AS = typer.Option("--as", help="In whose name; yours without it.")


class _Swap(msgspec.Struct):
    id: str
    schedule: str
    timezone: str
    asked_by: str
    start: str
    end: str
    to: str
    return_start: str | None
    return_end: str | None
    note: str
    state: str


class _Accepted(msgspec.Struct):
    swap: _Swap


def swaps(
    all_: Annotated[bool, typer.Option("--all", help="Also those that were answered.")] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the swaps that wait for an answer.

    Exit codes: 0 printed, 1 refused, 2 Tocsin cannot be reached, 3 there are none.
    """
    query = [("all", "1")] if all_ else []
    try:
        found = Calls(url, token).read("GET", "/api/oncall/swaps", list[_Swap], query=query)
    except Fault as error:
        ended(error)
    if as_json:
        OUT.out(msgspec.json.encode(found).decode(), highlight=False)
    elif found:
        shown = table("Id", "Schedule", "Asked by", "From", "To", "Of", "In return", "State", "Why")
        for one in found:
            zone = one.timezone
            back = f"{clock(one.return_start, zone)} to {clock(one.return_end, zone)}"
            times = clock(one.start, zone), clock(one.end, zone)
            of = one.to or "anyone"
            shown.add_row(
                one.id,
                one.schedule,
                one.asked_by,
                *times,
                of,
                back if one.return_end else "",
                one.state,
                one.note,
            )
        OUT.print(shown)
    if not found:
        typer.echo("no swap waits for an answer", err=True)
        raise typer.Exit(Exit.NOTHING)


def swap(
    start: Annotated[str, typer.Option("--from", help="From when, as the schedule's clocks show.")],
    until: Annotated[str, typer.Option(help="Until when.")] = "",
    length: Annotated[str, typer.Option("--for", help="How long, e.g. 8h.")] = "",
    to: Annotated[str, typer.Option(help="Whom to ask; anyone without it.")] = "",
    schedule: Annotated[str, typer.Option("--schedule", "-s", help="Which schedule.")] = "",
    person: Annotated[str, _AS] = "",
    return_from: Annotated[str, typer.Option(help="You take over from then in return.")] = "",
    return_until: Annotated[str, typer.Option(help="You take over until then in return.")] = "",
    note: Annotated[str, typer.Option("--reason", "-c", help="Why.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Ask to be replaced in a shift; prints the swap's id. Nothing changes before it is accepted.

    Exit codes: 0 asked, 1 refused, 2 Tocsin cannot be reached, 3 there is no such schedule.
    """
    body = {
        "schedule": schedule,
        "asked_by": person,
        "start": start,
        "end": until,
        "duration": length,
        "to": to,
        "return_start": return_from,
        "return_end": return_until,
        "note": note,
    }
    try:
        made = Calls(url, token).read("POST", "/api/oncall/swaps", _Swap, body=body)
    except Fault as error:
        ended(error)
    OUT.print(made.id)


def accept(
    swap_id: Annotated[str, _ID],
    person: Annotated[str, _AS] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Take over what was offered.

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached, 3 there is no such swap.
    """
    path = f"/api/oncall/swaps/{quote(swap_id, safe='')}/accept"
    try:
        found = Calls(url, token).read("POST", path, _Accepted, body={"person": person}).swap
    except Fault as error:
        ended(error)
    times = clock(found.start, found.timezone), clock(found.end, found.timezone)
    typer.echo(f"{found.schedule} is changed from {times[0]} to {times[1]}")


def decline(
    swap_id: Annotated[str, _ID],
    person: Annotated[str, _AS] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Say no to an offer, or take your own back.

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached, 3 there is no such swap.
    """
    path = f"/api/oncall/swaps/{quote(swap_id, safe='')}/decline"
    try:
        found = Calls(url, token).read("POST", path, _Swap, body={"person": person})
    except Fault as error:
        ended(error)
    typer.echo(f"the swap is {found.state}")
