"""How is the public status page wired in? Implements `app.incidents.Part`."""

from __future__ import annotations

import asyncio
import mimetypes
from base64 import b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tocsin.alert.attention.maintenance import Maintenance
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.app.config import Loaded
from tocsin.app.incidents import Incidents
from tocsin.app.status_mailer import StatusMailer, status_mailer
from tocsin.app.status_notes import KeptDays, KeptNotes, KeptPosts
from tocsin.app.status_sources import Disclosed, Measuring
from tocsin.kit.clock import Clock
from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.signed_link import new_key
from tocsin.kit.tasks import Tasks
from tocsin.model.labels import Labels
from tocsin.query.promql.engine import Engine
from tocsin.scrape.fetch import Fetcher
from tocsin.state.database import Database
from tocsin.state.settings import Settings
from tocsin.state.subscribers import Subscribers
from tocsin.statuspage.board import Board
from tocsin.statuspage.colour import readable_on
from tocsin.statuspage.config import StatusPageConfig
from tocsin.statuspage.desk import StatusDesk
from tocsin.statuspage.monitors import concerned
from tocsin.statuspage.notes import Notes
from tocsin.statuspage.outward import Outward
from tocsin.statuspage.posts import PostBook
from tocsin.statuspage.recorder import Recorder
from tocsin.statuspage.snapshot import Look
from tocsin.statuspage.subscriptions import MAIL_KIND, Subscriptions
from tocsin.statuspage.telling import News, StatusMail
from tocsin.statuspage.words import words_with
from tocsin.web.pages.status_html import BELOW, SiteMaker

_KEY = "status_page_key"
_FOLDER = "status"
_LARGEST_LOGO_BYTES = 128 << 10


def check_status_page(loaded: Loaded, clock: Clock) -> None:
    """Raises ConfigError for what only files and other sections tell: the logo, the mail server."""
    if not loaded.config.status_page.is_on:
        return
    _logo(loaded)
    status_mailer(loaded, Fetcher(clock, Path(), connections=1), clock)


class StatusPages:
    """The board, its posts, and those who are told; made once, configured often."""

    def __init__(  # noqa: PLR0913 - the parts that a page looks at
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        incidents: Incidents,
        engine: Engine,
        dispatcher: Dispatcher,
        maintenance: Maintenance,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._config = StatusPageConfig()
        self._key = ""
        self._mailer_fetcher = Fetcher(clock, Path(), connections=1)
        self._measuring = Measuring(engine, dispatcher, maintenance, clock)
        self.posts = PostBook(
            KeptPosts(database), clock, self.components_of, Disclosed(incidents.book)
        )
        self.notes = Notes(KeptNotes(database), clock)
        self._measuring.public = lambda: self.notes.windows
        runner = incidents.runner
        self.board = Board(
            clock,
            self.posts,
            self.notes,
            Recorder(KeptDays(database), clock),
            self._measuring,
            SiteMaker(),
            News(clock, runner.put),
        )
        subscribers = Subscribers(database)
        self.subscriptions = Subscriptions(subscribers, clock, runner.put)
        self._mail = StatusMail(subscribers, clock, lambda: self.board.snapshot)
        runner.register(MAIL_KIND, self._mail)
        self.desk = StatusDesk(
            self.board, self.posts, self.notes, self.subscriptions, self.components_of
        )

    def components_of(self, names: Iterable[str], is_strict: bool) -> Sequence[str]:
        """The ids of components by their ids, names or services."""
        by_name: dict[str, list[str]] = {}
        for one in self._config.every_component():
            if one.enabled:
                for name in dict.fromkeys((one.key, one.name, *one.services)):
                    by_name.setdefault(name.lower(), []).append(one.key)
        found: list[str] = []
        for name in names:
            known = by_name.get(name.strip().lower(), [])
            if is_strict and not known:
                close = nearest(name, by_name)
                hint = f'; did you mean "{close}"?' if close else ""
                raise Rejected(f"the status page has no component {name!r}{hint}")
            found += known
        return list(dict.fromkeys(found))

    def concerned_by(self, alerts: Iterable[Labels]) -> Sequence[str]:
        """The ids of components whose `alerts` any of these is."""
        return concerned(self._config.every_component(), alerts)

    async def load(self) -> None:
        """Read what an earlier process kept."""
        self._key = await self._settings.get(_KEY, str, "")
        if not self._key:
            self._key = new_key()
            await self._settings.set(_KEY, self._key, by="tocsin")
        await self.posts.load()
        await self.notes.load()
        await self.board.recorder.load()

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """Put a configuration in force. Raises ConfigError before anything has changed."""
        config = loaded.config.status_page
        logo = await asyncio.to_thread(_logo, loaded)
        mailer = status_mailer(loaded, self._mailer_fetcher, self._clock) if config.is_on else None
        is_first = self._config is not config and not self.board.site
        self._config = config
        await self._tell_by(mailer)
        look = self._look(config, external_url, logo)
        self._measuring.components = {one.key: one for one in config.every_component()}
        self.board.configure(config, look, Path(loaded.config.data) / _FOLDER)
        if is_first and config.is_on:
            await self.board.restore()

    def start(self, tasks: Tasks) -> None:
        """Look at everything each minute, and at what was missed."""
        tasks.start("status_page", self.board.run)
        tasks.start("status_gaps", lambda: self.board.run_gaps(self._measuring))

    async def close(self) -> None:
        """Close all connections."""
        await self._mail.outward.close()
        await self._mailer_fetcher.close()

    async def _tell_by(self, mailer: StatusMailer | None) -> None:
        subscriptions = self._config.subscriptions
        key = bytes.fromhex(self._key)
        self.subscriptions.configure(subscriptions, key, has_mail=mailer is not None)
        self._mail.mailer = mailer
        before, self._mail.outward = self._mail.outward, Outward(self.subscriptions.allowed)
        await before.close()

    def _look(self, config: StatusPageConfig, external_url: str, logo: str) -> Look:
        colours = config.colours
        on_head = colours.header_text
        if colours.header and not on_head:
            on_head = readable_on(colours.header)
        is_on = config.is_on
        return Look(
            title=config.title,
            description=config.description,
            language=config.language,
            words=words_with(config.words.items()),
            logo=logo,
            links=tuple((one.name, str(one.url)) for one in config.links),
            header=str(colours.header),
            header_text=str(on_head),
            accent=str(colours.accent),
            accent_dark=str(colours.accent_dark),
            address=_address(config, external_url),
            has_host=bool(config.host),
            downtime=config.downtime,
            by_email=is_on and self.subscriptions.by_email,
            by_webhook=is_on and self.subscriptions.by_webhook,
        )


def _address(config: StatusPageConfig, external_url: str) -> str:
    """Where the public finds the page."""
    if config.host:
        return f"{urlsplit(external_url).scheme or 'https'}://{config.host}"
    return f"{external_url.rstrip('/')}{BELOW}"


def _logo(loaded: Loaded) -> str:
    """The picture as a `data:` address; empty when there is none. Raises ConfigError."""
    name = loaded.config.status_page.logo
    if not name:
        return ""
    file = loaded.folder / Path(name).expanduser()
    kind = mimetypes.guess_type(file.name)[0] or ""
    place = ("status_page", "logo")
    if kind not in ("image/svg+xml", "image/png", "image/jpeg", "image/webp", "image/gif"):
        raise loaded.document.error(
            "expected a file that ends in .svg, .png, .jpg, .webp or .gif", *place
        )
    try:
        content = file.read_bytes()
    except OSError as error:
        raise loaded.document.error(f"cannot read {file}: {error.strerror}", *place) from error
    if len(content) > _LARGEST_LOGO_BYTES:
        raise loaded.document.error(
            f"{file.name} has {len(content)} bytes; it is part of the page, so at most "
            f"{_LARGEST_LOGO_BYTES} (128 KiB)",
            *place,
        )
    return f"data:{kind};base64,{b64encode(content).decode()}"
