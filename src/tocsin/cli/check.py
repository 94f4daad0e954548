"""`tocsin check`: find the mistakes before they are deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.kit.fault import Fault

app = typer.Typer(help="Find the mistakes before they are deployed.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Find the mistakes before they are deployed."""


@app.command()
def config(
    file: Annotated[
        Path | None, typer.Argument(help="A tocsin.yaml; ./tocsin.yaml without one.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the configuration in force, secrets hidden.")
    ] = False,
) -> None:
    """Read a configuration as `serve` would, and say what is wrong with it and where.

    Exit codes: 0 right, 1 wrong.
    """
    from tocsin.app.config import load_config
    from tocsin.app.scraping import scrape_configuration

    try:
        loaded = load_config(file)
        plan = scrape_configuration(loaded)
    except Fault as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    for warning in (*loaded.warnings, *plan.warnings):
        typer.secho(f"warning: {warning}", err=True, fg="yellow")
    read = (
        ", ".join(str(path) for path in (*loaded.sources, *plan.sources)) or "no file: the defaults"
    )
    jobs = len(plan.jobs)
    typer.echo(f"right: {read}; {jobs} scrape job{'' if jobs == 1 else 's'}")
    if show:
        from tocsin.app.effective import effective_yaml

        typer.echo(effective_yaml(loaded.config))
