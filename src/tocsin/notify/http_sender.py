"""What do all services that are told over HTTP have in common?

A service's file says what its configuration is (a `HttpConfig`), which requests a notice becomes (a
function without I/O but for secrets' files), and what is special about its answers; `http_kind`
makes the rest of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret, read_secret
from tocsin.kit.yaml import decode
from tocsin.model.notices import Notice
from tocsin.notify.global_config import GlobalConfig
from tocsin.notify.kind import Made, Making, SenderKind
from tocsin.notify.template_data import Data, data_of
from tocsin.notify.wire import Request, exchange, go_json
from tocsin.scrape.fetch import Answer
from tocsin.scrape.http_options import HttpOptions


class HttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that every service over HTTP has; `timeout` 0 means 30 s."""

    send_resolved: bool | None = None
    http_config: HttpOptions | None = None
    timeout: Duration = Duration(0)

    @property
    def tells_ends(self) -> bool:
        """Whether what is over is told too; so it is when nothing was said about it."""
        return True if self.send_resolved is None else self.send_resolved


C = TypeVar("C", bound=HttpConfig)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a receiver must have: under `key` (or `<key>_file`), or else under `shared` (or
    `<shared>_file`) in `global`."""

    key: str
    shared: str

    def is_given(self, config: HttpConfig, shared: GlobalConfig) -> bool:
        """Whether it stands anywhere."""
        pairs = (_pair(config, self.key), _pair(shared, self.shared))
        return any(inline or file for inline, file in pairs)

    @property
    def remedy(self) -> str:
        """For whoever forgot it."""
        return f"it is given nowhere; write {self.key} here or {self.shared} in global"


Pair = tuple[Secret | str | None, str]
"""A secret (or a text) and the file that may hold it instead."""


def _pair(config: msgspec.Struct, key: str) -> Pair:
    return getattr(config, key), getattr(config, f"{key}_file", "")


@dataclass(frozen=True, slots=True)
class Filling:
    """A notice, and what fills the templates of its message."""

    notice: Notice
    making: Making
    data: Data

    def __call__(self, source: str) -> str:
        """A template filled; raises Rejected with the template's own words when it fails."""
        return self.making.templates.text(source, self.data)

    def html(self, source: str) -> str:
        """The same, with what comes from alerts escaped for HTML."""
        return self.making.templates.html(source, self.data)

    def each(self, sources: msgspec.Struct | Mapping[str, str]) -> dict[str, str]:
        """Every template of a mapping, or of a struct's texts, filled; the empty ones left out."""
        found = msgspec.to_builtins(sources) if isinstance(sources, msgspec.Struct) else sources
        filled = {name: self(source) for name, source in found.items() if isinstance(source, str)}
        return {name: text for name, text in filled.items() if text}

    def secret(self, *pairs: Pair) -> str:
        """The first of these secrets that is given, without space around it; "" when none is."""
        for inline, file in pairs:
            base = self.making.folder
            text = inline if isinstance(inline, str) else read_secret(inline, file, base=base)
            if text:
                return text.strip()
        return ""

    def wanted(self, wanted: Wanted, config: HttpConfig) -> str:
        """What that names, of the receiver or of `global`."""
        shared = _pair(self.making.shared, wanted.shared)
        return self.secret(_pair(config, wanted.key), shared)

    @property
    def is_firing(self) -> bool:
        """Whether one of the alerts fires."""
        return self.notice.status == "firing"


def filling(notice: Notice, making: Making) -> Filling:
    """What fills a message about that notice."""
    return Filling(notice, making, data_of(notice, making.templates.external_url))


def json_request(url: str, message: object, **headers: str) -> Request:
    """A message as JSON."""
    return Request(url, go_json(message), {"Content-Type": "application/json", **headers})


def given(values: Mapping[str, object]) -> dict[str, object]:
    """Without what is empty."""
    return {name: value for name, value in values.items() if value}


def accept(answer: Answer) -> None:
    """For a service whose status says all."""


def http_kind(
    name: str,
    config_type: type[C],
    requests: Callable[[C, Filling], Sequence[Request]],
    *,
    check: Callable[[Answer], None] = accept,
    wants: Sequence[Wanted] = (),
) -> SenderKind:
    """The kind whose notices become these requests, sent one after the other.

    `check` raises Temporary or Permanent for an answer whose status says yes and whose body says
    no; `wants` is what must be given here or in `global`.
    """

    def make(part: Document, making: Making) -> Made:
        config = read(part, making, config_type, wants)
        return Made(_HttpSender(config, making, requests, check), config.tells_ends)

    return SenderKind(name, make)


def read(part: Document, making: Making, config_type: type[C], wants: Sequence[Wanted]) -> C:
    """The configuration; raises ConfigError, also for what is wanted and not given."""
    config = decode(part, config_type)
    for wanted in wants:
        if not wanted.is_given(config, making.shared):
            raise part.error(wanted.remedy, wanted.key)
    return config


class Line:
    """The way to one service: its options, the shared ones otherwise."""

    def __init__(self, config: HttpConfig, making: Making) -> None:
        self._making = making
        self._options = config.http_config or making.shared.http_config
        self._seconds = float(config.timeout)

    async def ask(self, request: Request) -> Answer:
        """Raises as `wire.exchange`."""
        return await exchange(self._making, request, self._options, timeout=self._seconds)


class _HttpSender:
    """Tells a service of a notice."""

    def __init__(
        self,
        config: C,
        making: Making,
        requests: Callable[[C, Filling], Sequence[Request]],
        check: Callable[[Answer], None],
    ) -> None:
        self._making = making
        self._line = Line(config, making)
        self._requests = lambda fill: requests(config, fill)
        self._check = check

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        fill = filling(notice, self._making)
        for request in await asyncio.to_thread(self._requests, fill):
            self._check(await self._line.ask(request))
