"""Which incidents is a trial compared with? Those of that time, without drills."""

from __future__ import annotations

from tocsin.alert.trying.real_incidents import RealIncident, against_incidents
from tocsin.alert.trying.trial_report import AgainstIncidents, Outcome
from tocsin.kit import log
from tocsin.kit.fault import Temporary
from tocsin.model.incidents import Incident
from tocsin.state.incidents import Asked
from tocsin.web.services import Services

_log = log.get("trials")
_MOST = 5000


async def against(
    given: Services, before: Outcome | None, tried: Outcome
) -> AgainstIncidents | None:
    """Both versions beside the incidents of that time; None when these cannot be read now."""
    asked = Asked(
        since_ms=round(tried.since * 1000), until_ms=round(tried.until * 1000), limit=_MOST
    )
    try:
        found = await given.incidents.find(asked)
    except Temporary as error:
        _log.warning("trial_without_incidents", error=str(error))
        return None
    real = [_real(one) for one in found if not one.is_drill and not one.merged_into]
    return against_incidents(before, tried, real)


def _real(one: Incident) -> RealIncident:
    return RealIncident(
        number=one.number,
        title=one.title,
        severity=one.severity,
        started=one.started_ms / 1000,
        ended=one.resolved_ms / 1000,
        services=one.services,
        alerts=tuple(dict(link.labels) for link in one.of_kind("alert")),
    )
