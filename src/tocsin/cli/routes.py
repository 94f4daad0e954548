"""`tocsin routes`: who would be told of what, and why?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.cli.moments import moment_seconds
from tocsin.kit.fault import Fault, Rejected
from tocsin.kit.quantity import Duration
from tocsin.model import labels as model

if TYPE_CHECKING:
    from tocsin.alert.alertmanager_config import RoutingPlan
    from tocsin.alert.route import Route

app = typer.Typer(help="Show who would be told of what, and why.", no_args_is_help=True)

_ConfigOption = Annotated[
    Path | None,
    typer.Option(help="A tocsin.yaml or an alertmanager.yml; ./tocsin.yaml without one."),
]


@app.command()
def show(config: _ConfigOption = None) -> None:
    """Draw the routing tree.

    Exit codes: 0 shown, 1 the configuration is wrong, 3 it has no routes.
    """
    plan = _plan(config)
    for route, depth in _walk(plan.root, 0):
        typer.echo(f"{'    ' * depth}{_words(route)}")
        typer.echo(f"{'    ' * depth}  {_timing(route)}")


@app.command("test")
def try_out(
    labels: Annotated[list[str], typer.Argument(help="The alert's labels: severity=critical …")],
    config: _ConfigOption = None,
    at: Annotated[
        str, typer.Option(help="When: now, now-5m, RFC 3339, or a weekday: 'Sunday 03:00' (UTC).")
    ] = "now",
) -> None:
    """Say which receivers an alert of these labels reaches at that time, and by which way.

    Exit codes: 0 somebody is told, 1 something is wrong, 3 nobody is told then.
    """
    from tocsin.alert.route import matching, path_to, why_muted

    plan = _plan(config)
    try:
        given = model.from_mapping(dict(_pair(text) for text in labels))
        at_ms = round(_moment(at, time.time()) * 1000)
    except Rejected as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    typer.echo(f"at {datetime.fromtimestamp(at_ms / 1000, UTC):%A %Y-%m-%d %H:%M} UTC:")
    told = 0
    for route in matching(plan.root, given):
        muted = why_muted(route, plan.intervals, at_ms)
        told += not muted
        typer.echo(f"{route.receiver}: {muted or 'is told'}")
        for depth, step in enumerate(path_to(plan.root, route)):
            typer.echo(f"{'  ' * (depth + 1)}{_words(step)}")
        typer.echo(f"  {_timing(route)}")
    if not told:
        raise typer.Exit(Exit.NOTHING)


def _plan(config: Path | None) -> RoutingPlan:
    from tocsin.app.config import load_config
    from tocsin.app.receivers import routing_of
    from tocsin.kit.yaml import load

    try:
        if config is not None and load(config).get("route") is not None:
            from tocsin.alert.alertmanager_config import read_routing

            return read_routing(load(config))
        plan = routing_of(load_config(config))
    except Fault as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    if plan is None:
        typer.secho(
            "there is no alertmanager in this configuration, so nobody is told; add "
            "`alertmanager: alertmanager.yml`",
            err=True,
        )
        raise typer.Exit(Exit.NOTHING)
    return plan


def _walk(route: Route, depth: int) -> Sequence[tuple[Route, int]]:
    found = [(route, depth)]
    for child in route.routes:
        found += _walk(child, depth + 1)
    return found


def _words(route: Route) -> str:
    from tocsin.alert.matchers import matcher_text

    conditions = ", ".join(matcher_text(matcher) for matcher in route.matchers) or "every alert"
    goes_on = " (and the next routes too)" if route.goes_on else ""
    return f"{conditions} → {route.receiver}{goes_on}"


def _timing(route: Route) -> str:
    by = "all labels" if route.group_by is None else ", ".join(sorted(route.group_by)) or "nothing"
    words = (
        f"grouped by {by}; first after {Duration(route.group_wait_ms / 1000)}, changes every "
        f"{Duration(route.group_interval_ms / 1000)}, repeated every "
        f"{Duration(route.repeat_interval_ms / 1000)}"
    )
    if route.mute:
        words += f"; muted during {', '.join(route.mute)}"
    if route.active:
        words += f"; only during {', '.join(route.active)}"
    return words


def _pair(text: str) -> tuple[str, str]:
    name, equal, value = text.partition("=")
    if not equal or not name:
        raise Rejected(f"{text!r} is no label; write name=value")
    return name, value


_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _moment(text: str, now: float) -> float:
    """A moment, or the next `Sunday 03:00` in UTC."""
    day, _, clock = text.strip().lower().partition(" ")
    if day not in _DAYS:
        return moment_seconds(text, now)
    hour, _, minute = (clock or "00:00").partition(":")
    if not (hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise Rejected(f"{text!r} is no time; write for example 'Sunday 03:00'")
    today = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
    ahead = (_DAYS.index(day) - today.weekday()) % 7
    wanted = today.replace(hour=int(hour), minute=int(minute)).timestamp() + ahead * 86_400
    return wanted if wanted >= now else wanted + 7 * 86_400
