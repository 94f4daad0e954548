"""Rules and limits of log lines, wired: read at the start, changed by a reload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.app.settings_tree import Config
from tocsin.ingest.logs.intake import Step
from tocsin.ingest.logs.pipelines import Pipelines
from tocsin.ingest.logs.sampling import Budget
from tocsin.kit.clock import Clock
from tocsin.query.logs.costs import LogCosts
from tocsin.state.settings import Settings
from tocsin.store.client import Store


@dataclass(frozen=True, slots=True)
class LogRules:
    """What lines go through before they are kept, in this order, and what they cost."""

    pipelines: Pipelines
    budget: Budget
    costs: LogCosts

    @property
    def steps(self) -> Sequence[Step]:
        """The steps of the intake."""
        return self.pipelines, self.budget

    async def open(self) -> None:
        """Read what people made, and what today's lines take. Raises Temporary when the store is
        away."""
        await self.pipelines.load()
        self.budget.begin(await self.costs.today())

    def configure(self, config: Config) -> None:
        """Put the configuration's rules and budgets in force. Raises Rejected when one of its
        rules has the name of one of the page's."""
        self.pipelines.configure(config.logs.pipelines)
        self.budget.configure(config.logs.limits.budgets)


def log_rules(config: Config, store: Store, settings: Settings, clock: Clock) -> LogRules:
    """Nothing is read yet."""
    return LogRules(
        Pipelines(clock, settings, config.logs.pipelines),
        Budget(clock, config.logs.limits.budgets),
        LogCosts(store, clock),
    )
