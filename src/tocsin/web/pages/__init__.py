"""Pages for people: request to values to template. The one list of them."""

from __future__ import annotations

from tocsin.web.pages import (
    acknowledge,
    alerts,
    assets,
    backtest,
    browse,
    catalogue,
    docs,
    explore,
    notifications,
    overview,
    receipt,
    routing,
    search,
    settings,
    slos,
    silence_actions,
    silences,
    system,
    targets,
)
from tocsin.web.routing import Addresses

PAGES: Addresses = (
    *assets.ADDRESSES,
    *overview.ADDRESSES,
    *alerts.ADDRESSES,
    *receipt.ADDRESSES,
    *backtest.ADDRESSES,
    *routing.ADDRESSES,
    *notifications.ADDRESSES,
    *acknowledge.ADDRESSES,
    *silences.ADDRESSES,
    *silence_actions.ADDRESSES,
    *slos.ADDRESSES,
    *explore.ADDRESSES,
    *browse.ADDRESSES,
    *targets.ADDRESSES,
    *system.ADDRESSES,
    *settings.ADDRESSES,
    *search.ADDRESSES,
    *catalogue.ADDRESSES,
    *docs.ADDRESSES,
)
