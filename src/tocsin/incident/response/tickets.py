"""How does an incident get its ticket, once? Jira, GitHub and GitLab are first asked for the one
that bears the incident's mark: what was created before a crash is found again.

https://developer.atlassian.com/cloud/jira/platform/rest/v2/ (issues),
https://docs.github.com/rest/issues/issues, https://docs.gitlab.com/api/issues/
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from tocsin.incident.response.settings import Tracker
from tocsin.incident.response.steps import Ticket
from tocsin.incident.response.work import Outcome, Work
from tocsin.kit.fault import Permanent, Rejected
from tocsin.kit.secret import read_secret
from tocsin.model.incidents import Link
from tocsin.notify.kind import Making
from tocsin.notify.wire import Request, exchange, go_json, truncated

T = TypeVar("T")
_TITLE, _TEXT = 255, 30_000
_SECONDS = 15.0


class _Ticket(msgspec.Struct, frozen=True):
    """A ticket as it is shown: OPS-12, #12."""

    key: str
    url: str


class _JiraIssue(msgspec.Struct, frozen=True):
    key: str = ""


class _JiraFound(msgspec.Struct, frozen=True):
    issues: tuple[_JiraIssue, ...] = ()


class _GitHubIssue(msgspec.Struct, frozen=True):
    number: int
    html_url: str = ""
    body: str | None = None


class _GitLabIssue(msgspec.Struct, frozen=True):
    iid: int
    web_url: str = ""


class TicketDoer:
    """Does `ticket`."""

    def __init__(
        self, trackers: Callable[[], Mapping[str, Tracker]], making: Callable[[], Making]
    ) -> None:
        self._trackers = trackers
        self._making = making

    async def do(self, work: Work) -> Outcome:
        """As `incident.response.work.Doer`."""
        step = work.action.step
        if not isinstance(step, Ticket):
            raise Rejected("this is no ticket")
        trackers = self._trackers()
        tracker = trackers.get(step.tracker or next(iter(trackers), ""))
        if tracker is None:
            raise Permanent("the tracker is gone; define it in incidents.response.trackers")
        desk = _Desk(tracker, self._making())
        mark = f"tocsin-{work.incident.number.lower()}"
        title = truncated(" ".join(work.fill(step.title).split()), _TITLE)
        text = truncated(work.fill(step.text), _TEXT)
        found, verb = await desk.find(mark), "Found"
        if found is None:
            found, verb = await desk.create(title, text, (*step.labels, mark), mark), "Created"
        link = Link(kind="url", ref=f"ticket:{found.key}", title=found.key, url=found.url)
        data = {"ticket": found.key, "ticket_url": found.url}
        return Outcome(f"{verb} the ticket {found.key}", data, (link,))


class _Desk:
    """One tracker."""

    def __init__(self, tracker: Tracker, making: Making) -> None:
        self._tracker = tracker
        self._making = making

    async def find(self, mark: str) -> _Ticket | None:
        """The ticket that bears the mark; None when there is none."""
        tracker, api = self._tracker, self._tracker.api
        match tracker.kind:
            case "jira":
                jql = f"project = {json.dumps(tracker.project)} and labels = {json.dumps(mark)}"
                body = {"jql": jql, "maxResults": 1, "fields": ["status"]}
                issues = (await self._ask(self._jira_search(), body, _JiraFound)).issues
                return self._jira(issues[0].key) if issues else None
            case "github":
                asked = urlencode({"state": "all", "sort": "created", "per_page": "50"})
                url = f"{api}/repos/{tracker.project}/issues?{asked}"
                listed = await self._ask(url, None, tuple[_GitHubIssue, ...])
                marked = (one for one in listed if mark in (one.body or ""))
                return next((_Ticket(f"#{one.number}", one.html_url) for one in marked), None)
            case _:
                asked = urlencode({"labels": mark, "per_page": "1"})
                found = await self._ask(f"{self._gitlab()}?{asked}", None, tuple[_GitLabIssue, ...])
                return next((_Ticket(f"#{one.iid}", one.web_url) for one in found), None)

    async def create(self, title: str, text: str, labels: tuple[str, ...], mark: str) -> _Ticket:
        """A new one."""
        tracker, api = self._tracker, self._tracker.api
        match tracker.kind:
            case "jira":
                fields: dict[str, object] = {
                    "project": {"key": tracker.project},
                    "issuetype": {"name": tracker.issue_type},
                    "summary": title,
                    "description": _document(text) if api.endswith("/3") else text,
                    "labels": list(labels),
                }
                made = await self._ask(f"{api}/issue", {"fields": fields}, _JiraIssue)
                return self._jira(made.key)
            case "github":
                body = {"title": title, "body": f"{text}\n\n<!-- {mark} -->", "labels": labels[:-1]}
                url = f"{api}/repos/{tracker.project}/issues"
                issue = await self._ask(url, body, _GitHubIssue)
                return _Ticket(f"#{issue.number}", issue.html_url)
            case _:
                body = {"title": title, "description": text, "labels": ",".join(labels)}
                one = await self._ask(self._gitlab(), body, _GitLabIssue)
                return _Ticket(f"#{one.iid}", one.web_url)

    def _jira(self, key: str) -> _Ticket:
        site = self._tracker.api.partition("/rest/")[0]
        return _Ticket(key, f"{site}/browse/{quote(key, safe='')}")

    def _jira_search(self) -> str:
        """The cloud has another address, in version 3 of the API only."""
        api = self._tracker.api
        if not (urlsplit(api).hostname or "").endswith("atlassian.net"):
            return f"{api}/search"
        return f"{api.replace('/rest/api/2', '/rest/api/3', 1)}/search/jql"

    def _gitlab(self) -> str:
        return f"{self._tracker.api}/projects/{quote(self._tracker.project, safe='')}/issues"

    async def _ask(self, url: str, body: Mapping[str, object] | None, kind: type[T]) -> T:
        headers = {"Accept": "application/json", **self._login()}
        request = Request(url, headers=headers, method="GET")
        if body is not None:
            headers["Content-Type"] = "application/json"
            request = Request(url, go_json(body), headers)
        options = self._making.shared.http_config
        answer = await exchange(self._making, request, options, timeout=_SECONDS)
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.MsgspecError as error:
            name = self._tracker.kind
            raise Permanent(f"{name} answers something else than its API does: {error}") from error

    def _login(self) -> dict[str, str]:
        tracker = self._tracker
        base = self._making.folder
        token = (read_secret(tracker.token, tracker.token_file, base=base) or "").strip()
        if not token:
            return {}
        if tracker.kind == "gitlab":
            return {"PRIVATE-TOKEN": token}
        if tracker.kind == "jira" and tracker.user:
            login = base64.b64encode(f"{tracker.user}:{token}".encode()).decode()
            return {"Authorization": f"Basic {login}"}
        return {"Authorization": f"Bearer {token}"}


def _document(text: str) -> object:
    """A text in Atlassian's document format, which version 3 of Jira's API wants."""
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}]}
        for line in text.split("\n")
        if line.strip()
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}
