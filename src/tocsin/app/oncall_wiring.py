"""What does on-call need of the other parts?"""

from __future__ import annotations

from tocsin.app.alerting import Alerting
from tocsin.app.incidents import Incidents
from tocsin.app.oncall import OnCall
from tocsin.app.oncall_situation import Situations
from tocsin.kit.clock import Clock
from tocsin.state.database import Database


def on_call_of(
    database: Database, incidents: Incidents, alerting: Alerting, clock: Clock
) -> OnCall:
    """On-call, started and configured with incidents."""
    attention = alerting.attention
    situations = Situations(
        incidents.table,
        alerting.dispatcher,
        attention.acknowledgements,
        attention.maintenance,
        clock,
    )
    made = OnCall(database, incidents.runner, situations, clock)
    incidents.add(made)
    return made
