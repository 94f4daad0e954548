"""`tocsin postmortem`: what was learnt of incidents, and what is still to be done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar
from urllib.parse import quote

import click
import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.kit.fault import Fault, Rejected

T = TypeVar("T")

app = typer.Typer(
    help="Post-mortems: list, read, write, publish, export; and their action items.",
    no_args_is_help=True,
)
_OUT = Console(highlight=False, markup=False, soft_wrap=True)

NumberArgument = Annotated[str, typer.Argument(metavar="INCIDENT", help="Such as INC-2026-0042.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FileOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write it here; - is standard output.")
]


class Document(msgspec.Struct):
    """A post-mortem, as the API tells it."""

    incident: str
    title: str
    severity: str
    version: int
    state: str
    updated: str
    updated_by: str
    services: list[str] = []
    cause: str = ""
    created: str = ""
    published: str = ""
    published_by: str = ""
    text: str = ""


class Item(msgspec.Struct):
    """An action item, as the API tells it."""

    id: int
    incident: str
    title: str
    owner: str
    state: str
    due: str
    overdue: bool
    version: int = 0
    recurred: list[str] = []
    url: str = ""
    text: str = ""


class _File(msgspec.Struct):
    id: int
    name: str
    created: str
    size: int


@app.command("list")
def list_(
    words: Annotated[list[str] | None, typer.Argument(help="Words, all of which it has.")] = None,
    service: Annotated[str, typer.Option(help="Only of this service.")] = "",
    cause: Annotated[str, typer.Option(help="Only of this kind of cause.")] = "",
    state: Annotated[str, typer.Option(help="draft, 'in review' or published.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """List and search post-mortems, the newest first.

    Exit codes: 0 there are some, 1 refused, 2 Tocsin cannot be reached, 3 there are none.
    """
    asked = {"q": " ".join(words or ()), "service": service, "cause": cause, "state": state}
    query = [(name, value) for name, value in asked.items() if value]
    found = _read(Calls(url, token), "/api/postmortems", list[Document], query)
    if as_json:
        _print_json(found)
    elif found:
        shown = _table("incident", "severity", "state", "updated", "by", "title")
        for one in found:
            cells = (one.incident, one.severity, one.state, one.updated[:16], one.updated_by)
            shown.add_row(*map(Text, (*cells, one.title)))
        _OUT.print(shown)
    if not found:
        _nothing("there are no such post-mortems")


@app.command()
def show(
    number: NumberArgument,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Print a post-mortem's Markdown.

    Exit codes: 0 shown, 1 refused, 2 Tocsin cannot be reached, 3 there is none.
    """
    found = _read(Calls(url, token), _path(number), Document)
    if as_json:
        _print_json(found)
    else:
        _OUT.out(found.text, highlight=False, end="")


@app.command()
def draft(number: NumberArgument, url: UrlOption = DEFAULT_URL, token: TokenOption = "") -> None:
    """Draft one of what is known, where there is none yet."""
    try:
        made = Calls(url, token).read("POST", _path(number), Document)
    except Fault as error:
        ended(error)
    _OUT.print(f"drafted the post-mortem of {made.incident}")


@app.command()
def edit(
    number: NumberArgument,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Its new text; - is standard input.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Change a post-mortem's text: in $EDITOR, or to what a file has.

    What somebody else saved meanwhile is not overwritten: then your text stays in a file.
    """
    calls = Calls(url, token)
    known = _read(calls, _path(number), Document)
    text = _typed(known.text) if file is None else _given(file)
    if text is None or text == known.text:
        _OUT.print("nothing is changed")
        return
    try:
        body = {"version": known.version, "text": text}
        made = calls.read("PUT", _path(number), Document, body=body)
    except Fault as error:
        if file is None:
            kept = Path(f"{known.incident}-post-mortem.md")
            kept.write_text(text, "utf-8")
            typer.echo(f"your text is in {kept}", err=True)
        ended(error)
    _OUT.print(f"saved version {made.version}")


@app.command()
def state(
    number: NumberArgument,
    state: Annotated[str, typer.Argument(help="draft, 'in review' or published.")],
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Say how far a post-mortem has come, e.g. published."""
    calls = Calls(url, token)
    known = _read(calls, _path(number), Document)
    try:
        body = {"version": known.version, "state": state}
        made = calls.read("PUT", _path(number), Document, body=body)
    except Fault as error:
        ended(error)
    _OUT.print(f"the post-mortem of {made.incident} is {made.state}")


@app.command()
def export(
    number: NumberArgument,
    form: Annotated[str, typer.Option("--format", help="md, html or pdf.")] = "md",
    output: FileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Write a post-mortem to a file, with its pictures in it.

    Exit codes: 0 written, 1 refused, 2 Tocsin cannot be reached, 3 there is none.
    """
    try:
        content = Calls(url, token).content(_path(number), query=[("format", form)])
    except Fault as error:
        ended(error)
    _write(content, output, f"{number.upper()}-post-mortem.{form}")


@app.command()
def items(
    number: Annotated[str, typer.Argument(help="Only of this incident.")] = "",
    owner: Annotated[str, typer.Option(help="A name, or me.")] = "",
    state: Annotated[str, typer.Option(help="States with commas, or all.")] = "",
    overdue: Annotated[bool, typer.Option("--overdue", help="Only overdue ones.")] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """List action items by their due dates: what is to be done, of all incidents or of one.

    Exit codes: 0 there are some, 1 refused, 2 Tocsin cannot be reached, 3 there are none.
    """
    asked = {"owner": owner, "state": state, "overdue": "1" if overdue else ""}
    query = [(name, value) for name, value in asked.items() if value]
    path = f"/api/incidents/{quote(number)}/action-items" if number else "/api/action-items"
    found = _read(Calls(url, token), path, list[Item], query)
    if as_json:
        _print_json(found)
    elif found:
        shown = _table("item", "incident", "owner", "due", "state", "what")
        for one in found:
            due = f"{one.due} overdue" if one.overdue else one.due
            again = f" (came again in {', '.join(one.recurred)})" if one.recurred else ""
            cells = (str(one.id), one.incident, one.owner, due, one.state, one.title + again)
            shown.add_row(*map(Text, cells))
        _OUT.print(shown)
    if not found:
        _nothing("there are no such action items")


@app.command("add-item")
def add_item(
    number: NumberArgument,
    title: Annotated[str, typer.Argument(help="What is to be done.")],
    owner: Annotated[str, typer.Option(help="Who does it.")] = "",
    due: Annotated[str, typer.Option(help="A day, e.g. 2026-12-24.")] = "",
    link: Annotated[str, typer.Option(help="Address of a ticket.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Add an action item to an incident; its owner is reminded."""
    body = {"title": title, "owner": owner, "due": due, "url": link}
    path = f"/api/incidents/{quote(number)}/action-items"
    try:
        made = Calls(url, token).read("POST", path, Item, body=body)
    except Fault as error:
        ended(error)
    _OUT.print(f"action item {made.id} of {made.incident}")


@app.command("set-item")
def set_item(
    item: Annotated[int, typer.Argument(help="Its number.")],
    state: Annotated[str, typer.Option(help="open, 'in progress', done or dropped.")] = "",
    owner: Annotated[str | None, typer.Option(help="Who does it.")] = None,
    due: Annotated[str | None, typer.Option(help="A day, or empty for none.")] = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Change an action item: done, another owner, another day."""
    body = {"state": state or None, "owner": owner, "due": due}
    changed = {name: value for name, value in body.items() if value is not None}
    try:
        if not changed:
            raise Rejected("say what shall be different: --state, --owner or --due")
        made = Calls(url, token).read("PATCH", f"/api/action-items/{item}", Item, body=changed)
    except Fault as error:
        ended(error)
    _OUT.print(f"action item {made.id} is {made.state}")


def evidence(
    number: NumberArgument,
    which: Annotated[int, typer.Option("--id", help="Which file; the newest without it.")] = 0,
    output: FileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    listed: Annotated[bool, typer.Option("--list", help="Only list what is kept.")] = False,
) -> None:
    """Write what was frozen of an incident to a file that opens in any browser without Tocsin.

    Exit codes: 0 written, 1 refused, 2 Tocsin cannot be reached, 3 nothing is kept.
    """
    calls, path = Calls(url, token), f"/api/incidents/{quote(number)}/evidence"
    found = _read(calls, path, list[_File])
    if listed:
        shown = _table("id", "created", "bytes", "name")
        for one in found:
            shown.add_row(*map(Text, (str(one.id), one.created, str(one.size), one.name)))
        _OUT.print(shown)
        return
    chosen = next((one for one in reversed(found) if which in (0, one.id)), None)
    if chosen is None:
        _nothing(f"nothing like that is kept of {number}")
    try:
        content = calls.content(f"{path}/{chosen.id}")
    except Fault as error:
        ended(error)
    _write(content, output, chosen.name)


def _typed(text: str) -> str | None:
    """What was made of it in the person's editor; None when that was left without saving."""
    try:
        return click.edit(text, extension=".md")
    except click.ClickException as error:
        ended(Rejected(f"{error.message}; set EDITOR, or pass --file"))


def _given(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        ended(Rejected(f"cannot read {file}: {error}"))


def _write(content: bytes, output: Path | None, name: str) -> None:
    if output is not None and str(output) == "-":
        sys.stdout.buffer.write(content)
        return
    file = output or Path(name)
    try:
        file.write_bytes(content)
    except OSError as error:
        ended(Rejected(f"cannot write {file}: {error.strerror or error}"))
    _OUT.print(f"wrote {file} ({len(content)} bytes)")


def _read(calls: Calls, path: str, kind: type[T], query: list[tuple[str, str]] | None = None) -> T:
    try:
        return calls.read("GET", path, kind, query=query or ())
    except Fault as error:
        ended(error)


def _path(number: str) -> str:
    return f"/api/incidents/{quote(number)}/postmortem"


def _table(*columns: str) -> Table:
    made = Table(box=None, pad_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold", no_wrap=name in ("incident", "item", "due"))
    return made


def _nothing(words: str) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(Exit.NOTHING)


def _print_json(value: object) -> None:
    _OUT.out(msgspec.json.encode(value).decode(), highlight=False)
