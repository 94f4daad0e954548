"""`tocsin why`: why was somebody told of an alert, or not?"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.text import Text

from tocsin.cli.exits import Exit
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration

if TYPE_CHECKING:
    from tocsin.alert.deciding.chain import Step
    from tocsin.web.why import Decided, RuleNow, Why

_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_ERR = Console(stderr=True, highlight=False, markup=False)
_DAY_SECONDS = 86_400
_MARKS = {
    "passed": ("✓", "green"),
    "told": ("→", "cyan"),
    "held": ("✗", "yellow"),
    "quiet": ("·", "default"),
    "failed": ("✗", "red"),
    "waits": ("…", "default"),
}


def why(
    alert: Annotated[str, typer.Argument(help="The alert's name, or its fingerprint.")],
    labels: Annotated[
        list[str] | None, typer.Argument(help="Labels that it has: service=api …")
    ] = None,
    url: Annotated[
        str, typer.Option(envvar="TOCSIN_URL", help="Address of Tocsin.")
    ] = "http://127.0.0.1:7777",
    token: Annotated[
        str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope read.")
    ] = "",
    limit: Annotated[int, typer.Option(help="Decisions of the past that are shown.")] = 5,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also what a plain condition is in PromQL.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as it came.")] = False,
) -> None:
    """Show why somebody was told of an alert or not, link by link.

    What would be decided now comes first, then what was, the newest first. Of an alert that is not
    known it says what would become of it.

    Exit codes: 0 shown, 1 something is wrong, 2 Tocsin cannot be reached, 3 the alert is not known.
    """
    from tocsin.web.why import Why

    asked = [("alert", alert), *(("label", one) for one in labels or ())]
    try:
        body = asyncio.run(_ask(f"{url.rstrip('/')}/api/why", asked, token))
        found = msgspec.json.decode(body, type=dict[str, list[Why]])["alerts"]
    except Rejected as error:
        _ERR.print(Text("error:", "red"), str(error))
        raise typer.Exit(Exit.WRONG) from None
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        _ERR.print(
            Text("error:", "red"), f"{url} does not answer as expected: {str(error) or 'timed out'}"
        )
        raise typer.Exit(Exit.UNREACHABLE) from None
    if as_json:
        typer.echo(body.decode())
    else:
        for number, one in enumerate(found):
            if number:
                _OUT.print()
            _show(one, limit, time.time(), verbose=verbose)
    if not any(one.is_known for one in found):
        raise typer.Exit(Exit.NOTHING)


def _show(one: Why, limit: int, now: float, *, verbose: bool) -> None:
    labels = " ".join(f"{name}={value}" for name, value in one.labels.items())
    _OUT.print(Text(labels or one.fingerprint, "bold"), f"({one.fingerprint})")
    if not one.is_known:
        _OUT.print("not known: it does not fire, and nothing was decided of it lately")
    elif one.is_firing:
        _OUT.print(f"fires since {_moment(one.starts_ms, now)}")
    else:
        _OUT.print(f"over since {_moment(one.ends_ms, now)}" if one.ends_ms else "over")
    hidden = _rule(one.rule, verbose=verbose) if one.rule else ""
    if one.now:
        words = "now, at the next look:" if one.is_firing else "if it fired now:"
        _OUT.print(Text(words, "bold"))
        for decision in one.now:
            _chain(decision, now, hidden=hidden)
    elif not one.labels:
        _OUT.print("give its labels to see what would become of it: tocsin why NAME name=value …")
    if one.history:
        _OUT.print(Text("decided before, the newest first:", "bold"))
    for decision in one.history[:limit]:
        times = f", {decision.count} times until {_moment(decision.last_ms, now)}"
        _OUT.print(
            f"#{decision.id} {_moment(decision.at_ms, now)}{times if decision.count > 1 else ''}"
        )
        _chain(decision, now, hidden=hidden)
    rest = len(one.history) - limit
    if rest > 0:
        _OUT.print(f"and {rest} more; --limit {len(one.history)} shows them")


def _rule(rule: RuleNow, *, verbose: bool) -> str:
    """As its author wrote it; returns the expression that need not be said again below."""
    value = "" if rule.value is None else f", now {_value(rule.value, rule.unit)}"
    hold = f" for {Duration(rule.hold_ms / 1000)}" if rule.hold_ms else ""
    said = f"{rule.condition or rule.expr}{hold}{value}"
    _OUT.print(f"rule {rule.name} of {rule.group} ({rule.file}): {said}")
    if not rule.condition:
        return ""
    if verbose:
        _OUT.print(f"  as PromQL: {rule.expr}")
    return "" if verbose else rule.expr


def _value(value: float, unit: str) -> str:
    from tocsin.alert.deciding.measured import spoken

    return spoken(value, unit) if unit else f"{value:g}"


def _chain(decision: Decided, now: float, *, hidden: str) -> None:
    """Link by link, without the detail that is `hidden`."""
    _OUT.print(Text(f"  {decision.summary}", "bold"))
    for step in decision.steps:
        mark, colour = _MARKS[step.verdict]
        _OUT.print(
            Text(f"  {mark} ", colour) + Text(f"{step.stage.value:<13}"), _words(step, now, hidden)
        )


def _words(step: Step, now: float, hidden: str) -> str:
    words = step.words
    if step.at_ms:
        words += f" (since {_moment(step.at_ms, now)})"
    if step.until_ms:
        words += f" (until {_moment(step.until_ms, now)})"
    return f"{words} — {step.detail}" if step.detail not in ("", hidden) else words


def _moment(at_ms: int, now: float) -> str:
    there = datetime.fromtimestamp(at_ms / 1000).astimezone()
    gap = round(now - at_ms / 1000)
    age = Duration(abs(gap)) if abs(gap) < _DAY_SECONDS else Duration(abs(gap) // 3600 * 3600)
    words = f"{age} ago" if gap > 0 else f"in {age}" if gap else "now"
    return f"{there:%Y-%m-%d %H:%M:%S %Z}, {words}"


async def _ask(url: str, asked: list[tuple[str, str]], token: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limit = aiohttp.ClientTimeout(total=30.0)
    async with (
        aiohttp.ClientSession(timeout=limit, headers=headers) as session,
        session.get(url, params=asked) as response,
    ):
        body = await response.read()
    if response.status in (401, 403):
        raise Rejected(
            "Tocsin wants a token with the scope read: make one on the page Settings, "
            "then pass --token or set TOCSIN_TOKEN"
        )
    if response.status == 400:
        raise Rejected(str(msgspec.json.decode(body, type=dict[str, str]).get("error", "")))
    return body
