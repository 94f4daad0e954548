"""With which keys are pages' links signed, and push services told who we are? Made once, kept."""

from __future__ import annotations

from tocsin.kit.signed_link import LinkMaker, new_key
from tocsin.oncall.webpush.vapid import Vapid
from tocsin.state.settings import Settings

_LINKS = "page_links_key"
_VAPID = "web_push_key"
_HIDDEN_BY = "tocsin"


class PageLinks:
    """`load` once, then `configure` each time."""

    def __init__(self, settings: Settings) -> None:
        self.maker: LinkMaker | None = None
        self.vapid: Vapid | None = None
        self._settings = settings
        self._links_key = self._vapid_key = ""

    async def load(self) -> None:
        """Read the keys; make them at the very first start. Raises Temporary."""
        self._links_key = await self._key(_LINKS, new_key())
        self._vapid_key = await self._key(_VAPID, Vapid.new_key())

    async def _key(self, name: str, fresh: str) -> str:
        kept = await self._settings.get(name, str, "")
        if not kept:
            await self._settings.set(name, fresh, by=_HIDDEN_BY)
            kept = await self._settings.get(name, str, "")
        return kept

    def configure(self, url: str, contact: str) -> None:
        """Sign for that address, and be known by that contact."""
        self.maker = LinkMaker(bytes.fromhex(self._links_key), url)
        self.vapid = Vapid(self._vapid_key, contact)
