"""Where are the rules kept that people made here? Under one key of the settings."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.alert.rules.made_rules import MadeRule
from tocsin.state.settings import Settings

_KEY = "rules.made"


class KeptMadeRules:
    """The keeper of `MadeRules`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def load(self) -> list[MadeRule]:
        """Every one, in order."""
        return await self._settings.get(_KEY, list[MadeRule], [])

    async def save(self, rules: Sequence[MadeRule], by: str) -> None:
        """Keep these and no others."""
        await self._settings.set(_KEY, list(rules), by=by)
