"""`tocsin check`: find the mistakes before they are deployed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Fault, Rejected

if TYPE_CHECKING:
    from tocsin.alert.routing.alertmanager_config import RoutingPlan
    from tocsin.alert.rules.rule_file import RuleGroup
    from tocsin.app.checked import Checked
    from tocsin.app.config import Loaded
    from tocsin.model.labels import Labels

_OWN_RULES = frozenset(("alerts", "slos", "prometheus"))

app = typer.Typer(help="Find the mistakes before they are deployed.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Find the mistakes before they are deployed."""


@app.command()
def config(
    file: Annotated[
        Path | None, typer.Argument(help="A tocsin.yaml; ./tocsin.yaml without one.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the configuration in force, secrets hidden.")
    ] = False,
) -> None:
    """Read a configuration as `serve` would, and say what is wrong with it and where.

    Exit codes: 0 right, 1 wrong.
    """
    from tocsin.app.checked import checked
    from tocsin.app.config import load_config

    try:
        loaded = load_config(file)
        found = checked(loaded, SystemClock(), is_strict=True)
    except Fault as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    for warning in dict.fromkeys(_warnings(loaded, found)):
        typer.secho(f"warning: {warning}", err=True, fg="yellow")
    sources = ", ".join(str(path) for path in (*loaded.sources, *found.scrape.sources))
    jobs, groups = len(found.scrape.jobs), len(found.rules.groups)
    typer.echo(
        f"right: {sources or 'no file: the defaults'}; "
        f"{jobs} scrape job{'' if jobs == 1 else 's'}, "
        f"{groups} group{'' if groups == 1 else 's'} of rules"
    )
    if show:
        _show(loaded, found)


def _warnings(loaded: Loaded, found: Checked) -> Iterator[str]:
    from tocsin.app.dashboards import folder_of
    from tocsin.oncall.advice import warnings as on_call_warnings

    yield from loaded.warnings
    yield from found.scrape.warnings
    yield from found.rules.warnings
    yield from found.routing
    yield from _without_level(loaded, found.rules.groups)
    yield from on_call_warnings(found.oncall.roster, SystemClock().now_ms())
    yield from found.response
    yield from folder_of(loaded).problems


def _show(loaded: Loaded, found: Checked) -> None:
    from tocsin.app.effective import effective_yaml

    typer.echo(effective_yaml(loaded.config))
    for rule in (rule for group in found.rules.groups for rule in group.rules if rule.written):
        typer.echo(f"# {rule.name}: {rule.written}\n#   means {rule.expr}")
        if rule.recover:
            typer.echo(f"#   until {rule.recover_written}\n#   means {rule.recover}")


def _without_level(loaded: Loaded, groups: Sequence[RuleGroup]) -> Iterator[str]:
    """The rules whose severity no level of `severities` names, each with its place."""
    from tocsin.alert.checking.coverage import without_level
    from tocsin.app.receivers import routing_of
    from tocsin.model.labels import make

    routes = routing_of(loaded)
    for rule in (rule for group in groups for rule in group.rules if rule.is_alert):
        why = without_level(routes, make((*rule.labels, ("alertname", rule.name))))
        if why:
            yield f"{rule.place}: {rule.name}: {why}"


@app.command()
def rules(
    files: Annotated[
        list[Path], typer.Argument(help="Rule files of Prometheus, or a tocsin.yaml.")
    ],
    url: Annotated[
        str,
        typer.Option(
            "--url",
            "--against",
            envvar="TOCSIN_URL",
            help="Ask this server which metrics there are.",
        ),
    ] = "",
    alertmanager: Annotated[
        Path | None, typer.Option(help="Say which alerts nobody hears of by these routes.")
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="TOCSIN_TOKEN", help="API token with the scope read.")
    ] = "",
) -> None:
    """Read rules as they are evaluated; say what is wrong, where, and what looks unwise.

    Of a tocsin.yaml its plain rules are read, and those of its rule files.
    Exit codes: 0 right, 1 wrong, 2 the server does not answer.
    """
    from tocsin.alert.checking.advice import advice

    groups: list[RuleGroup] = []
    wrong = False
    for file in files:
        try:
            found = _rules_of(file)
        except Fault as error:
            typer.secho(str(error), err=True, fg="red")
            wrong = True
            continue
        groups += found
        count = sum(len(group.rules) for group in found)
        typer.echo(f"{file}: {count} rule{'' if count == 1 else 's'} found")
    known = _metrics(url, token) if url else None
    try:
        unheard = _unrouted(alertmanager) if alertmanager else None
    except Fault as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    for words in advice(groups, known.__contains__ if known is not None else None, unheard):
        typer.secho(f"warning: {words}", err=True, fg="yellow")
    if wrong:
        raise typer.Exit(Exit.WRONG)


def _rules_of(file: Path) -> Sequence[RuleGroup]:
    """The groups of a rule file or of a configuration, where those that its objectives come to are
    left out: nobody wrote them. Raises a Fault for what is wrong."""
    from tocsin.alert.plain.slo import read_slos
    from tocsin.alert.plain.slo_rules import slo_groups
    from tocsin.alert.rules.rule_file import Defaults, read
    from tocsin.app.config import load_config
    from tocsin.app.rules import rule_plan
    from tocsin.kit.document import Entries
    from tocsin.kit.yaml import load

    document = load(file)
    if isinstance(document.node, Entries) and _OWN_RULES.intersection(document.node.nodes):
        loaded = load_config(file)
        made = {group.key for group in slo_groups(read_slos(loaded.config.slos))}
        return [group for group in rule_plan(loaded).groups if group.key not in made]
    return read(file, Defaults())


def _unrouted(file: Path) -> Callable[[Labels], str]:
    """Why nobody hears of alerts with such labels; raises ConfigError for a wrong file."""
    from tocsin.alert.checking.coverage import unrouted
    from tocsin.alert.routing.alertmanager_config import read_routing
    from tocsin.kit.yaml import load

    plan = read_routing(load(file))
    return lambda labels: unrouted(plan, labels)


def _metrics(url: str, token: str) -> set[str]:
    """The names that a server knows."""
    import asyncio

    import aiohttp

    async def names() -> set[str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limit = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(timeout=limit, headers=headers) as session,
            session.get(f"{url.rstrip('/')}/api/v1/label/__name__/values") as response,
        ):
            if response.status != 200:
                raise Rejected(f"{url} answers {response.status}; pass --token or set TOCSIN_TOKEN")
            return set((await response.json())["data"])

    try:
        return asyncio.run(names())
    except Rejected as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(Exit.WRONG) from None
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        typer.secho(f"{url} does not answer as expected: {error}", err=True, fg="red")
        raise typer.Exit(Exit.UNREACHABLE) from None


@app.command()
def alertmanager(
    files: Annotated[list[Path], typer.Argument(help="Files such as alertmanager.yml.")],
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rules",
            help="Rule files, or a pattern of them: say which of their alerts nobody hears of.",
        ),
    ] = None,
) -> None:
    """Read Alertmanager's configuration files, and say what is wrong with them and where.

    Exit codes: 0 all are right, 1 one is wrong.
    """
    from tocsin.app.receivers import read_receivers
    from tocsin.kit.yaml import load
    from tocsin.scrape.fetch import Fetcher

    clock, wrong = SystemClock(), 0
    files, rule_files = _apart(files, rules or ())
    for file in files:
        folder = file.resolve().parent
        try:
            found = read_receivers(load(file), folder, Fetcher(clock, folder), clock, "")
        except Fault as error:
            wrong += 1
            typer.secho(str(error), err=True, fg="red")
            continue
        for warning in (*found.warnings, *_unheard(found.plan, rule_files)):
            typer.secho(f"warning: {warning}", err=True, fg="yellow")
        routes = len(list(found.plan.root.walk()))
        senders = sum(map(len, found.integrations.values()))
        typer.echo(
            f"right: {file}; {routes} route{'' if routes == 1 else 's'}, "
            f"{len(found.integrations)} receiver{'' if len(found.integrations) == 1 else 's'} "
            f"told in {senders} way{'' if senders == 1 else 's'}"
        )
    if wrong:
        raise typer.Exit(Exit.WRONG)


def _apart(files: Sequence[Path], rules: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Alertmanager's files, and those of rules: of `--rules rules/*.yml` a shell makes an option
    for the first file, and the others stand among `files`."""
    found: list[Path] = []
    for pattern in rules:
        named = [pattern] if Path(pattern).exists() else sorted(glob(pattern, recursive=True))
        if not named:
            typer.secho(f"--rules: there is no file {pattern}", err=True, fg="red")
            raise typer.Exit(Exit.WRONG)
        found += map(Path, named)
    others = [file for file in files if found and _has_rules(file)]
    return [file for file in files if file not in others], found + others


def _has_rules(file: Path) -> bool:
    from tocsin.kit.yaml import load

    try:
        document = load(file)
    except Fault:
        return False  # whoever reads it next says why
    return document.get("groups") is not None and document.get("route") is None


def _unheard(plan: RoutingPlan, files: Sequence[Path]) -> Iterator[str]:
    """The alerts of these rule files that the routes tell nobody of."""
    from tocsin.alert.checking.coverage import unrouted
    from tocsin.alert.rules.rule_file import Defaults, read
    from tocsin.model.labels import make

    for file in files:
        try:
            groups = read(file, Defaults())
        except Fault as error:
            typer.secho(str(error), err=True, fg="red")
            raise typer.Exit(Exit.WRONG) from None
        for rule in (rule for group in groups for rule in group.rules if rule.is_alert):
            why = unrouted(plan, make((*rule.labels, ("alertname", rule.name))))
            if why:
                yield f"{file}: nobody hears of {rule.name}: {why}"
