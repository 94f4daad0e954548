"""`tocsin incident update`, `tasks`, `template`: what is told, and what people do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
import typer

from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.kit.fault import Fault, Rejected
from tocsin.model.incident_shown import IncidentShown

_ALL = "/api/incidents"
NumberArgument = Annotated[str, typer.Argument(metavar="INCIDENT", help="Such as INC-2026-0042.")]


class _Previewed(msgspec.Struct):
    text: str
    subject: str = ""


class _Task(msgspec.Struct):
    id: str
    text: str
    done: bool
    by: str = ""


def update(
    number: NumberArgument,
    text: Annotated[str, typer.Argument(help="How it stands; - reads it from standard input.")],
    eta: Annotated[str, typer.Option(help="When it is expected to be over.")] = "",
    public: Annotated[str, typer.Option(help="For the status page and customers.")] = "",
    status: Annotated[str, typer.Option(help="investigating, identified or monitoring.")] = "",
    next_update: Annotated[
        str, typer.Option("--next", help="When the next one comes, e.g. 30m; none.")
    ] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Tell everyone concerned how it stands, and promise the next update.

    Example: tocsin incident update INC-2026-0042 'The deploy is taken back' --eta 14:30
    """
    if text == "-":
        text = sys.stdin.read()
    body = {
        "text": text,
        "eta": eta,
        "public": public,
        "status": status,
        "next_update": next_update,
    }
    try:
        one = Calls(url, token).read("POST", f"{_path(number)}/updates", IncidentShown, body=body)
    except Fault as error:
        ended(error)
    typer.echo(f"{one.number}: the update is being sent")


def tasks(
    number: NumberArgument,
    done: Annotated[str, typer.Option(help="The id of a task that is done.")] = "",
    undone: Annotated[str, typer.Option(help="The id of one that is not after all.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """What people do in an incident, and what of it is done."""
    try:
        calls, path = Calls(url, token), _path(number)
        for task, is_done in ((done, True), (undone, False)):
            if task:
                where = f"{path}/tasks/{quote(task, safe='')}"
                calls.read("POST", where, list[_Task], body={"done": is_done})
        found = calls.read("GET", f"{path}/tasks", list[_Task])
    except Fault as error:
        ended(error)
    for one in found:
        by = f" ({one.by})" if one.by else ""
        typer.echo(f"[{'x' if one.done else ' '}] {one.text}{by}  {one.id}")
    if not found:
        typer.echo("there is nothing on the list")


def template(
    file: Annotated[
        str, typer.Argument(help="A file with a template, - for standard input; the one in force.")
    ] = "",
    moment: Annotated[
        Literal["initial", "update", "resolution"], typer.Option(help="When it is said.")
    ] = "initial",
    audience: Annotated[
        Literal["internal", "public", "customers"], typer.Option(help="To whom.")
    ] = "internal",
    incident: Annotated[str, typer.Option(help="Whose data fill it; an example's without.")] = "",
    text: Annotated[str, typer.Option(help="What the author of an update writes.")] = "",
    notation: Annotated[
        Literal["", "braces", "jinja2", "go"], typer.Option(help="As it looks, without.")
    ] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Fill a communication template with real data, and say what is wrong with it.

    Example: tocsin incident template words.j2 --incident INC-2026-0042
    """
    try:
        body = {
            "template": _source(file),
            "moment": moment,
            "audience": audience,
            "incident": incident,
            "text": text,
            "notation": notation,
        }
        found = Calls(url, token).read("POST", f"{_ALL}/templates/preview", _Previewed, body=body)
    except Fault as error:
        ended(error)
    if found.subject:
        typer.echo(f"Subject: {found.subject}\n")
    typer.echo(found.text)


def _source(file: str) -> str:
    if not file:
        return ""
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"cannot read {file}: {error}") from error


def _path(number: str) -> str:
    if not number.strip():
        raise Rejected("name the incident, such as INC-2026-0042")
    return f"{_ALL}/{quote(number.strip(), safe='')}"
