"""How do the receivers of an `alertmanager.yml` and the channels of severities become senders?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tocsin.alert.checking.route_advice import route_advice
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.policy.policy_routes import channels_alone, with_policy
from tocsin.alert.policy.severity import read_levels
from tocsin.alert.routing.alertmanager_config import RoutingPlan, read_routing
from tocsin.app.alert_calls import AlertCalls, Called
from tocsin.app.channel_names import check_names
from tocsin.app.config import Loaded
from tocsin.app.escalation_policies import names_called
from tocsin.kit.clock import Clock
from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.notify import KINDS
from tocsin.notify.conversation import Conversation
from tocsin.notify.global_config import read_global
from tocsin.notify.kind import Making, Sender
from tocsin.notify.template_advice import template_advice
from tocsin.notify.templates import Templates, read_files
from tocsin.scrape.fetch import Fetcher


@dataclass(frozen=True, slots=True)
class Receivers:
    """What `alertmanager` and `severities` come to: routes, and the ways of telling by receiver."""

    plan: RoutingPlan
    integrations: Mapping[str, tuple[Integration, ...]]
    warnings: tuple[str, ...]
    senders: Mapping[str, Sender]
    """Every sender by its place: "team/slack[0]"."""


def routing_of(loaded: Loaded) -> RoutingPlan | None:
    """The routes of a configuration, those of `severities` among them; None when it has none.

    Raises ConfigError.
    """
    config = loaded.config
    plan = None if loaded.alertmanager is None else read_routing(loaded.alertmanager)
    levels = read_levels(config.severities)
    called = names_called(loaded, levels)
    return with_policy(plan, levels, config.alerting, loaded.document, callable_names=called)


def receivers_of(
    loaded: Loaded,
    fetcher: Fetcher,
    clock: Clock,
    external_url: str,
    talk: Conversation | None = None,
    calls: Callable[[], AlertCalls | None] = lambda: None,
) -> Receivers | None:
    """Everything that a configuration says of routing and telling, None when it says nothing.
    `talk` is what channels share in which people answer, `calls` calls whom severities name.

    Raises ConfigError with the place of the first mistake.
    """
    plan = routing_of(loaded)
    if plan is None:
        return None
    check_names(loaded, plan)
    own = frozenset(loaded.config.alerting.channels)
    folders = loaded.alertmanager_folder, loaded.folder
    tools = _Tools(fetcher, clock, external_url, talk or Conversation())
    made = _made(plan, folders, own, tools)
    if not own <= plan.receivers.keys():
        alone = receivers_alone(loaded, fetcher, clock, external_url, tools.talk)
        made = replace(
            made,
            integrations={**alone.integrations, **made.integrations},
            senders={**alone.senders, **made.senders},
        )
    called = {
        name: (Integration(name, "oncall", 0, Called(name, calls), sends_resolved=True),)
        for name in names_called(loaded, read_levels(loaded.config.severities))
        if name in plan.receivers and not plan.receivers[name]
    }
    return replace(made, integrations={**made.integrations, **called})


def receivers_alone(
    loaded: Loaded, fetcher: Fetcher, clock: Clock, external_url: str, talk: Conversation
) -> Receivers:
    """The channels of a configuration without levels: no alert is routed to them, but pages and
    actions name them.

    Raises ConfigError with the place of the first mistake.
    """
    plan = channels_alone(loaded.config.alerting, loaded.document)
    tools = _Tools(fetcher, clock, external_url, talk)
    own = frozenset(loaded.config.alerting.channels)
    return _made(plan, (loaded.alertmanager_folder, loaded.folder), own, tools)


def read_receivers(
    document: Document, folder: Path, fetcher: Fetcher, clock: Clock, external_url: str
) -> Receivers:
    """What an `alertmanager.yml` alone comes to. Raises ConfigError as `receivers_of`."""
    plan = read_routing(document)
    tools = _Tools(fetcher, clock, external_url, Conversation())
    return _made(plan, (folder, folder), frozenset(), tools)


@dataclass(frozen=True, slots=True)
class _Tools:
    """What every sender is made with."""

    fetcher: Fetcher
    clock: Clock
    external_url: str
    talk: Conversation


def _made(
    plan: RoutingPlan, folders: tuple[Path, Path], own: frozenset[str], tools: _Tools
) -> Receivers:
    """`folders` are where relative paths of secrets start: of receivers, of our `own` channels."""
    document = plan.document
    try:
        templates = Templates(
            read_files(plan.templates, folders[0]), tools.clock, tools.external_url
        )
    except Rejected as error:
        raise document.error(str(error), "templates") from error
    shared = read_global(plan.shared)
    warnings = [*plan.warnings, *route_advice(plan)]
    senders: dict[str, Sender] = {}
    made: dict[str, tuple[Integration, ...]] = {}
    for name, parts in plan.receivers.items():
        making = Making(
            shared,
            templates,
            tools.fetcher,
            tools.clock,
            folders[name in own],
            tools.talk,
            is_own=name in own,
        )
        integrations = []
        for part in parts:
            place = f"{name}/{part.kind}[{part.index}]"
            one = KINDS[part.kind].make(part.part, replace(making, place=place))
            senders[place] = one.sender
            warnings += [*one.warnings, *template_advice(part.part, templates)]
            integrations.append(
                Integration(
                    name, part.kind, part.index, one.sender, sends_resolved=one.sends_resolved
                )
            )
        made[name] = tuple(integrations)
    return Receivers(plan, made, tuple(warnings), senders)


def check_receivers(loaded: Loaded, clock: Clock) -> tuple[str, ...]:
    """What the author of routes and receivers should know; raises ConfigError for a mistake."""
    found = receivers_of(loaded, Fetcher(clock, loaded.alertmanager_folder), clock, "")
    return found.warnings if found else ()
