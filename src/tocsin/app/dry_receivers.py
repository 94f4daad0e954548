"""What would receivers have been sent? The senders of an `alertmanager.yml`, which send nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.trying.case_notifications import Told
from tocsin.app.receivers import read_receivers
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.kit.yaml import load
from tocsin.model.notices import Notice
from tocsin.model.outbox import Held, watch
from tocsin.notify.kind import Sender
from tocsin.scrape.fetch import Fetcher


class DrySender:
    """A sender up to the moment at which it would speak to its service."""

    def __init__(self, name: str, sender: Sender, told: list[Told]) -> None:
        self._name = name
        self._sender = sender
        self._told = told

    async def send(self, notice: Notice) -> None:
        """Write down what would have been sent; never fails."""
        error = ""
        with watch(is_dry=True) as outbox:
            try:
                await self._sender.send(notice)
            except Held:
                pass
            except Fault as fault:
                error = outbox.mask(str(fault))
        self._told.append(Told(self._name, notice, outbox.body, error))


def dry_receivers(
    file: Path, clock: Clock, external_url: str, told: list[Told]
) -> tuple[RoutingPlan, Mapping[str, Sequence[Integration]]]:
    """A Teller over the real senders. Raises ConfigError for a mistake in the file."""
    folder = file.resolve().parent
    found = read_receivers(load(file), folder, Fetcher(clock, folder), clock, external_url)
    return found.plan, {
        name: tuple(
            Integration(
                name,
                one.kind,
                one.index,
                DrySender(one.name, found.senders[f"{name}/{one.name}"], told),
                sends_resolved=one.sends_resolved,
            )
            for one in ways
        )
        for name, ways in found.integrations.items()
    }
