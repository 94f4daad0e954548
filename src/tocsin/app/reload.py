"""When is the configuration read again, and what becomes of a bad one?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from tocsin.app.config import Loaded, load_config
from tocsin.app.effective import diff
from tocsin.app.product import Tocsin
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Temporary
from tocsin.web.services import ReloadOutcome

_log = log.get("config")
_successful = gauge.gauge("config_last_reload_successful", "Whether the last reload was applied.")
_at = gauge.gauge("config_last_reload_success_timestamp_seconds", "When one was last applied.")

_WATCH_SECONDS = 2.0

Stamps = Mapping[Path, tuple[int, int]]


class Reloader:
    """Reads the configuration again when asked to or when a file of it changed, all or nothing."""

    def __init__(
        self, tocsin: Tocsin, path: Path | None, flags: Mapping[str, str], clock: Clock
    ) -> None:
        self._tocsin = tocsin
        self._path = path
        self._flags = flags
        self._clock = clock
        self._wanted = asyncio.Event()
        self._turn = asyncio.Lock()
        self._stamps = _stamps(tocsin.sources)
        tocsin.reload_with(self.reload)
        _successful.set(1)
        _at.set(clock.now())

    def request(self) -> None:
        """Ask for a reload soon, as SIGHUP does."""
        self._wanted.set()

    async def run(self) -> None:
        """Watch the files, and reload when one changed or a reload was asked for."""
        while True:
            try:
                async with asyncio.timeout(_WATCH_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                if not await asyncio.to_thread(self.is_behind):
                    continue
            self._wanted.clear()
            await self.reload()

    def is_behind(self) -> bool:
        """Whether a file changed since it was read."""
        return _stamps(self._tocsin.sources) != self._stamps

    async def reload(self) -> ReloadOutcome:
        """Read and apply; a mistake anywhere changes nothing and is told. What cannot be applied
        just now is tried again."""
        async with self._turn:
            self._stamps = await asyncio.to_thread(_stamps, self._tocsin.sources)
            try:
                loaded = await asyncio.to_thread(load_config, self._path, self._flags)
                outcome = await self._apply(loaded)
            except Fault as error:
                _successful.set(0)
                _log.error("config_refused", error=str(error))
                self._tocsin.note_reload(str(error), applied=False)
                if isinstance(error, Temporary):
                    self._stamps = {}  # nothing is wrong with it: `run` tries it again soon
                return ReloadOutcome(error=str(error))
            _successful.set(1)
            _at.set(self._clock.now())
            # Those that were read keep the stamps from before: who changes one meanwhile is heard.
            now = await asyncio.to_thread(_stamps, self._tocsin.sources)
            self._stamps = {path: self._stamps.get(path, stamp) for path, stamp in now.items()}
            _log.info("config_applied", changed=outcome.changed, restart=outcome.needs_restart)
            await self._remember(outcome)
            return outcome

    async def _remember(self, outcome: ReloadOutcome) -> None:
        """Into the audit trail: what changed shortly before an incident is looked for there."""
        changed = ", ".join(outcome.changed) or "the files that it names"
        try:
            await self._tocsin.parts.people.audit.record("tocsin", "config_applied", changed)
        except Temporary as error:
            _log.warning("reload_not_in_audit", error=str(error))

    async def _apply(self, loaded: Loaded) -> ReloadOutcome:
        changes = diff(self._tocsin.loaded.config, loaded.config)
        await self._tocsin.apply(loaded)
        later = tuple(change.key for change in changes if not change.is_live)
        note = f"these settings take effect after a restart: {', '.join(later)}" if later else ""
        self._tocsin.note_reload(note, applied=True)
        return ReloadOutcome(changed=tuple(change.key for change in changes), needs_restart=later)


def _stamps(paths: Sequence[Path]) -> Stamps:
    """What a change of each file would change; a file that is gone is left out."""
    found = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found[path] = status.st_mtime_ns, status.st_ino
    return found
