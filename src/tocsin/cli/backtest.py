"""`tocsin backtest`: what would this rule have done last week, and whom would it have woken?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from tocsin.cli.exits import Exit
from tocsin.kit.fault import Rejected

_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_ERR = Console(stderr=True, highlight=False, markup=False)

Seen = Callable[[str, float], None]
_Asked = dict[str, Any]  # Any: a request in the making

RuleArgument = Annotated[
    str, typer.Argument(help="A rule in force, or FILE[:NAME] of one that is not yet.")
]
SinceOption = Annotated[str, typer.Option(help="How far back: 14d, 36h.")]
AgainstOption = Annotated[
    Path | None, typer.Option(help="Compare with the rule of that name in this file.")
]
StepOption = Annotated[str, typer.Option(help="Evaluate this often, not as the group does.")]
ExprOption = Annotated[str | None, typer.Option(help="Try this expression instead.")]
HoldOption = Annotated[str | None, typer.Option("--for", help="Try this `for` instead.")]
KeepOption = Annotated[
    str | None, typer.Option("--keep-firing-for", help="Try this `keep_firing_for` instead.")
]
RecoverOption = Annotated[str | None, typer.Option(help="Try this expression of recovery instead.")]
GroupOption = Annotated[str, typer.Option(help="The group, where several rules have the name.")]
NumberOption = Annotated[int, typer.Option(help="Which of several rules of that name, from 1.")]
ProposeOption = Annotated[
    bool, typer.Option(help="Propose values that fit the series' noise, and try them.")
]
UrlOption = Annotated[str, typer.Option(envvar="TOCSIN_URL", help="Address of Tocsin.")]
TokenOption = Annotated[
    str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope read.")
]


class _Line(msgspec.Struct):
    """One line of the answer; the report is read once it is known that there is one."""

    progress: float = 0.0
    title: str = ""
    report: msgspec.Raw = msgspec.Raw(b"")
    error: str = ""


def backtest(
    rule: RuleArgument,
    since: SinceOption = "7d",
    against: AgainstOption = None,
    step: StepOption = "",
    expr: ExprOption = None,
    hold: HoldOption = None,
    keep: KeepOption = None,
    recover: RecoverOption = None,
    group: GroupOption = "",
    number: NumberOption = 1,
    propose: ProposeOption = False,
    url: UrlOption = "http://127.0.0.1:7777",
    token: TokenOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    pages: Annotated[int, typer.Option(help="List at most so many pages and firings.")] = 20,
) -> None:
    """Run a rule over stored history: when it would have fired, and who would have been told.

    Nothing is written and nobody is told. A rule that is edited, by a file or by options, is
    compared with the one in force.

    Examples:

        tocsin backtest HighErrorRate --since 14d

        tocsin backtest HighErrorRate --for 5m --since 30d

        tocsin backtest new.yml:HighErrorRate --since 14d

        tocsin backtest HighErrorRate --since 30d --propose

    Exit codes: 0 done, 1 the rule or the request is wrong, 2 Tocsin cannot be reached.
    """
    edit = {"expr": expr, "for": hold, "keep_firing_for": keep, "recover": recover}
    chosen = {"since": since, "step": step, "group": group, "number": number, "propose": propose}
    raw = _answered(url, token, lambda: {**_rule(rule), **chosen, **_changes(edit, against)})
    if as_json:
        _OUT.out(raw.decode(), highlight=False)
    else:
        _show(raw, pages)


def _answered(url: str, token: str, made: Callable[[], _Asked]) -> bytes:
    """The report; ends the program with a word on the error output when there is none."""
    try:
        return _run(url, token, made())
    except Rejected as error:
        _ERR.print(Text("error:", "red"), str(error))
        raise typer.Exit(Exit.WRONG) from None
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        words = str(error) or "timed out"
        _ERR.print(Text("error:", "red"), f"{url} does not answer as expected: {words}")
        raise typer.Exit(Exit.UNREACHABLE) from None


def _changes(edit: dict[str, str | None], against: Path | None) -> _Asked:
    """What the rule in force is compared with; raises Rejected for a file that cannot be read."""
    told = {name: text for name, text in edit.items() if text is not None}
    return {"edit": told or None, "against": _file(against) if against else None}


def _show(raw: bytes, pages: int) -> None:
    from tocsin.alert.trying.trial_report import Report
    from tocsin.cli.trial_tables import show

    show(_OUT, msgspec.json.decode(raw, type=Report), pages)


def _rule(text: str) -> _Asked:
    """`rule`, and `file` when the text names one; raises Rejected."""
    path, _, name = text.rpartition(":")
    if path and Path(path).is_file():
        return {"rule": name, "file": _file(Path(path))}
    if not Path(text).is_file():
        return {"rule": text}
    from tocsin.alert.rules.rule_file import Defaults, read

    groups = read(Path(text), Defaults())
    names = [rule.name for group in groups for rule in group.rules if rule.is_alert]
    if len(set(names)) != 1:
        raise Rejected(f"{text} has {len(set(names))} alerting rules; name one: {text}:NAME")
    return {"rule": names[0], "file": _file(Path(text))}


def _file(path: Path) -> dict[str, str]:
    try:
        return {"name": path.name, "text": path.read_text("utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"{path} cannot be read: {error}") from error


def _run(url: str, token: str, asked: _Asked) -> bytes:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_ERR, transient=True, disable=not _ERR.is_terminal) as bar:
        task = bar.add_task("trying", total=1.0)

        def seen(title: str, share: float) -> None:
            bar.update(task, description=title or "trying", completed=share)

        return asyncio.run(_ask(url.rstrip("/") + "/api/backtests", asked, token, seen))


async def _ask(url: str, asked: _Asked, token: str, seen: Seen) -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limit = aiohttp.ClientTimeout(total=3600, sock_read=300)
    session = aiohttp.ClientSession(timeout=limit, headers=headers, read_bufsize=64 << 20)
    async with session, session.post(url, json=asked) as response:
        if response.status != 200:
            raise Rejected(_refusal(response.status, await response.read()))
        async for line in response.content:
            told = msgspec.json.decode(line, type=_Line)
            if told.error:
                raise Rejected(told.error)
            if bytes(told.report):
                return bytes(told.report)
            seen(told.title, told.progress)
    raise TimeoutError("the answer broke off")


def _refusal(status: int, body: bytes) -> str:
    if status in (401, 403):
        return (
            "Tocsin wants a token with the scope read: make one on the page Settings, "
            "then pass --token or set TOCSIN_TOKEN"
        )
    try:
        return str(msgspec.json.decode(body)["error"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"Tocsin answers {status}"
