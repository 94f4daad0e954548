"""`tocsin routes`: who would be told of what, when, and why?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from tocsin.cli.calls import Calls, ended
from tocsin.cli.exits import Exit
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Fault, Rejected
from tocsin.kit.quantity import Duration
from tocsin.model import labels as model
from tocsin.model.labels import Labels

if TYPE_CHECKING:
    from tocsin.alert.config import AlertingConfig
    from tocsin.alert.routing.route_tree import RouteNode
    from tocsin.alert.trying.route_story import Event
    from tocsin.app.receivers import Receivers
    from tocsin.web.route_trial import RouteTrialAnswer

app = typer.Typer(help="Show who would be told of what, when, and why.", no_args_is_help=True)

_OUT = Console(highlight=False, markup=False, soft_wrap=True)

_ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "--config.file",
        help="A tocsin.yaml or an alertmanager.yml; ./tocsin.yaml without one.",
    ),
]
_JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
def show(config: _ConfigOption = None, as_json: _JsonOption = False) -> None:
    """Draw the routing tree: the alertmanager.yml, and what severities add to it.

    Exit codes: 0 shown, 1 the configuration is wrong, 3 it has no routes.
    """
    from tocsin.alert.routing.route_tree import tree_of

    found, _ = _receivers(config)
    root = tree_of(found.plan)
    if as_json:
        typer.echo(msgspec.json.encode(root))
    elif _OUT.is_terminal:
        _OUT.print(_drawn(root))
    else:
        for depth, node in root.walk():
            typer.echo(f"{'    ' * depth}{_words(node)}")
            for line in _details(node):
                typer.echo(f"{'    ' * depth}  {line}")


_AtOption = Annotated[
    str, typer.Option(help="When it begins: now, now+2h, 'Sunday 03:00', 22:30, or ISO 8601.")
]
_ZoneOption = Annotated[
    str, typer.Option(help="Time zone, such as Europe/Berlin, or local for this machine's.")
]
_ForOption = Annotated[str, typer.Option("--for", help="How long it fires, up to 14d.")]
_WhileOption = Annotated[
    list[str] | None,
    typer.Option("--while", help="Labels of another alert that fires meanwhile: 'a=b c=d'."),
]
_VerifyOption = Annotated[
    str,
    typer.Option("--verify.receivers", "--verify", help="Fail unless these are its receivers."),
]
_TreeOption = Annotated[
    bool, typer.Option("--tree", help="Tell the times and channels of its routes too.")
]
_UrlOption = Annotated[
    str, typer.Option(help="Ask the Tocsin at this address, with what is silenced and fires now.")
]
_TokenOption = Annotated[
    str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope read, for --url.")
]


@app.command("test")
def try_out(
    labels: Annotated[list[str], typer.Argument(help="The alert's labels: severity=critical …")],
    config: _ConfigOption = None,
    at: _AtOption = "now",
    zone: _ZoneOption = "UTC",
    lasts: _ForOption = "6h",
    others: _WhileOption = None,
    verify: _VerifyOption = "",
    tree: _TreeOption = False,
    url: _UrlOption = "",
    token: _TokenOption = "",
    as_json: _JsonOption = False,
) -> None:
    """Say who is told of an alert, when and why: the messages to come, on virtual time.

    Of a configuration file, or with --url of a running Tocsin, where what fires and is silenced
    now counts too.

    Exit codes: 0 somebody is told, 1 something is wrong or the receivers are not those of
    --verify.receivers, 2 Tocsin cannot be reached, 3 nobody is told.
    """
    trial = _Trial(labels, at, zone, lasts, tuple(others or ()))
    if url:
        if config is not None or others:
            raise _wrong("--config and --while are for files; --url asks what is in force there")
        root, answer = _asked_there(trial, Calls(url, token))
    else:
        root, answer = _tried_here(trial, config)
    _print_trial(root, answer, zone, as_json=as_json, with_tree=tree)
    _verify(verify, answer.receivers)
    if not answer.forecast.messages:
        raise typer.Exit(Exit.NOTHING)


def _verify(wanted: str, receivers: Sequence[str]) -> None:
    """Ends the command when these are not the receivers that are wanted, separated by commas."""
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if names and sorted(names) != sorted(receivers):
        raise _wrong(f"expected the receivers {','.join(names)}, found {','.join(receivers)}")


@dataclass(frozen=True, slots=True)
class _Trial:
    """What is tried, as it was typed."""

    labels: list[str]
    at: str
    zone: str
    lasts: str
    others: tuple[str, ...]


def _asked_there(trial: _Trial, calls: Calls) -> tuple[RouteNode, RouteTrialAnswer]:
    """What a running Tocsin says, and its tree."""
    from tocsin.web.route_trial import RoutesAnswer, RouteTrial, RouteTrialAnswer

    if trial.zone == "local":
        raise _wrong("--zone local is this machine's; name the zone to ask a Tocsin elsewhere")
    try:
        asked = RouteTrial(
            labels=dict(_labels(trial.labels)), at=trial.at, zone=trial.zone, lasts=trial.lasts
        )
        answer = calls.read("POST", "/api/routes/test", RouteTrialAnswer, body=asked)
        return calls.read("GET", "/api/routes", RoutesAnswer).tree, answer
    except Fault as error:
        ended(error)


def _tried_here(trial: _Trial, config: Path | None) -> tuple[RouteNode, RouteTrialAnswer]:
    """What comes of it by a configuration file, and its tree."""
    from tocsin.alert.routing.moment import moment_ms, zone_of
    from tocsin.alert.routing.route import matching
    from tocsin.alert.routing.route_tree import tree_of
    from tocsin.alert.trying.route_story import story
    from tocsin.alert.trying.route_timeline import Surroundings, forecast
    from tocsin.model.alerts import Alert
    from tocsin.web.route_trial import RouteTrialAnswer

    found, alerting = _receivers(config)
    plan = found.plan
    try:
        given, place = _labels(trial.labels), zone_of(trial.zone)
        at_ms = moment_ms(trial.at, time.time_ns() // 1_000_000, place)
        lasts_ms = Duration.from_config(trial.lasts).ms
        around = tuple(
            Alert(labels=_labels(text.split()), starts_ms=at_ms, ends_ms=at_ms + lasts_ms)
            for text in trial.others
        )
        beside = Surroundings(alerts=around, config=alerting)
        seen = forecast(plan, found.integrations, given, at_ms, lasts_ms, beside)
    except Rejected as error:
        raise _wrong(str(error)) from None
    return tree_of(plan), RouteTrialAnswer(
        receivers=list(dict.fromkeys(one.receiver for one in matching(plan.root, given))),
        forecast=seen,
        timeline=story(seen, tuple(plan.root.walk()), place),
    )


def _print_trial(
    root: RouteNode, answer: RouteTrialAnswer, zone_name: str, *, as_json: bool, with_tree: bool
) -> None:
    from tocsin.alert.routing.moment import zone_of
    from tocsin.alert.trying.route_story import clock_words

    if as_json:
        typer.echo(msgspec.json.encode(answer))
        return
    seen, zone = answer.forecast, zone_of(zone_name)
    lasts = Duration((seen.ends_ms - seen.at_ms) / 1000)
    typer.echo(f"from {clock_words(seen.at_ms, zone)} {_zone_name(seen.at_ms, zone)}, for {lasts}:")
    typer.echo(f"receivers: {','.join(answer.receivers)}")
    for number in seen.routes:
        path = _path(root, number)
        typer.echo(f"{path[-1].receiver}: {_way(path)}")
        for line in _details(path[-1]) if with_tree else ():
            typer.echo(f"  {line}")
    for event in answer.timeline:
        typer.echo(_line(event, zone))
    if not seen.messages:
        typer.echo("nobody is told")
    if seen.is_cut:
        typer.echo(f"looked ahead until {clock_words(seen.seen_ms, zone)}; try a shorter --for")


def _line(event: Event, zone: tzinfo) -> str:
    from tocsin.alert.trying.route_story import clock_words

    after = str(Duration(event.after)) if event.after else "0s"
    return f"{clock_words(event.at_ms, zone)}  {'+' + after:>10}  {event.words}"


def _zone_name(at_ms: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at_ms / 1000, zone).tzname() or str(zone)


def _receivers(config: Path | None) -> tuple[Receivers, AlertingConfig | None]:
    from tocsin.app.config import load_config
    from tocsin.app.receivers import read_receivers, receivers_of
    from tocsin.kit.yaml import load
    from tocsin.scrape.fetch import Fetcher

    clock = SystemClock()
    try:
        if config is not None and (document := load(config)).get("route") is not None:
            folder = config.resolve().parent
            return read_receivers(document, folder, Fetcher(clock, folder), clock, ""), None
        loaded = load_config(config)
        found = receivers_of(loaded, Fetcher(clock, loaded.alertmanager_folder), clock, "")
    except Fault as error:
        raise _wrong(str(error)) from None
    if found is None:
        typer.secho(
            "there are no routes in this configuration, so nobody is told; add "
            "`alertmanager: alertmanager.yml` or `severities`",
            err=True,
        )
        raise typer.Exit(Exit.NOTHING)
    return found, loaded.config.alerting


def _wrong(words: str) -> typer.Exit:
    typer.secho(words, err=True, fg="red")
    return typer.Exit(Exit.WRONG)


def _labels(texts: list[str]) -> Labels:
    """Of `a=b`, `a="b c"` or `{a="b",c="d"}`."""
    from tocsin.alert.routing.matchers import parse_matchers
    from tocsin.model.labels import MatchOp

    found: dict[str, str] = {}
    for text in texts:
        try:
            matchers = parse_matchers(text)
        except Rejected:
            matchers = ()
        if matchers and all(one.op is MatchOp.EQUAL for one in matchers):
            found.update((one.name, one.value) for one in matchers)
            continue
        name, equal, value = text.partition("=")
        if not equal or not name or name.endswith("!") or value.startswith("~"):
            raise Rejected(f"{text!r} is no label; write name=value")
        found[name] = value
    return model.from_mapping(found)


def _path(root: RouteNode, number: int) -> list[RouteNode]:
    """The nodes from the root to that one."""
    if root.number == number:
        return [root]
    for child in root.routes:
        below = _path(child, number)
        if below:
            return [root, *below]
    return []


def _way(path: list[RouteNode]) -> str:
    """The conditions on the way to a route; nodes that only pass on are left out."""
    first, *below = path
    return " > ".join([first.title, *(node.title for node in below if node.matchers)])


def _drawn(root: RouteNode) -> Tree:
    def branch(node: RouteNode) -> Text:
        lines = "".join(f"\n{line}" for line in _details(node))
        return Text(_words(node), style="bold").append(lines, style="not bold dim")

    drawn = Tree(branch(root))
    open_nodes = [(root, drawn)]
    while open_nodes:
        node, here = open_nodes.pop()
        open_nodes += [(child, here.add(branch(child))) for child in node.routes]
    return drawn


def _words(node: RouteNode) -> str:
    goes_on = " (and the next routes too)" if node.goes_on else ""
    otherwise = "else: " if node.otherwise and node.matchers else ""
    to = "the routes below" if node.passes_on else node.receiver
    return f"{otherwise}{node.title} → {to}{goes_on}"


def _details(node: RouteNode) -> list[str]:
    by = {(): "nothing", ("...",): "all labels"}.get(tuple(node.group_by), ", ".join(node.group_by))
    words = (
        f"grouped by {by}; first after {Duration(node.group_wait)}, changes every "
        f"{Duration(node.group_interval)}, repeated every {Duration(node.repeat_interval)}"
    )
    if node.mute:
        words += f"; muted during {', '.join(node.mute)}"
    if node.active:
        words += f"; only during {', '.join(node.active)}"
    via = ", ".join(node.via) or "nothing: nobody hears of it"
    told = [] if node.passes_on else [f"told by {via}"]
    if node.instead and told:
        told[0] += f"; if that fails: {', '.join(node.instead)}"
    return [*([node.words] if node.words else []), words, *told]
