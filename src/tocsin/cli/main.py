"""The command `tocsin`: one line here for each command."""

from __future__ import annotations

import platform
from typing import Annotated

import typer

import tocsin
from tocsin.cli import (
    ack,
    agent,
    backtest,
    check,
    dashboards,
    demo,
    drill,
    errors,
    incident,
    incident_statistics,
    keep,
    logs,
    notifications,
    oncall,
    page_test,
    postmortem,
    query,
    routes,
    serve,
    silence,
    status,
    test,
    token,
    traces,
    user,
    why,
)

app = typer.Typer(
    name="tocsin",
    help="The alarm bell of a small team: metrics in, kept, asked; the right person woken.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def version(
    short: Annotated[bool, typer.Option("--short", help="Print the number alone.")] = False,
) -> None:
    """Print the version of Tocsin and of what it runs on."""
    if short:
        typer.echo(tocsin.__version__)
        return
    typer.echo(
        f"tocsin {tocsin.__version__} on Python {platform.python_version()}, {platform.platform()}"
    )


app.command()(serve.serve)
app.command()(agent.agent)
app.command()(query.query)
app.command()(logs.logs)
app.command()(traces.traces)
app.command()(traces.trace)
app.command()(status.status)
app.command()(ack.ack)
app.command()(backtest.backtest)
app.command()(drill.drill)
app.command()(why.why)
app.command()(notifications.notifications)
app.command()(keep.backup)
app.command()(keep.restore)
app.add_typer(demo.app, name="demo")
app.add_typer(check.app, name="check")
app.add_typer(dashboards.app, name="dashboards")
app.add_typer(routes.app, name="routes")
app.add_typer(test.app, name="test")
app.add_typer(user.app, name="user")
app.add_typer(token.app, name="token")
app.add_typer(silence.app, name="silence")
app.add_typer(errors.app, name="errors")
incident.app.command("evidence")(postmortem.evidence)
incident.app.command("statistics")(incident_statistics.statistics)
app.add_typer(incident.app, name="incident")
app.add_typer(postmortem.app, name="postmortem")
oncall.app.command("test-page")(page_test.page_test)
app.add_typer(oncall.app, name="oncall")


def main() -> None:
    """Run the command line."""
    app()
