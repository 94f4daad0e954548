"""`tocsin incident`: what is wrong, who has it, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console

from tocsin.cli import incident_telling
from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.cli.incident_tables import listed, long
from tocsin.kit.fault import Fault, Rejected
from tocsin.model.incident_shown import EntryShown, IncidentShown

app = typer.Typer(help="Incidents: list, open, answer, note and resolve.", no_args_is_help=True)
_OUT = Console(highlight=False, markup=False, soft_wrap=True)

OutputOption = Annotated[
    Literal["text", "json"], typer.Option("--output", "-o", help="text or json.")
]
NumberArgument = Annotated[str, typer.Argument(metavar="INCIDENT", help="Such as INC-2026-0042.")]
_ALL = "/api/incidents"


class _Known(msgspec.Struct):
    incident: IncidentShown
    timeline: list[EntryShown]


@app.command("list")
def list_(
    status: Annotated[
        str, typer.Option(help="all, or statuses with commas; what is not over without it.")
    ] = "",
    severity: Annotated[str, typer.Option(help="Severities with commas, e.g. P0,P1.")] = "",
    words: Annotated[str, typer.Option("--find", help="Words of title, services, tags.")] = "",
    since: Annotated[str, typer.Option(help="Not over, or opened, since: e.g. 7d.")] = "",
    limit: Annotated[int, typer.Option(help="The most that is shown.")] = 50,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """List incidents, the newest first.

    Exit codes: 0 there are some, 1 refused, 2 Tocsin cannot be reached, 3 there are none.
    """
    asked = {"status": status, "severity": severity, "q": words, "since": since}
    query = [(name, value) for name, value in asked.items() if value]
    query.append(("limit", str(limit)))
    try:
        found = Calls(url, token).read("GET", _ALL, list[IncidentShown], query=query)
    except Fault as error:
        ended(error)
    if output == "json":
        _print_json(found)
    elif found:
        _OUT.print(listed(found))
    if not found:
        typer.echo("there are no such incidents", err=True)
        raise typer.Exit(Exit.NOTHING)


@app.command()
def show(
    number: NumberArgument,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Show one incident with its timeline.

    Exit codes: 0 shown, 1 refused, 2 Tocsin cannot be reached, 3 there is no such incident.
    """
    calls, path = Calls(url, token), _path(number)
    try:
        found = calls.read("GET", path, IncidentShown)
        timeline = calls.read("GET", f"{path}/timeline", list[EntryShown])
    except Fault as error:
        ended(error)
    if output == "json":
        _print_json(_Known(found, timeline))
        return
    for part in long(found, timeline):
        _OUT.print(part)


@app.command("open")
def open_(
    title: Annotated[str, typer.Argument(help="In a few words, what is wrong.")],
    severity: Annotated[str, typer.Option("--severity", "-s", help="Such as P1.")],
    service: Annotated[
        list[str] | None, typer.Option(help="An affected service; may be given several times.")
    ] = None,
    description: Annotated[str, typer.Option(help="More of it, in Markdown.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="May be given several times.")] = None,
    assignee: Annotated[str, typer.Option(help="Whose it is.")] = "",
    started: Annotated[str, typer.Option(help="When it began: a time, or e.g. 20m ago.")] = "",
    drill: Annotated[bool, typer.Option("--drill", help="It is an exercise.")] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Open an incident; what its severity asks for follows by itself.

    Example: tocsin incident open 'Checkout is slow' -s P1 --service checkout
    """
    body = {
        "title": title,
        "severity": severity,
        "services": service or [],
        "description": description,
        "tags": tag or [],
        "assignee": assignee,
        "started": started,
        "is_drill": drill,
    }
    try:
        made = Calls(url, token).read("POST", _ALL, IncidentShown, body=body)
    except Fault as error:
        ended(error)
    _done(made, "opened", output)


@app.command()
def ack(
    number: NumberArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Give it back: it escalates anew.")] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Take an incident on: nobody else is called for it."""
    method, word = ("DELETE", "given back") if undo else ("POST", "acknowledged")
    _act(Calls(url, token), number, "acknowledge", word, output, method=method)


@app.command()
def note(
    number: NumberArgument,
    text: Annotated[str, typer.Argument(help="Markdown; - reads it from standard input.")],
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Write a note on its timeline."""
    if text == "-":
        text = typer.get_text_stream("stdin").read()
    _act(Calls(url, token), number, "notes", "noted", output, {"text": text})


@app.command()
def assign(
    number: NumberArgument,
    person: Annotated[str, typer.Argument(help="Whose it is; '' for nobody's.")],
    role: Annotated[str, typer.Option(help="As what, e.g. commander; as assignee without.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Assign it to a person, or give a person a role in it."""
    calls = Calls(url, token)
    if role:
        body = {"role": role, "person": person}
        _act(calls, number, "role", f"{role}: {person or 'nobody'};", output, body)
        return
    word = "assigned;" if person else "assigned to nobody;"
    _act(calls, number, "assign", word, output, {"person": person})


@app.command()
def severity(
    number: NumberArgument,
    severity: Annotated[str, typer.Argument(help="Such as P0.")],
    why: Annotated[str, typer.Option(help="Why it changes.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Change its severity."""
    body = {"severity": severity, "why": why}
    _act(Calls(url, token), number, "severity", "changed", output, body)


@app.command()
def status(
    number: NumberArgument,
    status: Annotated[
        str, typer.Argument(help="investigating, identified, monitoring, resolved or closed.")
    ],
    text: Annotated[str, typer.Option(help="What there is to say about it.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Say how far it has come."""
    body = {"status": status, "text": text}
    _act(Calls(url, token), number, "status", "changed", output, body)


@app.command()
def resolve(
    number: NumberArgument,
    resolution: Annotated[str, typer.Argument(help="What ended it.")] = "",
    root_cause: Annotated[str, typer.Option(help="Why it happened.")] = "",
    cause: Annotated[str, typer.Option(help="The kind of cause, e.g. deploy.")] = "",
    measure: Annotated[
        list[str] | None,
        typer.Option(help="What shall prevent it; may be given several times."),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Resolve it; a post-mortem is drafted from what happened."""
    body = {
        "resolution": resolution,
        "root_cause": root_cause,
        "cause": cause,
        "measures": measure or [],
    }
    _act(Calls(url, token), number, "resolve", "resolved", output, body)


@app.command()
def reopen(
    number: NumberArgument,
    why: Annotated[str, typer.Option(help="Why it is not over after all.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Open it again; whoever is on call is reached again."""
    _act(Calls(url, token), number, "reopen", "opened again", output, {"why": why})


@app.command()
def merge(
    number: NumberArgument,
    into: Annotated[str, typer.Argument(help="The incident that it becomes part of.")],
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    output: OutputOption = "text",
) -> None:
    """Make it part of another incident."""
    _act(Calls(url, token), number, "merge", f"now holds {number.upper()};", output, {"into": into})


app.command()(incident_telling.update)
app.command()(incident_telling.tasks)
app.command()(incident_telling.template)


def _act(
    calls: Calls,
    number: str,
    act: str,
    word: str,
    output: str,
    body: Mapping[str, object] | None = None,
    *,
    method: str = "POST",
) -> None:
    try:
        one = calls.read(method, f"{_path(number)}/{act}", IncidentShown, body=body)
    except Fault as error:
        ended(error)
    _done(one, word, output)


def _done(one: IncidentShown, word: str, output: str) -> None:
    if output == "json":
        _print_json(one)
        return
    who = f", {one.assignee}" if one.assignee else ""
    _OUT.print(f"{one.number} {word} {one.severity} {one.status}{who}: {one.title}")
    if one.page.startswith("http"):
        _OUT.print(one.page)


def _path(number: str) -> str:
    if not number.strip():
        raise Rejected("name the incident, such as INC-2026-0042")
    return f"{_ALL}/{quote(number.strip(), safe='')}"


def _print_json(value: object) -> None:
    _OUT.out(msgspec.json.encode(value).decode(), highlight=False)
