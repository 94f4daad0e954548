"""`tocsin user`: help for people who cannot log in."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.cli.serve import ConfigOption, DataOption, overrides
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Fault, NotFound

app = typer.Typer(help="Help people who cannot log in.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Help people who cannot log in."""


@app.command("reset-password")
def reset_password(
    name: Annotated[str, typer.Argument(help="The user's name; the first one is admin.")] = "admin",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Print a one-time password for a user, and end all of that user's sessions.

    Run it on the machine and as the user that Tocsin runs on; Tocsin may run meanwhile.

    Exit codes: 0 done, 1 the configuration is wrong, 3 there is no such user.
    """
    from tocsin.app.accounts import reset_password as reset
    from tocsin.app.config import load_config

    flags = overrides(data=data, http=None, otlp_http=None, otlp_grpc=None)
    try:
        loaded = load_config(config, flags)
        once = asyncio.run(reset(loaded.config, SystemClock(), name))
    except NotFound as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.NOTHING) from None
    except Fault as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    typer.echo(f"{once.user} can log in with the one-time password {once.password}")
