"""`tocsin backup` and `tocsin restore`: everything out to a safe place, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tocsin.cli.exits import Exit
from tocsin.cli.serve import ConfigOption, DataOption, overrides
from tocsin.kit import log
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Fault, NotFound, Permanent, Rejected

if TYPE_CHECKING:
    from tocsin.app.config import Loaded
    from tocsin.app.run import Addresses
    from tocsin.store.backup import Manifest
    from tocsin.store.backup_target import Target
    from tocsin.web.services import BackupState

T = TypeVar("T")

_ERR = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
_ASK_SECONDS = 0.3
_LIMIT_SECONDS = 60.0

TargetArgument = Annotated[str, typer.Argument(help="A folder, or s3://bucket/path.")]
EndpointOption = Annotated[
    str, typer.Option("--endpoint", envvar="AWS_ENDPOINT_URL", help="Address of the S3 service.")
]
AccessKeyOption = Annotated[
    str, typer.Option("--access-key", envvar="AWS_ACCESS_KEY_ID", help="For s3://.")
]
SecretKeyOption = Annotated[
    str,
    typer.Option(
        "--secret-key",
        envvar="AWS_SECRET_ACCESS_KEY",
        show_envvar=True,
        help="For s3://; better given in the environment than on the command line.",
    ),
]
RegionOption = Annotated[
    str, typer.Option("--region", envvar="AWS_REGION", help="Region of the bucket.")
]
_AWS = "https://s3.amazonaws.com"


def backup(
    target: TargetArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    endpoint: EndpointOption = _AWS,
    access_key: AccessKeyOption = "",
    secret_key: SecretKeyOption = "",
    region: RegionOption = "us-east-1",
) -> None:
    """Copy everything that is kept to a folder or a bucket, while Tocsin runs or not.

    Telemetry, the state database (unless that is a PostgreSQL) and the configuration's files. Give
    each backup a place of its own. Run it on the machine and as the user that Tocsin runs on.

    Examples:

        tocsin backup /mnt/backups/$(date +%F) --data /var/lib/tocsin

        tocsin backup s3://backups/tocsin/$(date +%F) --endpoint https://s3.example.com

    Exit codes: 0 done, 1 it cannot be done, 2 the running Tocsin does not answer, 3 there is
    nothing to back up, 4 another process holds the data folder.
    """
    given = _Given(target, endpoint, access_key, secret_key, region)
    state = _run(lambda: _backup(_loaded(config, data), given))
    if state.state != "done":
        _ERR.print(Text("error:", "red"), state.error)
        raise typer.Exit(Exit.WRONG)
    rows = sum(state.rows.values())
    typer.echo(
        f"backed up {rows:,} rows of {len(state.rows)} tables and {len(state.files)} files to "
        f"{state.target} in {state.took_seconds:.1f} s"
    )


def restore(
    target: TargetArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    endpoint: EndpointOption = _AWS,
    access_key: AccessKeyOption = "",
    secret_key: SecretKeyOption = "",
    region: RegionOption = "us-east-1",
) -> None:
    """Bring a backup back into a data folder that is empty or not there.

    The configuration's files are put into the data folder as config-*, to be looked at and moved.

    Exit codes: 0 done, 1 it cannot be done, 3 there is no backup at that place, 4 another process
    holds the data folder.
    """
    given = _Given(target, endpoint, access_key, secret_key, region)
    manifest, rows = _run(lambda: _restore(_loaded(config, data), given))
    short = {
        table: count - rows.get(table, 0)
        for table, count in manifest.rows.items()
        if rows.get(table, 0) < count
    }
    for table, missing in short.items():
        _ERR.print(
            Text("note:", "yellow"),
            f"{table} has {missing:,} rows fewer than were counted as the backup "
            "began: duplicates that were merged, or rows past their retention",
        )
    lost = [table for table, count in manifest.rows.items() if count and not rows.get(table)]
    if lost:
        _ERR.print(Text("warning:", "yellow"), f"nothing is left of {', '.join(lost)}")
    typer.echo(
        f"restored {sum(rows.values()):,} rows of {len(rows)} tables and {len(manifest.files)} "
        f"files: {', '.join(file.name for file in manifest.files)}"
    )


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:  # Any: nothing is sent to it
    """Run it, and end with the exit code and the words of what went wrong."""
    log.configure(as_json=False, level="warning")
    try:
        return asyncio.run(work())
    except NotFound as error:
        raise _ended(error, Exit.NOTHING) from None
    except Permanent as error:
        raise _ended(error, Exit.HELD) from None
    except Fault as error:
        raise _ended(error, Exit.WRONG) from None
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        raise _ended(f"Tocsin does not answer: {error!r}", Exit.UNREACHABLE) from None


def _ended(why: object, code: Exit) -> typer.Exit:
    _ERR.print(Text("error:", "red"), str(why))
    return typer.Exit(code)


class _Given(msgspec.Struct, frozen=True):
    """What the command line says of the backup's place; the API's own words."""

    target: str
    endpoint: str
    access_key: str
    secret_key: str
    region: str

    def parsed(self) -> Target:
        from tocsin.store.backup_target import parse_target

        return parse_target(
            self.target,
            endpoint=self.endpoint,
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=self.region,
        )


def _loaded(config: Path | None, data: Path | None) -> Loaded:
    from tocsin.app.config import load_config

    return load_config(config, overrides(data=data, http=None, otlp_http=None, otlp_grpc=None))


async def _backup(loaded: Loaded, given: _Given) -> BackupState:
    from tocsin.app.backups import backup_at_rest
    from tocsin.app.run import running_on
    from tocsin.store.backup_target import Folder

    target = given.parsed()
    if isinstance(target, Folder):
        # A running Tocsin stands in another folder: it needs the whole path.
        given = msgspec.structs.replace(given, target=str(target.path))
    running = running_on(loaded.config)
    with _progress() as progress:
        bar = progress.add_task("telemetry", total=None)

        def told(state: BackupState) -> None:
            done = min(state.bytes_done, state.bytes_total)
            progress.update(
                bar, description=state.phase, completed=done, total=state.bytes_total or None
            )

        if running is None:
            return await backup_at_rest(loaded, target, SystemClock(), told)
        return await _by_the_running(loaded, running, given, told)


async def _by_the_running(
    loaded: Loaded, running: Addresses, given: _Given, told: Callable[[BackupState], None]
) -> BackupState:
    from tocsin.app.accounts import short_key
    from tocsin.web.services import BackupState

    clock = SystemClock()
    url = f"{running.http}/api/backup"
    limit = aiohttp.ClientTimeout(total=_LIMIT_SECONDS)
    async with (
        short_key(loaded.config, clock, "tocsin backup") as key,
        aiohttp.ClientSession(timeout=limit, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        async with http.post(url, data=msgspec.json.encode(given)) as response:
            body = await response.read()
            if response.status != 202:
                raise Rejected(_reason(body))
        while True:
            async with http.get(url) as response:
                state = msgspec.json.decode(await response.read(), type=BackupState)
            if state.state != "running":
                return state
            told(state)
            await asyncio.sleep(_ASK_SECONDS)


def _reason(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, object]).get("error", ""))
    except msgspec.DecodeError:
        return body.decode(errors="replace")[:300]


async def _restore(loaded: Loaded, given: _Given) -> tuple[Manifest, dict[str, int]]:
    from tocsin.app.backups import restore_into

    target = given.parsed()
    with _progress() as progress:
        bar = progress.add_task("telemetry", total=None)
        return await restore_into(
            loaded.config, target, SystemClock(), lambda size: progress.advance(bar, size)
        )


def _progress() -> Progress:
    """A bar on a terminal, silence in a pipe."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=_ERR,
        transient=True,
        disable=not _ERR.is_terminal,
    )
