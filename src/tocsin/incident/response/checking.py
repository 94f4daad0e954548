"""Is everything there that an action names? Found out at load time, not at night."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tocsin.incident.response.known import Known
from tocsin.incident.response.settings import ResponseConfig
from tocsin.incident.response.steps import (
    Assign,
    Mail,
    Page,
    Post,
    SlackChannel,
    StatusPage,
    Step,
    Ticket,
)
from tocsin.incident.words.catalog import Audience, known_to, tried
from tocsin.incident.words.template import template_of
from tocsin.kit.document import Document, nearest
from tocsin.kit.fault import Rejected

_ON_CALL, _SCHEDULE = "on_call", "schedule:"


class Check:
    """Is everything there that an action names?"""

    def __init__(
        self, part: Document, response: ResponseConfig, known: Known, usual_policy: str
    ) -> None:
        self._part = part
        self._response = response
        self._known = known
        self._usual = usual_policy

    def step(self, step: Step) -> None:
        """Raises ConfigError for the first thing that is not."""
        match step:
            case Page(policy=policy):
                self._page(policy)
            case Mail():
                self._mail(step)
            case Ticket():
                self._ticket(step)
            case Assign(to=to):
                self._assign(to)
            case Post() | SlackChannel() | StatusPage():
                self._place(step)
            case _:
                self._template(getattr(step, "text", ""), "text")

    def _place(self, step: Post | SlackChannel | StatusPage) -> None:
        known = self._known
        match step:
            case Post():
                for name in step.names:
                    self._named(name, known.channels, "channel", "channel")
                self._template(step.text, "text")
            case SlackChannel():
                if not known.has_slack:
                    self._wrong("give a Slack bot's token in incidents.response.slack")
                self._template(step.channel, "channel")
                self._template(step.topic, "topic")
            case StatusPage():
                if not known.has_status_page:
                    self._wrong("there is no status page; configure status_page")
                self._template(step.text, "text", Audience.PUBLIC)

    def _page(self, policy: str) -> None:
        policies = self._known.policies
        if policy:
            self._named(policy, policies, "escalation policy", "policy")
        elif not policies:
            self._wrong("there is no escalation policy; define one in oncall.policies")
        elif not self._usual:
            self._wrong(
                "the severity has no escalation policy; write policy here, escalation beside "
                "actions, or define a policy named default"
            )

    def _mail(self, step: Mail) -> None:
        if not self._known.has_mail:
            self._wrong(
                "no mail server is given; define a channel of the kind email in alerting.channels"
            )
        for name in step.names:
            if "@" not in name:
                self._named(name, self._response.lists, "mail list", "to")
        audience = Audience(step.audience)
        self._template(step.text, "text", audience)
        self._template(step.subject, "subject", audience)

    def _ticket(self, step: Ticket) -> None:
        trackers = self._response.trackers
        if step.tracker:
            self._named(step.tracker, trackers, "tracker", "tracker")
        elif not trackers:
            self._wrong("there is no tracker; define one in incidents.response.trackers")
        self._template(step.title, "title")
        self._template(step.text, "text")

    def _assign(self, to: str) -> None:
        if to == _ON_CALL:
            if not self._known.has_oncall:
                self._wrong("nobody is ever on call; define a schedule in oncall.schedules", "to")
        elif to.startswith(_SCHEDULE):
            self._named(to.removeprefix(_SCHEDULE), self._known.schedules, "schedule", "to")
        else:
            self._named(to, self._known.people, "person", "to")

    def _named(self, name: str, known: Collection[str], what: str, key: str) -> None:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            problem = f"there is no {what} {name!r}; known: {listed}"
            raise self._part.error(problem, *self._path(key), nearest=nearest(name, known))

    def _template(self, source: str, key: str, audience: Audience = Audience.INTERNAL) -> None:
        if not source:
            return
        try:
            tried(template_of(source, None, known_to(audience)))
        except Rejected as error:
            raise self._part.error(str(error), *self._path(key)) from error

    def _wrong(self, problem: str, key: str = "do") -> None:
        raise self._part.error(problem, *self._path(key))

    def _path(self, key: str) -> Sequence[str]:
        if key == "channel" and self._part.get("channel") is None:
            key = "channels"
        return (key,) if self._part.get(key) is not None else ()
