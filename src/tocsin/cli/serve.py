"""`tocsin serve`: the whole of Tocsin in one process tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.kit.fault import Fault, Permanent

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file; ./tocsin.yaml if it is there."),
]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of everything kept.")]
HttpOption = Annotated[
    str | None, typer.Option("--http", help="HOST:PORT of pages and APIs; port 0 takes a free one.")
]
OtlpHttpOption = Annotated[
    str | None, typer.Option("--otlp-http", help="HOST:PORT of OTLP over HTTP, or off.")
]
OtlpGrpcOption = Annotated[
    str | None, typer.Option("--otlp-grpc", help="HOST:PORT of OTLP over gRPC, or off.")
]


def overrides(
    *,
    data: Path | None,
    http: str | None,
    otlp_http: str | None,
    otlp_grpc: str | None,
    auth: str | None = None,
    log_format: str | None = None,
    log_level: str | None = None,
) -> dict[str, str]:
    """The dotted keys that the given flags stand for."""
    flags = {
        "data": None if data is None else str(data),
        "listen.http": http,
        "listen.otlp_http": otlp_http,
        "listen.otlp_grpc": otlp_grpc,
        "auth.mode": auth,
        "log.format": log_format,
        "log.level": log_level,
    }
    return {key: text for key, text in flags.items() if text is not None}


def serve(
    config: ConfigOption = None,
    data: DataOption = None,
    http: HttpOption = None,
    otlp_http: OtlpHttpOption = None,
    otlp_grpc: OtlpGrpcOption = None,
    auth: Annotated[
        str | None, typer.Option("--auth", help="off: no login; for loopback addresses only.")
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option("--ready-file", help="Write the addresses as JSON here once all answer."),
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Run Tocsin until Ctrl-C or SIGTERM.

    Nothing needs to be configured: without options it listens on 127.0.0.1:7777 (and on
    OpenTelemetry's 4317 and 4318) and keeps its data in ./tocsin-data. SIGHUP, POST /-/reload and a
    change of the file read the configuration again.

    Exit codes: 0 stopped as told, 1 the configuration is wrong, 4 the data folder or a port is held
    by another process.
    """
    # Here, not above: `tocsin query` should not wait for the whole of Tocsin to be imported.
    from tocsin.app.config import load_config
    from tocsin.app.run import run

    flags = overrides(
        data=data,
        http=http,
        otlp_http=otlp_http,
        otlp_grpc=otlp_grpc,
        auth=auth,
        log_format=log_format,
        log_level=log_level,
    )
    try:
        loaded = load_config(config, flags)
        run(loaded, config_path=config, flags=flags, ready_file=ready_file)
    except Permanent as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.HELD) from None
    except Fault as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
