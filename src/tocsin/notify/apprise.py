"""`apprise_configs`: every service that Apprise knows, by one address.

https://github.com/caronc/apprise/wiki; installed by `pip install 'tocsin[apprise]'`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret, masked
from tocsin.kit.yaml import decode
from tocsin.model import outbox
from tocsin.model.notices import Notice
from tocsin.notify.given import exactly_one
from tocsin.notify.http_sender import Filling, filling
from tocsin.notify.kind import Made, Making, SenderKind

_SECONDS = 30.0
_SHOWN = 300
_STATUS = re.compile(r"error=(\d{3})")
_INSTALL = "Apprise is not installed; install it with: pip install 'tocsin[apprise]'"


class AppriseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `apprise_configs`: one address (`ntfy://…`, `matrix://…`, `signal://…`)."""

    send_resolved: bool = True
    url: Secret | None = None
    url_file: str = ""
    title: str = '{{ template "apprise.default.title" . }}'
    body: str = '{{ template "apprise.default.body" . }}'
    body_format: Literal["text", "html", "markdown"] = "text"
    timeout: Duration = Duration(_SECONDS)

    def __post_init__(self) -> None:
        exactly_one(self, "url", "url_file")
        if self.timeout <= 0:
            raise Rejected("timeout must be more than 0")


class Apprise:
    """Apprise waits for the network: it works in a thread of its own, so that a service that hangs
    holds up nothing else."""

    def __init__(self, config: AppriseConfig, making: Making) -> None:
        self._config = config
        self._making = making
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="apprise")

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        config = self._config
        fill = filling(notice, self._making)
        url = await asyncio.to_thread(fill.secret, (config.url, config.url_file))
        title, body = await asyncio.to_thread(_texts, config, fill)
        outbox.sending(f"{title}\n\n{body}")
        work = asyncio.get_running_loop().run_in_executor(
            self._thread, _notify, url, title, body, config.body_format, fill.is_firing
        )
        try:
            async with asyncio.timeout(float(config.timeout)):
                said = await work
        except TimeoutError as error:
            raise Temporary(f"{_scheme(url)}: not taken within {config.timeout:g} s") from error
        outbox.answered("taken" if said is None else said)
        if said is not None:
            raise _refusal(_scheme(url), said)


def _texts(config: AppriseConfig, fill: Filling) -> tuple[str, str]:
    return fill(config.title), fill(config.body)


def _notify(url: str, title: str, body: str, body_format: str, is_firing: bool) -> str | None:
    """None when it was taken, else what Apprise says about it, without the address."""
    import apprise  # an optional dependency: only who uses it pays for it

    service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        return "the address is not one that Apprise understands, error=400"
    if "overflow" not in dict(parse_qsl(urlsplit(url).query)):
        service.overflow_mode = apprise.OverflowMode.TRUNCATE
    with _words_of_apprise() as words:
        taken = service.notify(
            body=body,
            title=title,
            notify_type=apprise.NotifyType.FAILURE if is_firing else apprise.NotifyType.SUCCESS,
            body_format=apprise.NotifyFormat(body_format),
        )
    said = masked(" ".join(" ".join(words).split()), _secrets(url))[:_SHOWN]
    return None if taken else said or "it was not taken"


class _Words(logging.Handler):
    """What Apprise complains of in one thread: others may be telling other services."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if record.thread == self._thread:
            self.words.append(record.getMessage())


@contextmanager
def _words_of_apprise() -> Iterator[list[str]]:
    """Apprise says why in its log only."""
    handler = _Words()
    logging.getLogger("apprise").addHandler(handler)
    try:
        yield handler.words
    finally:
        logging.getLogger("apprise").removeHandler(handler)


def _refusal(scheme: str, said: str) -> Temporary | Permanent:
    """Apprise tells the HTTP status in words only, `error=404`; without one nothing answered."""
    status = _STATUS.search(said)
    code = int(status[1]) if status else 0
    words = f"{scheme}: {said}"
    if 400 <= code < 500 and code not in (408, 429):
        return Permanent(words)
    return Temporary(words)


def _secrets(url: str) -> set[str]:
    """Any part of the address may be a key: which one, each service decides."""
    pieces = re.split(r"[/:@?&=]+", url.partition("://")[2])
    return {url, *pieces, *(unquote(piece) for piece in pieces)}


def _scheme(url: str) -> str:
    return f"Apprise, {url.partition('://')[0]}"


def _make(part: Document, making: Making) -> Made:
    config = decode(part, AppriseConfig)
    if importlib.util.find_spec("apprise") is None:
        raise part.error(_INSTALL)
    # Its log shows addresses; why something was not taken reaches people as the error.
    logging.getLogger("apprise").propagate = False
    return Made(Apprise(config, making), config.send_resolved)


KIND = SenderKind("apprise", _make)
