"""How does a mail to a subscriber go out? Through the mail server of `status_page.mail`, else of
`global` in the `alertmanager.yml`."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path

from tocsin.app.config import Loaded
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Temporary
from tocsin.notify.email import Email, EmailConfig
from tocsin.notify.global_config import GlobalConfig, read_global
from tocsin.notify.kind import Making
from tocsin.notify.templates import Templates
from tocsin.scrape.fetch import Fetcher
from tocsin.statuspage.config import MailConfig
from tocsin.statuspage.letters import Letter

_log = log.get("status_page")
_SECONDS = 10.0
_AWAY_SECONDS = 30.0
"""How long a server that hangs is left alone: many wait for it."""
_SILENT_SECONDS = 300.0
_NAME = "X-Tocsin-Name"


class StatusMailer:
    """Implements `statuspage.telling.Mailer`."""

    def __init__(self, email: Email, sender: str, reply_to: str, clock: Clock) -> None:
        self._email = email
        self._sender = sender
        self._reply_to = reply_to
        self._clock = clock
        self._away_until = 0.0
        self._silent_until = 0.0

    async def send(self, letter: Letter) -> None:
        """Raises Temporary, Rejected or Permanent."""
        if self._clock.monotonic() < self._away_until:
            raise Temporary("the mail server did not answer a moment ago", _AWAY_SECONDS)
        try:
            async with asyncio.timeout(_SECONDS):
                await self._email.deliver(self.message(letter), [letter.to])
        except TimeoutError as error:
            self._away_until = self._clock.monotonic() + _AWAY_SECONDS
            late = Temporary(f"the mail server did not answer within {_SECONDS:.0f} s")
            self._complain(late)
            raise late from error
        except Fault as error:
            self._complain(error)
            raise

    def _complain(self, error: Fault) -> None:
        """Once in a while: many mails fail for one reason, and are tried again for a day."""
        if self._clock.monotonic() >= self._silent_until:
            self._silent_until = self._clock.monotonic() + _SILENT_SECONDS
            _log.warning("status_mail_not_sent", error=str(error))

    def message(self, letter: Letter) -> EmailMessage:
        """The mail as it goes out."""
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = letter.to
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = format_datetime(datetime.fromtimestamp(self._clock.now(), UTC))
        if self._reply_to:
            message["Reply-To"] = self._reply_to
        domain = parseaddr(self._sender)[1].rpartition("@")[2] or "localhost"
        headers = dict(letter.headers)
        name = headers.pop(_NAME, "") or f"{letter.to} {self._clock.now_ms()}"
        message["Message-ID"] = f"<{hashlib.sha256(name.encode()).hexdigest()[:32]}@{domain}>"
        for key, value in headers.items():
            message[key] = value
        message.set_content(letter.text, cte="quoted-printable")
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        return message


def status_mailer(loaded: Loaded, fetcher: Fetcher, clock: Clock) -> StatusMailer | None:
    """None when no mail server is given anywhere. Raises ConfigError for a mistake in `global`, and
    for a password's file that is not there."""
    given: MailConfig = loaded.config.status_page.mail
    password = str(loaded.folder / given.auth_password_file) if given.auth_password_file else ""
    document = loaded.alertmanager
    shared = GlobalConfig() if document is None else read_global(document.get("global"))
    sender = given.sender or shared.smtp_from
    if not (given.smarthost or shared.smtp_smarthost) or not (sender or given.smarthost):
        return None
    if not sender:
        problem = "no sender is given; write from here or smtp_from in global"
        raise loaded.document.error(problem, "status_page", "mail")
    host, colon, port = (given.smarthost or shared.smtp_smarthost).rpartition(":")
    if not (host and colon and port.isdigit()):
        problem = "expected host:port of a mail server"
        raise loaded.document.error(problem, "status_page", "mail", "smarthost")
    if password and not Path(password).is_file():
        problem = f"there is no file {password}; write the password into it"
        raise loaded.document.error(problem, "status_page", "mail", "auth_password_file")
    config = EmailConfig(
        to=sender,
        sender=sender,
        hello=given.hello,
        smarthost=given.smarthost,
        auth_username=given.auth_username,
        auth_password=given.auth_password,
        auth_password_file=password,
        require_tls=given.require_tls,
        force_implicit_tls=given.force_implicit_tls,
    )
    making = Making(shared, Templates({}, clock, ""), fetcher, clock, loaded.alertmanager_folder)
    return StatusMailer(Email(config, making), sender, given.reply_to, clock)
