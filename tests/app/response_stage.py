"""A stage for tests of the response: one process whose neighbours are real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.app.slack_stand_in import TOKEN, Slack
from tests.notify.servers import Mails, Taken
from tests.state.fresh import state_file
from tocsin.alert.delivering.desk import Desk
from tocsin.app.config import load_config
from tocsin.app.incident_response import IncidentResponse, check_response
from tocsin.app.incidents import Incidents
from tocsin.incident.book import Author, Draft
from tocsin.kit.clock import FakeClock
from tocsin.model.incidents import Incident
from tocsin.state.database import Database

ANA = Author("ana", "page")
CONFIG = """
answers: {{slack_signing_secret: s3cr3t}}
oncall:
  people:
    ana: {{full_name: Ana Ruiz, email: ana@example.com}}
alerting:
  channels:
    critical-alerts:
      kind: slack
      app_token: {token}
      app_url: {slack}/chat.postMessage
      channel: '#critical-alerts'
    hook: {{kind: slack, api_url: '{hook}/services/x'}}
    team:
      kind: email
      to: team@company.com
      from: t@company.com
      smarthost: '127.0.0.1:{mail}'
      require_tls: false
    pager: {{kind: pagerduty, routing_key: abc, url: '{hook}/pd'}}
incidents:
  response:
    lists: {{critical-team: [critical-team@company.com], customers: [c@example.org]}}
    slack: {{url: '{slack}'}}
    trackers:
      ops: {{kind: jira, project: OPS, url: '{hook}/jira/rest/api/2', user: me@x.y, token: t0k3n}}
      code: {{kind: github, project: acme/shop, url: '{hook}/github', token: gh}}
      lab: {{kind: gitlab, project: acme/shop, url: '{hook}/gitlab', token: gl}}
  severities:
    P0: {{actions: [{actions}]}}
"""


class Stage:
    """One process with its neighbours."""

    database: Database

    def __init__(self, incidents: Incidents, response: IncidentResponse, clock: FakeClock) -> None:
        self.incidents = incidents
        self.book, self.runner = incidents.book, incidents.runner
        self.response, self.clock = response, clock

    async def open(self, title: str = "Checkout is down", **more: object) -> Incident:
        draft = Draft(severity="P0", title=title, services=("shop",), **more)  # type: ignore[arg-type]  # fields
        one = await self.book.open(draft, ANA)
        await self.runner.turn()
        return await self.book.get(one.number)

    async def outcomes(self, number: str) -> list[str]:
        one = await self.book.get(number)
        return [e.text for e in await self.book.timeline(one.id) if e.kind == "action"]


@asynccontextmanager
async def stage(
    folder: Path, clock: FakeClock, actions: str, slack: Slack, hook: Taken, mails: Mails
) -> AsyncIterator[Stage]:
    file = folder / "tocsin.yaml"
    urls = {"slack": slack.url or "http://127.0.0.1:9", "hook": hook.url, "mail": mails.port}
    file.write_text(CONFIG.format(token=TOKEN, actions=actions, **urls))
    loaded = load_config(file)
    check_response(loaded, clock)
    database = state_file(folder / "state.db")
    await database.open()
    incidents = Incidents(database, loaded, clock)
    response = IncidentResponse(incidents, Desk(clock), clock)
    incidents.add(response)
    await incidents.apply(loaded, "https://tocsin.example.com")
    try:
        found = Stage(incidents, response, clock)
        found.database = database
        yield found
    finally:
        await incidents.close()
        await database.close()
