"""`tocsin dashboards`: list, export, import and check dashboards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.dashboard.checking import problems_of
from tocsin.dashboard.folder import ENDINGS, read_file
from tocsin.kit.fault import Fault, Rejected

_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_ERR = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

app = typer.Typer(
    help="Dashboards: list them, keep them as files, bring them in, check files.",
    no_args_is_help=True,
)


class _Listed(msgspec.Struct):
    uid: str
    title: str
    tags: list[str] = []
    panels: int = 0
    origin: str = "kept"
    updated_by: str = ""


class _LeftOut(msgspec.Struct):
    words: str
    panel: str = ""


class _Problem(msgspec.Struct):
    words: str
    panel: int = 0
    title: str = ""


class _Imported(msgspec.Struct):
    uid: str
    left_out: list[_LeftOut] = []
    problems: list[_Problem] = []


@app.command("list")
def list_(
    search: Annotated[str, typer.Argument(help="Words of the title, tags, description.")] = "",
    tag: Annotated[str, typer.Option(help="One of its tags.")] = "",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every dashboard of a running Tocsin.

    Exit codes: 0 listed, 1 refused, 2 no answer.
    """
    query = [(key, value) for key, value in (("q", search), ("tag", tag)) if value]
    try:
        found = Calls(url, token).read("GET", "/api/dashboards", list[_Listed], query=query)
    except Fault as error:
        ended(error)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    shown = Table(box=None, pad_edge=False)
    for column in ("uid", "title", "panels", "from", "tags"):
        shown.add_column(column, overflow="fold")
    for one in found:
        where = {"kept": one.updated_by, "file": "a file", "shipped": "Tocsin"}
        shown.add_row(
            one.uid, one.title, str(one.panels), where.get(one.origin, ""), ", ".join(one.tags)
        )
    _OUT.print(shown)


@app.command()
def export(
    uids: Annotated[
        list[str] | None, typer.Argument(help="Which ones; all that were made here if none.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--to", help="Folder for a file each; without it, to the screen.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="yaml or json.")] = "yaml",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Write dashboards as files that `dashboards:` in tocsin.yaml and `import` read.

    Exit codes: 0 written, 1 refused, 2 no answer, 3 no such dashboard.
    """
    if form not in ("yaml", "json"):
        ended(Rejected("--format is yaml or json"))
    calls = Calls(url, token)
    try:
        wanted = uids or [
            one.uid
            for one in calls.read("GET", "/api/dashboards", list[_Listed])
            if one.origin == "kept"
        ]
        for uid in wanted:
            path = f"/api/dashboards/{quote(uid, safe='')}/file"
            content = calls.content(path, query=[("format", form)])
            if folder is None:
                typer.echo(content.decode(), nl=form == "json")
                continue
            _written(folder, f"{uid}.{form}", content)
    except Fault as error:
        ended(error)


def _written(folder: Path, name: str, content: bytes) -> None:
    file = folder / Path(name).name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise Rejected(f"{file} cannot be written: {error.strerror or error}") from error
    _OUT.print(str(file))


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Files: ours in YAML or JSON, Grafana's.")],
    replace: Annotated[bool, typer.Option(help="Replace a dashboard of the same uid.")] = False,
    dry: Annotated[bool, typer.Option("--dry", help="Only tell what does not translate.")] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
) -> None:
    """Bring dashboards into a running Tocsin, and say what of them did not translate.

    Exit codes: 0 imported, 1 refused, 2 no answer.
    """
    for file in files:
        try:
            one = read_file(file)
            body = {**msgspec.to_builtins(one.dashboard), **({"uid": one.uid} if one.uid else {})}
            query = [("dry", "1")] if dry else [("replace", "1")] if replace else []
            found = Calls(url, token).read(
                "POST", "/api/dashboards/import", _Imported, body=body, query=query
            )
        except Fault as error:
            ended(error)
        for left in one.left_out:
            where = f"{left.panel}: " if left.panel else ""
            _ERR.print(Text("left out:", "yellow"), f"{where}{left.words}")
        for problem in found.problems:
            _ERR.print(Text("will not work:", "yellow"), _told(problem))
        what = "would become" if dry else "is"
        _OUT.print(f"{file} {what} the dashboard {found.uid or '(a new uid)'}")


def _told(problem: _Problem) -> str:
    where = f"panel {problem.panel} {problem.title!r}: " if problem.panel else ""
    return f"{where}{problem.words}"


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
) -> None:
    """Check files without a running Tocsin: their form, their queries, their variables.

    What Grafana's files have and ours have not is told, and no mistake.
    Exit codes: 0 all right, 1 a mistake, 3 no file is there.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        _ERR.print("no dashboard is there: name files, or folders of .json, .yaml and .yml files")
        raise typer.Exit(Exit.NOTHING)
    wrong = 0
    for file in files:
        state, words = _checked(file)
        wrong += state == "wrong"
        _OUT.print(f"{file}: {'wrong' if state == 'wrong' else 'right'}")
        for each in words:
            _OUT.print(f"  {each}")
    if wrong:
        raise typer.Exit(Exit.WRONG)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [one for one in sorted(path.rglob("*")) if one.suffix.lower() in ENDINGS]


def _checked(file: Path) -> tuple[Literal["right", "wrong"], list[str]]:
    try:
        one = read_file(file)
    except Rejected as error:
        return "wrong", [str(error)]
    problems = [str(problem) for problem in problems_of(one.dashboard)]
    notes = [
        f"not taken over: {f'{left.panel}: ' if left.panel else ''}{left.words}"
        for left in one.left_out
    ]
    return "wrong" if problems else "right", [*problems, *notes]
