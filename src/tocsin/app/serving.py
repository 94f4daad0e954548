"""What of all the parts may addresses and pages use?"""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.alert.rules.made_rules import MadeRules
from tocsin.app.backups import Backups
from tocsin.app.parts import Parts
from tocsin.web.incident_feed import IncidentFeed
from tocsin.web.services import ConfigInForce, Reload, Services, Status


@dataclass(frozen=True, slots=True)
class Running:
    """What only the running product can tell or do."""

    config_in_force: ConfigInForce
    status: Status
    reload: Reload
    backups: Backups
    made_rules: MadeRules


def services_of(parts: Parts, running: Running) -> Services:
    """All that a handler may use."""
    return Services(
        config_in_force=running.config_in_force,
        status=running.status,
        reload=running.reload,
        backups=running.backups,
        made_rules=running.made_rules,
        clock=parts.clock,
        engine=parts.engine,
        source=parts.source,
        registry=parts.registry,
        recent=parts.recent,
        writer=parts.writer,
        store=parts.kept.store,
        retention=parts.retention,
        intake=parts.intake,
        logs=parts.logs.intake,
        log_writer=parts.logs.writer,
        log_tail=parts.logs.tail,
        log_search=parts.logs.search,
        log_rules=parts.logs.rules,
        spans=parts.traces.intake,
        trace_search=parts.traces.search,
        issues=parts.errors.book,
        errors=parts.errors,
        guard=parts.guard,
        scrape=parts.scrape,
        prober=parts.prober,
        heartbeats=parts.heartbeats,
        rules=parts.rules,
        alerts=parts.alerting.dispatcher,
        desk=parts.alerting.notifications.desk,
        canaries=parts.alerting.notifications.canaries,
        acknowledgements=parts.alerting.attention.acknowledgements,
        doors=parts.alerting.doors,
        maintenance=parts.alerting.attention.maintenance,
        receipts=parts.alerting.receipts,
        users=parts.people.users,
        sessions=parts.people.sessions,
        tokens=parts.people.tokens,
        settings=parts.settings,
        incidents=parts.incidents.book,
        response=parts.response.desk,
        incident_feed=_feed(parts),
        oncall=parts.oncall,
        pager=parts.paging.pager(),
        callable_people=lambda: sorted(parts.oncall.roster.people),
        status_page=parts.status_page.desk,
        afterwards=parts.afterwards.desk,
        dashboards=parts.dashboards.book,
    )


def _feed(parts: Parts) -> IncidentFeed:
    feed = IncidentFeed()
    parts.incidents.book.subscribe(feed.heard)
    return feed
