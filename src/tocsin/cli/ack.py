"""`tocsin ack`: take an alert on, so that nobody is told of it again."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.cli.exits import Exit
from tocsin.cli.silence_lines import moment
from tocsin.kit.fault import Fault, Rejected

_OUT = Console(highlight=False, markup=False, soft_wrap=True)
_FINGERPRINT = re.compile(r"[0-9a-f]{16}", re.ASCII)
_NAME = re.compile(r"[\w.: -]+")


class _Ack(msgspec.Struct):
    fingerprint: str
    labels: dict[str, str]
    by: str
    at: str
    note: str = ""
    until: str = ""


class _Made(msgspec.Struct):
    acknowledged: list[_Ack] = []
    cleared: list[str] = []


def ack(
    which: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ALERT…",
            help="Fingerprints, names of alerts, or conditions such as 'service=\"db\"', all of "
            "which must hold. Without one, what is acknowledged is listed.",
        ),
    ] = None,
    note: Annotated[str, typer.Option(help="What others should know.")] = "",
    length: Annotated[
        str, typer.Option("--for", help="How long, e.g. 2h; default: until it resolves.")
    ] = "",
    clear: Annotated[bool, typer.Option("--clear", help="Give it back: it is told again.")] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Acknowledge alerts: their repeats stop while they fire, and they stay visible.

    Examples:

        tocsin ack DatabaseDown --note 'on it' --for 2h

        tocsin ack 'service="db"' 'severity!="critical"'

        tocsin ack DatabaseDown --clear

    Exit codes: 0 done, 1 refused, 2 Tocsin cannot be reached, 3 no such alert.
    """
    calls = Calls(url, token)
    try:
        if not which:
            _list(calls, as_json=as_json, asks_more=bool(note or length or clear))
            return
        if clear and (note or length):
            raise Rejected("--note and --for are for taking on; --clear gives back")
        method = "DELETE" if clear else "POST"
        body = {**_named(which), "note": note, "until": length, "source": "cli"}
        made = calls.read(method, "/api/acknowledgements", _Made, body=body)
    except Fault as error:
        ended(error)
    if as_json:
        _OUT.out(msgspec.json.encode(made).decode(), highlight=False)
        return
    for one in made.acknowledged:
        _OUT.print(f"acknowledged {_words(one.labels)} {_until(one)}")
    for fingerprint in made.cleared:
        _OUT.print(f"given back {fingerprint}")


def _named(which: list[str]) -> dict[str, list[str]]:
    fingerprints = [one for one in which if _FINGERPRINT.fullmatch(one)]
    rest = [one for one in which if one not in fingerprints]
    names = [one for one in rest if _NAME.fullmatch(one)]
    matchers = [one for one in rest if one not in names]
    if len(names) > 1:
        raise Rejected(f"one alert's name at a time: {', '.join(names)}")
    matchers += [f'alertname="{name}"' for name in names]
    return {"fingerprints": fingerprints, "matchers": matchers}


def _list(calls: Calls, *, as_json: bool, asks_more: bool) -> None:
    if asks_more:
        raise Rejected("name the alerts: tocsin ack DatabaseDown")
    found = calls.read("GET", "/api/acknowledgements", list[_Ack])
    if as_json:
        _OUT.out(msgspec.json.encode(found).decode(), highlight=False)
        return
    if not found:
        _OUT.print("nothing is acknowledged")
        raise typer.Exit(Exit.NOTHING)
    for one in found:
        _OUT.print(f"{one.fingerprint}  {_words(one.labels)}")
        _OUT.print(f"    by {one.by} since {moment(one.at)}, {_until(one)}")
        if one.note:
            _OUT.print(f"    {one.note}")


def _until(one: _Ack) -> str:
    return f"until {moment(one.until)}" if one.until else "until it resolves"


def _words(labels: dict[str, str]) -> str:
    rest = " ".join(f"{k}={v}" for k, v in sorted(labels.items()) if k != "alertname")
    return f"{labels.get('alertname', '')} {rest}".strip()
