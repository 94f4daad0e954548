"""How is an incident worked on in Slack? A message with buttons in each of its channels, changed in
place as the incident changes, and a channel of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.alert.delivering.delivery import Integration
from tocsin.app.incident_channels import IncidentChannels, Reach
from tocsin.app.incident_members import Members
from tocsin.app.incident_words import notice_of
from tocsin.incident.book import IncidentBook
from tocsin.incident.response.handler import InForce
from tocsin.incident.response.settings import SlackSettings
from tocsin.incident.response.steps import Post, SlackChannel
from tocsin.incident.response.work import CLOSE, Outcome, Work
from tocsin.incident.words.catalog import Audience, Moment, Said
from tocsin.incident.words.fields import Occasion, values_of
from tocsin.incident.words.template import template_of
from tocsin.kit import log
from tocsin.kit.fault import Fault, NotFound, Permanent, Rejected
from tocsin.kit.secret import read_secret
from tocsin.model.errands import NOTHING, Done, Errand, Plan
from tocsin.model.incidents import Entry, Incident, Link
from tocsin.model.notices import Notice
from tocsin.notify.slack_answer import SlackRefused
from tocsin.notify.slack_api import SlackApi, channel_name
from tocsin.notify.slack_incident import message, mrkdwn

_log = log.get("incident_slack")
MESSAGE = "slack_message"
"""The kind of errand that brings messages up to date, and the name under which actions leave where
a message stands: `<channel of alerting.channels, or empty>|<Slack's channel>|<ts>`."""
_GIVE_UP_MS = 900_000
_GONE = frozenset(
    (
        "message_not_found",
        "cant_update_message",
        "edit_window_closed",
        "channel_not_found",
        "is_archived",
    )
)
_CHANNEL, _CHANNEL_NAME = "slack_channel", "slack_channel_name"
_PLACE = "slack"


@dataclass(frozen=True, slots=True)
class Standing:
    """A message of an incident."""

    place: str
    channel: str
    ts: str
    action: str


def messages(entries: Sequence[Entry]) -> list[Standing]:
    """Every message with buttons that the timeline knows of."""
    found = []
    for entry in entries:
        place, bar, rest = entry.data.get(MESSAGE, "").partition("|")
        channel, _, ts = rest.partition("|")
        if entry.kind == "action" and bar:
            found.append(Standing(place, channel, ts, entry.data.get("action", "")))
    return found


class IncidentSlack:
    """Slack's side of incidents."""

    def __init__(
        self, book: IncidentBook, channels: IncidentChannels, in_force: Callable[[], InForce]
    ) -> None:
        self._book = book
        self._channels = channels
        self._in_force = in_force
        self._settings = SlackSettings()
        self._has_buttons = False
        self.members = Members(self.api)

    def configure(self, settings: SlackSettings, *, has_buttons: bool) -> None:
        """Put a configuration in force."""
        self._settings, self._has_buttons = settings, has_buttons
        self.members.configure(settings.members)

    def api(self, name: str = "") -> SlackApi:
        """Slack as that channel's bot, or as the bot for incidents. Raises Permanent when there is
        none."""
        reach = self._channels.reach
        settings = self._settings
        if not name:
            if settings.token or settings.token_file:
                making = reach.own_making
                given, file = settings.token, settings.token_file

                def token() -> str:
                    return read_secret(given, file, base=making.folder) or ""

                return SlackApi(making, token, settings.url)
            name = settings.via or first_bot(reach)
        return self._of_channel(name)

    def _of_channel(self, name: str) -> SlackApi:
        reach = self._channels.reach
        config = reach.bot(name)
        if config is None:
            raise Permanent("no Slack bot is given any more; see incidents.response.slack")
        making = reach.making_of(name)
        shared = making.shared

        def token() -> str:
            own = read_secret(config.app_token, config.app_token_file, base=making.folder)
            if own:
                return own
            file = shared.slack_app_token_file
            return read_secret(shared.slack_app_token, file, base=making.folder) or ""

        url = (config.app_url or shared.slack_app_url).rpartition("/")[0]
        return SlackApi(making, token, url or self._settings.url)

    async def post(self, name: str, work: Work, said: Said) -> Outcome | None:
        """The words in a bot's channel; None when the channel is no bot. Raises as a Doer."""
        config = self._channels.reach.bot(name)
        if config is None:
            return None
        api = self._of_channel(name)
        before = [one for one in messages(work.entries) if one.action == work.action.identity]
        posted: dict[str, str] = {}

        async def send(_: Notice) -> None:
            if before and work.moment is not Moment.INITIAL:
                await api.post(_reply(before[-1], said, work.moment))
                return
            body = {"channel": config.channel, **await self._message(work.incident, said.text)}
            found = await api.post(body)
            posted[MESSAGE] = f"{name}|{found.channel}|{found.ts}"

        await self._recorded(name, work, said, send)
        words = {Moment.INITIAL: "posted", Moment.UPDATE: "posted the update"}
        how = words.get(work.moment, "posted that it is over")
        return Outcome(f"{work.action.shown}: {how} in {config.channel}", posted)

    async def _recorded(
        self, name: str, work: Work, said: Said, send: Callable[[Notice], Awaitable[None]]
    ) -> None:
        words = {"summary": said.subject, "description": said.text}
        is_over = work.moment is Moment.RESOLUTION
        at_ms = work.job.at_ms
        notice = notice_of(name, work.incident, words, at_ms=at_ms, is_over=is_over)
        one = Integration(name, "slack", 0, _Sending(send), sends_resolved=True)
        await self._channels.deliver(one, notice, work.key)

    async def _message(self, incident: Incident, words: str) -> dict[str, object]:
        base = self._in_force().external_url
        page = f"{base}/incidents/{incident.number}" if base else ""
        names = (incident.assignee, incident.acknowledged_by, *incident.roles.values())
        return message(
            incident,
            words,
            page=page,
            has_buttons=self._has_buttons,
            people=await self.members.mentions(names),
        )

    async def do(self, work: Work) -> Outcome:
        """`slack_channel`, as `incident.response.work.Doer`."""
        step = work.action.step
        if not isinstance(step, SlackChannel):
            raise Rejected("this is no channel")
        api = self.api()
        channel = work.made(_CHANNEL)
        if work.job.moment == CLOSE:
            if channel:
                await api.archive(channel)
            return Outcome(f"Archived #{work.made(_CHANNEL_NAME) or channel}")
        said = work.say(Audience.INTERNAL)
        if work.moment is Moment.INITIAL or not channel:
            return await self._created(api, step, work, said)
        await self._recorded(_PLACE, work, said, lambda _: _posted(api, channel, mrkdwn(said.text)))
        name = work.made(_CHANNEL_NAME)
        return Outcome(f"#{name}: {'over' if work.moment is Moment.RESOLUTION else 'updated'}")

    async def _created(self, api: SlackApi, step: SlackChannel, work: Work, said: Said) -> Outcome:
        wanted = channel_name(" ".join(work.fill(step.channel).split()))
        made = await api.create_channel(wanted, is_private=step.is_private)
        problems = await self._furnished(api, step, work, made.id)
        posted: dict[str, str] = {_CHANNEL: made.id, _CHANNEL_NAME: made.name or wanted}

        async def send(_: Notice) -> None:
            body = {"channel": made.id, **await self._message(work.incident, said.text)}
            found = await api.post(body)
            posted[MESSAGE] = f"|{found.channel or made.id}|{found.ts}"

        await self._recorded(_PLACE, work, said, send)
        text = f"Created #{posted[_CHANNEL_NAME]} in Slack"
        text += "".join(f"; {problem}" for problem in problems)
        url = f"https://slack.com/app_redirect?channel={made.id}"
        link = Link(kind="url", ref=f"slack:{made.id}", title=f"#{posted[_CHANNEL_NAME]}", url=url)
        return Outcome(text, posted, (link,))

    async def _furnished(
        self, api: SlackApi, step: SlackChannel, work: Work, channel: str
    ) -> list[str]:
        """Give the channel its topic and its people; returns what Slack refused, which is no reason
        to leave the channel empty."""
        problems: list[str] = []
        topic = " ".join(work.fill(step.topic).split())
        try:
            await api.set_topic(channel, mrkdwn(topic))
        except SlackRefused as refused:
            problems.append(f"no topic, {refused}")
        try:
            invited, unknown = await self.members.ids(step.invite, work.incident)
            if unknown:
                problems.append(f"not found in Slack: {', '.join(unknown)}")
            await api.invite(channel, invited)
        except SlackRefused as refused:
            problems.append(f"nobody invited, {refused}")
        return problems

    async def attempt(self, errand: Errand) -> Done:
        """Bring every message of an incident up to date, as `model.errands.Handler`."""
        try:
            incident = await self._book.get(errand.subject)
        except NotFound:
            return Done()
        for one in messages(await self._book.timeline(incident.id)):
            body = await self._message(incident, self._words(incident, one.action))
            try:
                api = self._of_channel(one.place) if one.place else self.api()
                await api.update({"channel": one.channel, "ts": one.ts, **body})
            except SlackRefused as refused:
                if refused.code not in _GONE:
                    raise
        return Done()

    def _words(self, incident: Incident, identity: str) -> str:
        force = self._in_force()
        occasion = Occasion(
            at_ms=incident.opened_ms,
            external_url=force.external_url,
            status_page_url=force.response.status_page_url or force.status_page_url,
            timezone=force.response.timezone,
            name_of=force.name_of,
        )
        values = values_of(incident, occasion)
        action = force.playbook.find(identity)
        if action is not None and isinstance(action.step, Post) and action.step.text:
            return template_of(action.step.text).fill(values)
        return force.catalog.say(Moment.INITIAL, Audience.INTERNAL, values).text

    def give_up_ms(self, errand: Errand) -> int:
        """As `model.errands.Handler`."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """The next change brings it up to date."""
        _log.warning("slack_message_stale", incident=errand.subject, error=str(error))
        return NOTHING


class _Sending:
    """A message that is sent by a function, for the record of messages."""

    def __init__(self, send: Callable[[Notice], Awaitable[None]]) -> None:
        self._send = send

    async def send(self, notice: Notice) -> None:
        """As `notify.kind.Sender`."""
        await self._send(notice)


async def _posted(api: SlackApi, channel: str, text: str) -> None:
    await api.post({"channel": channel, "text": text})


def _reply(before: Standing, said: Said, moment: Moment) -> Mapping[str, object]:
    """In the thread, and where those see it who do not follow the thread."""
    return {
        "channel": before.channel,
        "thread_ts": before.ts,
        "text": mrkdwn(said.text),
        "reply_broadcast": True,
    }


def first_bot(reach: Reach) -> str:
    """The first channel that is a Slack bot; empty when none is."""
    return next((name for name in reach.parts if reach.bot(name) is not None), "")


def message_planner(before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
    """As `incident.book.Planner`: its messages are brought up to date after each change, and once
    they stand, for something may have changed while they were written."""
    if before is None:
        return NOTHING
    at_ms = entries[-1].at_ms if entries else after.opened_ms
    key = f"{MESSAGE}/{after.number}/"
    if before == after:
        if not any(entry.data.get(MESSAGE) for entry in entries):
            return NOTHING
        posted = Errand(
            kind=MESSAGE, key=f"{key}posted/{at_ms}", subject=after.number, due_ms=at_ms
        )
        return Plan(put=(posted,))
    put = Errand(kind=MESSAGE, key=f"{key}{after.version + 1}", subject=after.number, due_ms=at_ms)
    return Plan(put=(put,), cancel=(f"{key}{after.version}",))
