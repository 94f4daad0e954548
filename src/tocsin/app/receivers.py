"""How do the receivers of an `alertmanager.yml` become senders?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tocsin.alert.alertmanager_config import RoutingPlan, read_routing
from tocsin.alert.delivery import Integration
from tocsin.app.config import Loaded
from tocsin.kit.clock import Clock
from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.notify import KINDS
from tocsin.notify.global_config import read_global
from tocsin.notify.kind import Making
from tocsin.notify.templates import Templates, read_files
from tocsin.scrape.fetch import Fetcher


@dataclass(frozen=True, slots=True)
class Receivers:
    """What an `alertmanager.yml` comes to: its routes, and the ways of telling by receiver."""

    plan: RoutingPlan
    integrations: Mapping[str, tuple[Integration, ...]]
    warnings: tuple[str, ...]


def routing_of(loaded: Loaded) -> RoutingPlan | None:
    """The routes of a configuration, None without an `alertmanager`; raises ConfigError."""
    return None if loaded.alertmanager is None else read_routing(loaded.alertmanager)


def read_receivers(
    document: Document, folder: Path, fetcher: Fetcher, clock: Clock, external_url: str
) -> Receivers:
    """Raises ConfigError with the place of the first mistake."""
    plan = read_routing(document)
    try:
        templates = Templates(read_files(plan.templates, folder), clock, external_url)
    except Rejected as error:
        raise document.error(str(error), "templates") from error
    making = Making(read_global(plan.shared), templates, fetcher, clock, folder)
    warnings = list(plan.warnings)
    made: dict[str, tuple[Integration, ...]] = {}
    for name, parts in plan.receivers.items():
        integrations = []
        for part in parts:
            kind = KINDS.get(part.kind)
            if kind is None:
                warnings.append(
                    f"{part.part.node.place}: receiver {name!r}: {part.kind}_configs is not "
                    "supported yet; nothing is sent there"
                )
                continue
            one = kind.make(part.part, making)
            warnings += one.warnings
            integrations.append(
                Integration(
                    name, part.kind, part.index, one.sender, sends_resolved=one.sends_resolved
                )
            )
        made[name] = tuple(integrations)
    return Receivers(plan, made, tuple(warnings))


def check_receivers(loaded: Loaded, clock: Clock) -> tuple[str, ...]:
    """What the author of the `alertmanager.yml` should know; raises ConfigError for a mistake."""
    document = loaded.alertmanager
    if document is None:
        return ()
    folder = loaded.alertmanager_folder
    return read_receivers(document, folder, Fetcher(clock, folder), clock, "").warnings
