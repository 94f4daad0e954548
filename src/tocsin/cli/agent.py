"""`tocsin agent`: read a machine's logs and send them to a Tocsin."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.kit.fault import Fault, Permanent

if TYPE_CHECKING:
    from tocsin.agent.config import AgentConfig


ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The agent's configuration, YAML.")
]
FileOption = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", help="Files to read, a glob; - is standard input. Repeat it."),
]
JournaldOption = Annotated[bool, typer.Option("--journald", help="Read the systemd journal.")]
DockerOption = Annotated[
    bool, typer.Option("--docker", help="Read the files of Docker's containers.")
]
ToOption = Annotated[
    str | None, typer.Option("--to", envvar="TOCSIN_URL", help="Address of Tocsin.")
]
KeyFileOption = Annotated[
    str | None, typer.Option("--key-file", help="File with a key of the scope ingest.")
]
StateOption = Annotated[str | None, typer.Option("--state", help="Where positions are kept.")]
ServiceOption = Annotated[str, typer.Option(help="Whose lines the files have.")]
EnvironmentOption = Annotated[str, typer.Option(help="Such as production.")]
FromEndOption = Annotated[
    bool, typer.Option("--from-end", help="Begin at the end of files, the first time.")
]
CheckOption = Annotated[bool, typer.Option("--check", help="Say what is wrong, and end.")]
LogFormatOption = Annotated[str, typer.Option(help="console or json.")]


def agent(
    config: ConfigOption = None,
    file: FileOption = None,
    journald: JournaldOption = False,
    docker: DockerOption = False,
    to: ToOption = None,
    key_file: KeyFileOption = None,
    state: StateOption = None,
    service: ServiceOption = "",
    environment: EnvironmentOption = "",
    from_end: FromEndOption = False,
    check: CheckOption = False,
    log_format: LogFormatOption = "console",
) -> None:
    """Send what files, containers and the journal say, and remember how far that went.

    Files are followed through rotations. A line is left only when Tocsin has said that it is kept;
    while Tocsin is away the agent waits.

    Examples:

        tocsin agent --file '/var/log/nginx/*.log' --to https://tocsin.example --key-file key

        kubectl logs -f shop | tocsin agent --file - --service shop

    Exit codes: 0 ended as told, 1 the configuration is wrong, 4 positions cannot be kept.
    """
    # Here, not above: other commands should not wait for it.
    from tocsin.agent.configured import Asked, configured

    flags = {"to": to, "key_file": key_file, "state": state}
    given = {name: value for name, value in flags.items() if value is not None}
    asked = Asked(
        files=tuple(file or ()),
        journald=journald,
        docker=docker,
        service=service,
        environment=environment,
        from_end=from_end,
    )
    with _told():
        found = configured(config, given, asked)
        if check:
            typer.echo("the configuration is right")
        else:
            _run(found, as_json=log_format == "json")


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is one line on the error output and an exit code."""
    try:
        yield
    except Permanent as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.HELD) from None
    except Fault as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None


def _run(config: AgentConfig, *, as_json: bool) -> None:
    from tocsin.agent.agent import Agent
    from tocsin.kit import log
    from tocsin.kit.clock import SystemClock

    log.configure(as_json=as_json)
    running = Agent(config, SystemClock())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: running.stop())
    running.run()
