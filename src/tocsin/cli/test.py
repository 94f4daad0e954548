"""`tocsin test`: try rules on input that is made up, before they are deployed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.kit.fault import Fault

app = typer.Typer(help="Try rules on made-up input, in virtual time.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Try rules on made-up input, in virtual time."""


@app.command()
def rules(
    files: Annotated[list[Path], typer.Argument(help="Files in promtool's unit-test format.")],
    alertmanager: Annotated[
        Path | None,
        typer.Option(help="The alertmanager.yml with which `notification_test` is tested."),
    ] = None,
) -> None:
    """Run rule tests as `promtool test rules` does, through the code that runs live.

    Beyond promtool's format, `notification_test` says who is notified, when, and with what text.

    Exit codes: 0 all as expected, 1 something was not.
    """
    from tocsin.alert.trying import case_file, case_run
    from tocsin.app.dry_receivers import dry_receivers

    failed = False
    for file in files:
        typer.echo(f"Unit Testing:  {file}")
        try:
            cases = case_file.read(file, alertmanager)
            for words in cases.warnings:
                typer.secho(f"  warning: {words}", err=True, fg="yellow")
            problems = asyncio.run(case_run.run(cases, dry_receivers))
        except Fault as error:
            problems = [str(error)]
        if problems:
            failed = True
            typer.secho("  FAILED:", fg="red")
            for problem in problems:
                typer.echo("    " + problem.replace("\n", "\n    "))
        else:
            typer.secho("  SUCCESS", fg="green")
    if failed:
        raise typer.Exit(Exit.WRONG)
