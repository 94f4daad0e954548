"""Is a configuration right as a whole? All that can be known before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.app.afterwards import post_mortem_config
from tocsin.app.config import Loaded
from tocsin.app.escalations import check_escalations
from tocsin.app.incident_response import check_response
from tocsin.app.oncall import on_call_plan
from tocsin.app.receivers import check_receivers
from tocsin.app.rules import RulePlan, rule_plan
from tocsin.app.scraping import scrape_configuration
from tocsin.app.status_page import check_status_page
from tocsin.kit.clock import Clock
from tocsin.oncall.reading import OnCallPlan
from tocsin.scrape.config import ScrapePlan


@dataclass(frozen=True, slots=True)
class Checked:
    """What a right configuration comes to; `routing` and `response` are what the authors of routes
    and of actions should know."""

    scrape: ScrapePlan
    rules: RulePlan
    oncall: OnCallPlan
    routing: tuple[str, ...]
    response: tuple[str, ...]


def checked(loaded: Loaded, clock: Clock, *, is_strict: bool = False) -> Checked:
    """Raises ConfigError, RuleFileError or OnCallError with the places of mistakes. When it is
    strict, calendars must be right as they are."""
    scrape, rules = scrape_configuration(loaded), rule_plan(loaded)
    routing = check_receivers(loaded, clock)
    oncall = on_call_plan(loaded, clock.now_ms(), is_strict=is_strict)
    check_escalations(loaded, clock)
    check_status_page(loaded, clock)
    post_mortem_config(loaded)
    return Checked(scrape, rules, oncall, routing, check_response(loaded, clock))
