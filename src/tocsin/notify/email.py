"""`email_configs`: a mail by SMTP, HTML and text.

https://prometheus.io/docs/alerting/latest/configuration/#email_config
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, make_msgid

import aiosmtplib
import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.kit.secret import Secret, read_secret
from tocsin.kit.yaml import decode
from tocsin.model import outbox
from tocsin.model.notices import Notice
from tocsin.notify.kind import Made, Making, SenderKind
from tocsin.notify.mail_actions import actions_of, with_addresses, with_links
from tocsin.notify.template_data import Data, Pairs, data_of
from tocsin.scrape.http_options import TlsConfig

_SECONDS = 30.0
_IMPLICIT_TLS_PORT = 465
_SUBJECT = '{{ template "email.default.subject" . }}'
_HTML = '{{ template "email.default.html" . }}'


class Threading(msgspec.Struct, frozen=True, kw_only=True):
    """Whether mails about one group are shown as one conversation."""

    enabled: bool = True
    thread_by_date: str = "none"


class EmailConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `email_configs`. `subject` and `body` are not Alertmanager's own: they mean
    `headers: {Subject: …}` and `text`; neither is `actions`: links to acknowledge and silence."""

    send_resolved: bool = False
    to: str
    sender: str = msgspec.field(default="", name="from")
    hello: str = ""
    smarthost: str = ""
    auth_username: str = ""
    auth_password: Secret | None = None
    auth_password_file: str = ""
    auth_secret: Secret | None = None
    auth_secret_file: str = ""
    auth_identity: str = ""
    headers: dict[str, str] = {}
    html: str | None = None
    text: str = ""
    subject: str = ""
    body: str = ""
    require_tls: bool | None = None
    tls_config: TlsConfig | None = None
    force_implicit_tls: bool | None = None
    threading: Threading = Threading()
    actions: bool | None = None

    def __post_init__(self) -> None:
        if not self.to:
            raise Rejected("to must be given")
        if self.auth_password and self.auth_password_file:
            raise Rejected("auth_password and auth_password_file exclude each other; keep one")
        names = [name.lower() for name in self.headers]
        if len(set(names)) < len(names):
            raise Rejected("a header is given twice")
        if self.subject and "subject" in names:
            raise Rejected("subject and headers.Subject are both given; keep headers.Subject")
        if self.body and self.text:
            raise Rejected("body and text are both given; keep text")

    @property
    def html_source(self) -> str:
        """The template of the HTML part; empty for a mail of text alone."""
        if self.html is not None:
            return self.html
        return "" if self.body else _HTML


class Email:
    """Sends mails through one server."""

    def __init__(self, config: EmailConfig, making: Making) -> None:
        self._config = config
        self._making = making
        host, _, port = (config.smarthost or making.shared.smtp_smarthost).rpartition(":")
        self._host, self._port = host.strip("[]"), int(port or 25)

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        message = await asyncio.to_thread(self.message_of, notice)
        sender = _addresses(str(message["From"]))
        receivers = _addresses(str(message["To"])) + _addresses(str(message["Cc"] or ""))
        receivers += _addresses(str(message["Bcc"] or ""))
        del message["Bcc"]
        outbox.sending(_readable(message))
        if not sender or not receivers:
            raise Rejected("the mail has no valid From or To")
        await self.deliver(message, receivers)

    async def deliver(self, message: EmailMessage, receivers: Sequence[str]) -> None:
        """Bring a mail that is made already to these addresses; raises as `send`."""
        sender = _addresses(str(message["From"]))
        if not sender:
            raise Rejected("the mail has no valid From")
        try:
            async with self._client() as client:
                await self._prepare(client)
                _, said = await client.send_message(
                    message, sender=sender[0], recipients=list(receivers)
                )
                outbox.answered(said)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _of_refusals(error) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _of_code(error.code, f"{self._where}: {error.code} {error.message}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Temporary(f"{self._where}: {error}") from error

    def message_of(self, notice: Notice) -> EmailMessage:
        """The mail; raises Rejected when a template fails."""
        making, config = self._making, self._config
        data = data_of(notice, making.templates.external_url)
        message = EmailMessage(policy=SMTP)
        for name, value in self._headers(data).items():
            try:
                message[name] = value
            except (MessageError, ValueError) as error:
                raise Rejected(f"{value!r} cannot be the header {name}: {error}") from error
        domain = (_addresses(str(message["From"])) or ["tocsin@localhost"])[0].rpartition("@")[2]
        if "Message-ID" not in message:
            message["Message-ID"] = make_msgid(domain=domain or "localhost")
        if "Date" not in message:
            at = datetime.fromtimestamp(making.clock.now(), UTC)
            message["Date"] = format_datetime(at)
        if config.threading.enabled and "References" not in message:
            thread = hashlib.sha256(notice.group_key.encode()).hexdigest()[:32]
            message["References"] = f"<{thread}@{domain or 'localhost'}>"
            message["In-Reply-To"] = str(message["References"])
        actions = self._actions(notice, str(message["To"]))
        data = data_of(notice, making.templates.external_url, actions)
        text = with_addresses(making.templates.text(config.text or config.body, data), actions)
        html = with_links(making.templates.html(config.html_source, data), actions)
        if text or not html:
            message.set_content(text, cte="quoted-printable")
        if html and text:
            message.add_alternative(html, subtype="html", cte="quoted-printable")
        elif html:
            message.set_content(html, subtype="html", cte="quoted-printable")
        return message

    def _actions(self, notice: Notice, recipient: str) -> Pairs:
        making = self._making
        talk, now = making.conversation, making.clock.now()
        wanted = self._config.actions
        if talk.links is None or not (making.is_own if wanted is None else wanted):
            return Pairs()
        return actions_of(notice, talk.links, recipient, int(now + talk.link_seconds))

    def _headers(self, data: Data) -> dict[str, str]:
        config, shared = self._config, self._making.shared
        sources = {
            "Subject": config.subject or _SUBJECT,
            "To": config.to,
            "From": config.sender or shared.smtp_from,
        }
        for name, source in config.headers.items():
            sources["-".join(word.capitalize() for word in name.split("-"))] = source
        # A line break in a value would begin another header.
        return {
            name: " ".join(self._making.templates.text(source, data).split())
            for name, source in sources.items()
        }

    @property
    def _where(self) -> str:
        return f"the mail server {self._host}:{self._port}"

    @property
    def _is_implicit(self) -> bool:
        given = self._config.force_implicit_tls
        if given is None:
            given = self._making.shared.smtp_force_implicit_tls
        return self._port == _IMPLICIT_TLS_PORT if given is None else given

    def _client(self) -> aiosmtplib.SMTP:
        config, making = self._config, self._making
        tls = config.tls_config or making.shared.smtp_tls_config
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            local_hostname=config.hello or making.shared.smtp_hello,
            timeout=_SECONDS,
            use_tls=self._is_implicit,
            start_tls=False,
            tls_context=tls.context(making.folder),
        )

    async def _prepare(self, client: aiosmtplib.SMTP) -> None:
        """TLS when the server offers it, and it must when `require_tls` is on; then log in."""
        config, shared = self._config, self._making.shared
        needs = shared.smtp_require_tls if config.require_tls is None else config.require_tls
        await client.ehlo()
        if not self._is_implicit and needs:
            if not client.supports_extension("starttls"):
                raise Permanent(
                    f"{self._where} does not offer STARTTLS, which require_tls asks for; set "
                    "require_tls: false to send readably"
                )
            await client.starttls()
        user = config.auth_username or shared.smtp_auth_username
        if user:
            await client.login(user, self._password())

    def _password(self) -> str:
        config, shared, base = self._config, self._making.shared, self._making.folder
        found = read_secret(config.auth_password, config.auth_password_file, base=base)
        if not found:
            found = read_secret(config.auth_secret, config.auth_secret_file, base=base)
        if not found:
            found = read_secret(
                shared.smtp_auth_password, shared.smtp_auth_password_file, base=base
            )
        if not found:
            found = read_secret(shared.smtp_auth_secret, shared.smtp_auth_secret_file, base=base)
        return (found or "").strip()


def _readable(message: EmailMessage) -> str:
    """The mail as a person would read it, for the record: headers, then each part decoded."""
    headers = "\n".join(f"{name}: {value}" for name, value in message.items())
    parts = [part.get_content().strip() for part in message.walk() if not part.is_multipart()]
    return "\n\n".join((headers, *parts))


def _addresses(text: str) -> list[str]:
    found = [address for _, address in getaddresses([text]) if "@" in address]
    try:
        return [Address(addr_spec=address).addr_spec for address in found]
    except (MessageError, ValueError) as error:
        raise Rejected(f"{text!r} is no list of mail addresses: {error}") from error


def _of_code(code: int, words: str) -> Permanent | Temporary:
    """RFC 5321, section 4.2.1: 4xx may pass, 5xx does not."""
    return Permanent(words) if code >= 500 else Temporary(words)


def _of_refusals(error: aiosmtplib.SMTPRecipientsRefused) -> Permanent | Temporary:
    codes = [refused.code for refused in error.recipients]
    words = "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in error.recipients)
    return _of_code(min(codes), words)


def _make(part: Document, making: Making) -> Made:
    config = decode(part, EmailConfig)
    shared = making.shared
    host, colon, port = (config.smarthost or shared.smtp_smarthost).rpartition(":")
    if not host or not colon or not port.isdigit():
        raise part.error(
            "no mail server is given; write smarthost: host:port here or smtp_smarthost in global",
            "smarthost",
        )
    if not (config.sender or shared.smtp_from):
        raise part.error("no sender is given; write from here or smtp_from in global", "from")
    warnings = []
    for key, standard in (("subject", "headers: {Subject: …}"), ("body", "text (or html)")):
        if part.get(key) is not None:
            warnings.append(
                f"{part.place(key)}: email_configs has no {key} in Alertmanager, which refuses "
                f"it; the standard spelling is {standard}"
            )
    if config.actions and making.templates.external_url and making.conversation.links is None:
        warnings.append(
            f"{part.place('actions')}: a mail's links need listen.external_url in tocsin.yaml, the "
            "address at which its readers reach Tocsin; mails go out without them"
        )
    return Made(Email(config, making), config.send_resolved, tuple(warnings))


KIND = SenderKind("email", _make)
