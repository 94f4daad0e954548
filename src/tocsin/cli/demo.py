"""`tocsin demo`: Tocsin with an application to watch, and the switches that break it."""

from __future__ import annotations

import json
import os
import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.cli.moments import duration_seconds
from tocsin.cli.serve import HttpOption, OtlpGrpcOption, OtlpHttpOption, overrides
from tocsin.demo.switches import KINDS, Switches
from tocsin.kit.fault import Fault, Permanent, Rejected

app = typer.Typer(help="Run Tocsin with an application to watch, and break it.")

DataOption = Annotated[Path, typer.Option("--data", help="Folder of everything the demo keeps.")]
_DEFAULT_DATA = Path("tocsin-demo")


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    data: DataOption = _DEFAULT_DATA,
    http: HttpOption = None,
    otlp_http: OtlpHttpOption = None,
    otlp_grpc: OtlpGrpcOption = None,
    auth: Annotated[str | None, typer.Option("--auth", help="off: no login needed.")] = None,
    ready_file: Annotated[
        Path | None, typer.Option("--ready-file", help="Write the addresses as JSON here.")
    ] = None,
) -> None:
    """Run Tocsin with a small shop, its worker, its partner, and people who use it.

    Everything is kept in ./tocsin-demo and goes on where it was at the next start.
    """
    context.obj = data
    if context.invoked_subcommand is not None:
        return
    from tocsin.demo.show import show

    flags = overrides(data=None, http=http, otlp_http=otlp_http, otlp_grpc=otlp_grpc, auth=auth)
    try:
        show(data, flags, ready_file)
    except Permanent as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.HELD) from None
    except Fault as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None


@app.command("break")
def break_(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")],
    duration: Annotated[str, typer.Option("--for", help="How long, for example 10m.")] = "10m",
) -> None:
    """Break one part of the running demo for a while."""
    try:
        seconds = duration_seconds(duration)
        switches = _switches(context)
        _check_it_runs(Path(context.obj))
        switches.break_(what, seconds)
    except Rejected as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    typer.echo(f"{what} is broken for {duration}: {KINDS[what]}")
    data = Path(context.obj)
    where = "" if data == _DEFAULT_DATA else f"--data {shlex.quote(str(data))} "
    typer.echo(f"mend it sooner with: tocsin demo {where}mend {what}")


@app.command()
def mend(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="What to mend, or all.")] = "all",
) -> None:
    """Mend what was broken."""
    try:
        _switches(context).mend(what)
    except Rejected as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    typer.echo("everything is mended" if what == "all" else f"{what} is mended")


@app.command()
def status(context: typer.Context) -> None:
    """Say what is broken now."""
    try:
        broken = _switches(context).broken()
    except Rejected as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    if not broken:
        typer.echo("nothing is broken")
    for kind, until in broken.items():
        typer.echo(f"{kind}: for {round(until - time.time())} s more: {KINDS[kind]}")


def _switches(context: typer.Context) -> Switches:
    """Raises Rejected where no demo was ever started: nobody would notice what is broken there."""
    # The folder as tocsin.demo.show.folder_of has it; importing that would import everything.
    data = Path(context.obj)
    folder = data / "demo"
    if not folder.is_dir():
        raise Rejected(
            f"there is no demo in {data.resolve()}; start one with: tocsin demo, or name the "
            f"folder of one that runs: tocsin demo --data FOLDER {context.info_name} …"
        )
    return Switches(folder)


def _check_it_runs(data: Path) -> None:
    """Raises Rejected. The file is `tocsin.app.run.running_file`."""
    try:
        os.kill(json.loads((data / "running.json").read_bytes())["pid"], 0)
    except PermissionError:
        return  # somebody else's, and running
    except (FileNotFoundError, ProcessLookupError, ValueError, KeyError):
        raise Rejected(
            f"the demo in {data.resolve()} does not run; start it with: tocsin demo"
        ) from None
