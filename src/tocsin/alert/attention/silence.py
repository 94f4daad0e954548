"""Which alerts has a person silenced, until when?"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Protocol

import msgspec

from tocsin.alert.attention.held_copy import HeldCopy, Mark
from tocsin.alert.routing.matchers import matches_all
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.labels import Labels, Matcher, MatchOp

_KEPT_AFTER_MS = 120 * 3_600_000
_MOST = 10_000


class SilenceMatcher(msgspec.Struct, frozen=True, kw_only=True):
    """One condition, as kept."""

    name: str
    op: str
    value: str


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that satisfy all conditions are held back from `starts_ms` until `ends_ms`.

    `ending_told_ms` and `ended_told_ms` are the end of which its author was told already that it
    is near, or that it has come (see `alert.announce`).
    """

    id: str = ""
    matchers: tuple[SilenceMatcher, ...]
    starts_ms: int
    ends_ms: int
    updated_ms: int = 0
    created_by: str = ""
    comment: str = ""
    ending_told_ms: int = 0
    ended_told_ms: int = 0

    def state(self, now_ms: int) -> str:
        """ "pending", "active" or "expired"."""
        if now_ms < self.starts_ms:
            return "pending"
        return "active" if now_ms < self.ends_ms else "expired"


class SilenceKeeper(Protocol):
    """Where silences survive a restart."""

    async def save(self, silences: Iterable[Silence]) -> None:
        """Keep them, replacing those of the same id."""

    async def forget(self, ids: Iterable[str]) -> None:
        """Keep them no longer."""

    async def all(self) -> list[Silence]:
        """Every one."""

    async def mark(self) -> Mark:
        """What differs as soon as any of them does."""


class Silences:
    """All silences, held in memory and kept before they count."""

    def __init__(self, keeper: SilenceKeeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._copy = HeldCopy(keeper)
        self._silences: dict[str, Silence] = {}
        self._compiled: dict[str, tuple[Matcher, ...]] = {}

    async def load(self) -> None:
        """Read what an earlier process kept."""
        self._silences, self._compiled = _indexed(await self._keeper.all())

    async def take_over(self) -> None:
        """What another process of the same database has changed counts here too. Raises
        Temporary when it cannot be read."""
        found = await self._copy.news(_indexed)
        if found is not None:
            self._silences, self._compiled = found

    def all(self) -> list[Silence]:
        """Active ones by their end, then pending ones by their beginning, then expired ones, the
        latest first, as amtool lists them."""
        now = self._clock.now_ms()
        return sorted(self._silences.values(), key=lambda silence: _place(silence, now))

    def get(self, silence_id: str) -> Silence:
        """Raises NotFound."""
        found = self._silences.get(silence_id)
        if found is None:
            raise NotFound(f"there is no silence {silence_id}")
        return found

    def silenced_by(self, labels: Labels, now_ms: int) -> list[str]:
        """The ids of the active silences that hold such an alert back, sorted."""
        return sorted(
            silence.id
            for silence in self._silences.values()
            if silence.state(now_ms) == "active" and matches_all(self._compiled[silence.id], labels)
        )

    def matchers(self, silence: Silence) -> tuple[Matcher, ...]:
        """Its conditions, ready to be asked."""
        return self._compiled[silence.id]

    async def set(self, silence: Silence) -> Silence:
        """Create one, or change the one whose id is given; returns it as it counts now.

        What changed its matchers, or has expired, becomes a new silence and ends the old one, as
        in Alertmanager. Raises Rejected for one that could never hold anything back, NotFound.
        """
        now = self._clock.now_ms()
        checked(silence, now)
        old = self.get(silence.id) if silence.id else None
        changed = []
        if old is not None and not _can_update(old, silence, now):
            if old.state(now) != "expired":
                changed.append(_expired(old, now))
            old = None
        elif old is not None:
            silence = msgspec.structs.replace(
                silence, ending_told_ms=old.ending_told_ms, ended_told_ms=old.ended_told_ms
            )
        if old is None:
            if len(self._silences) >= _MOST:
                raise Rejected(f"there are {_MOST} silences already; let some expire first")
            starts = max(silence.starts_ms, now)
            silence = msgspec.structs.replace(silence, id=str(uuid.uuid4()), starts_ms=starts)
        changed.append(msgspec.structs.replace(silence, updated_ms=now))
        await self._keep(*changed)
        return changed[-1]

    async def expire(self, silence_id: str) -> None:
        """End it now. Raises NotFound, and Rejected when it has ended already."""
        now = self._clock.now_ms()
        silence = self.get(silence_id)
        if silence.state(now) == "expired":
            raise Rejected(f"silence {silence_id} already expired")
        await self._keep(_expired(silence, now))

    async def extend(self, silence_id: str, by_ms: int) -> Silence:
        """Let it end later by that much. Raises NotFound, and Rejected when it has ended."""
        silence, now = self.get(silence_id), self._clock.now_ms()
        if silence.state(now) == "expired":
            raise Rejected(f"silence {silence_id} has expired; make a new one")
        longer = msgspec.structs.replace(silence, ends_ms=silence.ends_ms + by_ms, updated_ms=now)
        await self._keep(longer)
        return longer

    async def note_told(self, silence_id: str, *, has_ended: bool) -> None:
        """Remember that its author was told of its present end; harmless when it is gone."""
        silence = self._silences.get(silence_id)
        if silence is None:
            return
        if has_ended:
            noted = msgspec.structs.replace(silence, ended_told_ms=silence.ends_ms)
        else:
            noted = msgspec.structs.replace(silence, ending_told_ms=silence.ends_ms)
        await self._keep(noted)

    async def tidy(self) -> None:
        """Forget silences that ended five days ago."""
        before = self._clock.now_ms() - _KEPT_AFTER_MS
        gone = [silence.id for silence in self._silences.values() if silence.ends_ms < before]
        if not gone:
            return
        with self._copy.changing():
            await self._keeper.forget(gone)
            for silence_id in gone:
                self._silences.pop(silence_id, None)
                self._compiled.pop(silence_id, None)

    async def _keep(self, *changed: Silence) -> None:
        with self._copy.changing():
            await self._keeper.save(changed)
            silences, compiled = _indexed(changed)
            self._silences.update(silences)
            self._compiled.update(compiled)


def checked(silence: Silence, now_ms: int) -> None:
    """Raises Rejected, in Alertmanager's words, for a silence that makes no sense."""
    if not silence.matchers:
        raise Rejected("invalid silence: at least one matcher required")
    for number, matcher in enumerate(silence.matchers):
        if not matcher.name:
            raise Rejected(
                f'invalid silence: invalid label matcher {number}: invalid label name ""'
            )
    if all(matcher.matches("") for matcher in _compiled(silence)):
        raise Rejected("invalid silence: at least one matcher must not match the empty string")
    if silence.ends_ms <= silence.starts_ms:
        raise Rejected("invalid silence: start time must be before end time")
    if silence.ends_ms <= now_ms:
        raise Rejected("invalid silence: end time can't be in the past")


def _place(silence: Silence, now_ms: int) -> tuple[int, int]:
    match silence.state(now_ms):
        case "active":
            return 0, silence.ends_ms
        case "pending":
            return 1, silence.starts_ms
        case _:
            return 2, -silence.ends_ms


def _indexed(
    found: Iterable[Silence],
) -> tuple[dict[str, Silence], dict[str, tuple[Matcher, ...]]]:
    """By id: the silences, and their conditions."""
    silences = {one.id: one for one in found}
    return silences, {key: _compiled(one) for key, one in silences.items()}


def _compiled(silence: Silence) -> tuple[Matcher, ...]:
    return tuple(Matcher(m.name, MatchOp(m.op), m.value) for m in silence.matchers)


def _can_update(old: Silence, new: Silence, now_ms: int) -> bool:
    if set(old.matchers) != set(new.matchers):
        return False
    match old.state(now_ms):
        case "active":
            return new.starts_ms == old.starts_ms
        case "pending":
            return new.starts_ms >= now_ms
        case _:
            return False


def _expired(silence: Silence, now_ms: int) -> Silence:
    return msgspec.structs.replace(
        silence, starts_ms=min(silence.starts_ms, now_ms), ends_ms=now_ms, updated_ms=now_ms
    )
