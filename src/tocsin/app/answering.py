"""How are channels wired in which people answer? With a memory, an echo, and what answers do."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tocsin.alert.attention.acknowledge import Acknowledgements
from tocsin.alert.deciding.answers import Answers
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.app.echo import Echo
from tocsin.app.messages import KeptMessages
from tocsin.app.settings_tree import Config
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.kit.secret import read_secret
from tocsin.kit.signed_link import LinkMaker, new_key
from tocsin.kit.tasks import Tasks
from tocsin.notify.answer_config import AnswersConfig
from tocsin.notify.conversation import Answering, Conversation, TakenOn
from tocsin.scrape.fetch import Fetcher
from tocsin.scrape.http_options import HttpOptions
from tocsin.state.database import Database
from tocsin.state.settings import Settings
from tocsin.web.answer_doors import AnswerDoors, AnswerLinks

_log = log.get("answers")
_SLACK_REPLIES = "https://hooks.slack.com/"
_REPLY_SECONDS = 2.0
_LARGEST_ANSWER_BYTES = 64 << 10
_KEY = "mail_links_key"
"""The setting that holds the key of mails' links."""


class AnsweredChannels:
    """Everything about answers, for one process; `load` once, then `apply` each time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        dispatcher: Dispatcher,
        acknowledgements: Acknowledgements,
    ) -> None:
        self.messages = KeptMessages(database, clock)
        self.echo = Echo(self.messages, clock)
        self.answers = Answers(dispatcher, acknowledgements, clock, self.messages.fingerprints)
        self.config = AnswersConfig()
        self.links: LinkMaker | None = None
        self._settings = Settings(database, clock)
        self._acknowledgements = acknowledgements
        self._clock = clock
        self._key = b""
        acknowledgements.subscribe(self.echo.heard)

    async def load(self) -> None:
        """Read what an earlier process kept, and make the key of links at the very first start."""
        await self.messages.load()
        key = await self._settings.get(_KEY, str, "")
        if not key:
            key = new_key()
            await self._settings.set(_KEY, key, by="tocsin")
        self._key = bytes.fromhex(key)

    def start(self, tasks: Tasks) -> None:
        """Begin to tell channels of changes."""
        tasks.start("echo", self.echo.run)

    def conversation(self, config: Config) -> Conversation:
        """What the channels of this configuration share."""
        answers = config.answers
        return Conversation(
            memory=self.messages,
            taken_on=self._taken_on,
            links=self._links_of(config),
            link_seconds=float(answers.mail_links),
            has_buttons=bool(answers.slack_signing_secret or answers.slack_signing_secret_file),
        )

    def apply(self, config: Config, senders: Mapping[str, object]) -> None:
        """Put a configuration in force with its channels, by place; those that can be told of
        changes are told from now on."""
        self.config = config.answers
        self.links = self._links_of(config)
        self.echo.configure(
            {place: one for place, one in senders.items() if isinstance(one, Answering)}
        )

    def _links_of(self, config: Config) -> LinkMaker | None:
        url = config.listen.external_url
        return LinkMaker(self._key, url) if url and self._key else None

    def slack_secret(self) -> str:
        """Slack's signing secret, empty when there is none. Raises Rejected when its file cannot
        be read."""
        config = self.config
        found = read_secret(config.slack_signing_secret, config.slack_signing_secret_file)
        return (found or "").strip()

    def pagerduty_secrets(self) -> tuple[str, ...]:
        """The secrets of PagerDuty's subscriptions; raises as `slack_secret`."""
        found = read_secret(self.config.pagerduty_secret, self.config.pagerduty_secret_file)
        return tuple((found or "").split())

    def doors(self, fetcher: Fetcher) -> AnswerDoors:
        """The doors through which answers come in."""

        async def reply(url: str, words: str) -> None:
            await _reply(fetcher, url, words)

        links = AnswerLinks(
            slack_secret=self.slack_secret,
            pagerduty_secrets=self.pagerduty_secrets,
            mail_links=lambda: self.links,
            opened_ms=self._opened_ms,
            say=self.echo.say,
            reply=reply,
            slack_needs_person=lambda: self.config.slack_who == "people",
        )
        return AnswerDoors(self._clock, self.answers, links)

    def _opened_ms(self, group_id: str) -> int:
        open_ones = [one for one in self.messages.of_group(group_id) if one.firing]
        return min((one.opened_ms for one in open_ones), default=0)

    def _taken_on(self, fingerprint: str) -> TakenOn | None:
        return self._acknowledgements.of(fingerprint, self._clock.now_ms())


async def _reply(fetcher: Fetcher, url: str, words: str) -> None:
    """Only to Slack: the address comes with the request."""
    if not url.startswith(_SLACK_REPLIES):
        _log.warning("reply_refused", why="the address is not one of Slack's")
        return
    body = {"response_type": "ephemeral", "replace_original": False, "text": words}
    headers = {"Content-Type": "application/json"}
    try:
        await fetcher.post(
            url,
            HttpOptions(),
            headers,
            msgspec.json.encode(body),
            timeout=_REPLY_SECONDS,
            limit_bytes=_LARGEST_ANSWER_BYTES,
        )
    except Fault as error:
        _log.warning("reply_failed", error=str(error))
