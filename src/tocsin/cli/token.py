"""`tocsin token`: keys for programs, made on the machine itself."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tocsin.cli.exits import Exit
from tocsin.cli.moments import duration_seconds
from tocsin.cli.serve import ConfigOption, DataOption, overrides
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Fault, NotFound

if TYPE_CHECKING:
    from tocsin.app.settings_tree import Config
    from tocsin.state.tokens import Token

app = typer.Typer(help="Keys for programs that send or ask.", no_args_is_help=True)
_OUT = Console(highlight=False, markup=False, soft_wrap=True)


@app.callback()
def _group() -> None:
    """Keys for programs that send or ask.

    Run these on the machine and as the user that Tocsin runs on; Tocsin may run meanwhile.
    """


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, e.g. grafana.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="ingest, read or admin; may be repeated.")
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", help="How long it is good, e.g. 90d; default: for ever.")
    ] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin", help="For browsers, whose key everybody sees: the site it is bound to."
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Make a key and print it; it is shown this once. Without --scope it is for ingest alone.

    Example:

        tocsin token create grafana --scope read --expires 365d

    Exit codes: 0 made, 1 it cannot be made.
    """
    try:
        text, token = asyncio.run(_create(_config(config, data), name, scope, expires, origin))
    except Fault as error:
        raise _ended(error) from None
    typer.echo(text)
    scopes = ", ".join(one.value for one in token.scopes)
    typer.secho(f"key {token.id} for {token.name}: {scopes}; it is shown this once", err=True)


@app.command("list")
def list_(
    config: ConfigOption = None,
    data: DataOption = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those revoked or expired.")] = False,
) -> None:
    """Print every key that is valid, without its secret."""
    from tocsin.app import accounts

    clock = SystemClock()
    try:
        found = asyncio.run(accounts.tokens(_config(config, data), clock))
    except Fault as error:
        raise _ended(error) from None
    _OUT.print(_table([one for one in found if all_ or one.is_valid(clock.now_ms())]))


@app.command()
def revoke(
    token_id: Annotated[int, typer.Argument(metavar="ID", help="As `tocsin token list` shows.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Make a key useless for ever; a running Tocsin takes notice within 15 seconds.

    Exit codes: 0 done, 1 it cannot be done, 3 there is no such key.
    """
    from tocsin.app import accounts

    try:
        token = asyncio.run(accounts.revoke_token(_config(config, data), SystemClock(), token_id))
    except Fault as error:
        raise _ended(error) from None
    typer.echo(f"key {token.id} ({token.name}) is revoked")


async def _create(
    config: Config,
    name: str,
    scopes: list[str] | None,
    expires: str,
    origins: list[str] | None,
) -> tuple[str, Token]:
    from tocsin.app import accounts
    from tocsin.kit.fault import Rejected
    from tocsin.state.tokens import Scope

    clock = SystemClock()
    known = {scope.value: scope for scope in Scope}
    wanted = scopes or ["ingest"]
    if unknown := [one for one in wanted if one not in known]:
        raise Rejected(f"there is no scope {unknown[0]!r}; choose of {', '.join(known)}")
    until = clock.now_ms() + round(duration_seconds(expires) * 1000) if expires else None
    return await accounts.create_token(
        config,
        clock,
        name,
        [known[one] for one in wanted],
        origins=origins or (),
        expires_at=until,
    )


def _config(config: ConfigOption, data: DataOption) -> Config:
    from tocsin.app.config import load_config

    flags = overrides(data=data, http=None, otlp_http=None, otlp_grpc=None)
    return load_config(config, flags).config


def _table(tokens: list[Token]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for column in ("id", "name", "begins with", "scopes", "made by", "last used", "expires"):
        shown.add_column(column, overflow="fold")
    for one in tokens:
        scopes = ", ".join(scope.value for scope in one.scopes)
        until = "revoked" if one.revoked_at is not None else _day(one.expires_at, "never")
        used = _day(one.last_used_at, "never")
        shown.add_row(str(one.id), one.name, one.prefix, scopes, one.created_by, used, until)
    return shown


def _day(at_ms: int | None, otherwise: str) -> str:
    if at_ms is None:
        return otherwise
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M")


def _ended(error: Fault) -> typer.Exit:
    typer.secho(str(error), err=True, fg="red")
    return typer.Exit(Exit.NOTHING if isinstance(error, NotFound) else Exit.WRONG)
