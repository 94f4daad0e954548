"""Why was somebody told, or not? Every decision with all that it was made of, to be made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from tocsin.alert.deciding.decision import Decision, Delivered, Inputs, Outcome, decide
from tocsin.alert.deciding.holding import Basis
from tocsin.model.labels import Matcher, MatchOp

_BASIS_DIGITS = 24
_MOST = 100_000
_LONGEST_ANNOTATIONS = 4000
"""Characters of all annotations of an alert that a receipt keeps, about."""
_NUMBERS = 100_000
"""Ids that are taken at a time."""
_RECOUNT_MS = 3_600_000
"""How often the count of a decision that stays is kept anew."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decision about one alert on one route. `count` is how often the same was decided,
    `last_ms` when last; `basis` names the configuration that it was made by."""

    id: int
    fingerprint: str
    at_ms: int
    last_ms: int
    count: int = 1
    basis: str
    inputs: Inputs
    decision: Decision


class Draft(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A receipt before anybody reads it: of what it is made is known, and not yet put into words,
    which takes longer than telling does."""

    id: int
    fingerprint: str
    at_ms: int
    last_ms: int
    count: int = 1
    basis: str
    by: Basis
    inputs: Inputs

    def receipt(self) -> Receipt:
        """With its decision."""
        return Receipt(
            id=self.id,
            fingerprint=self.fingerprint,
            at_ms=self.at_ms,
            last_ms=self.last_ms,
            count=self.count,
            basis=self.basis,
            inputs=self.inputs,
            decision=decide(self.by, self.inputs),
        )


class ReceiptKeeper(Protocol):
    """Where receipts are kept. Nothing here waits or fails: a page is worth more than its story."""

    def keep(self, draft: Draft) -> None:
        """Keep it soon, replacing the one of the same id."""

    def keep_basis(self, basis: str, content: bytes) -> None:
        """Keep what receipts of that basis are made again by."""

    async def numbers(self, count: int, *, after: int) -> int:
        """The first of so many ids that nobody else gives, larger than `after`."""


def replay(receipt: Receipt, basis: Basis) -> Decision:
    """The decision made once more, of what was kept."""
    return decide(basis, receipt.inputs)


def _plain(value: object) -> object:
    if isinstance(value, Matcher):
        return [value.name, value.op.value, value.value]
    if isinstance(value, (str, int)):
        # Texts and numbers with a class of their own: places of a time zone, minutes of a day.
        return value.__class__.__mro__[1](value)
    raise NotImplementedError(type(value).__name__)


def _typed(kind: type, value: Any) -> object:  # Any: what msgspec found there
    if kind is Matcher:
        name, op, text = value
        return Matcher(name, MatchOp(op), text)
    if issubclass(kind, (str, int)):
        return kind(value)
    raise NotImplementedError(kind.__name__)


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_receipts = msgspec.msgpack.Decoder(Receipt, dec_hook=_typed)
_bases = msgspec.msgpack.Decoder(Basis, dec_hook=_typed)


def encoded(value: Receipt | Basis) -> bytes:
    """As it is kept."""
    return _encoder.encode(value)


def receipt_of(content: bytes) -> Receipt:
    """Raises msgspec.DecodeError when another version wrote it."""
    return _receipts.decode(content)


def basis_of_bytes(content: bytes) -> Basis:
    """Raises msgspec.DecodeError when another version wrote it."""
    return _bases.decode(content)


def basis_name(content: bytes) -> str:
    """What names a configuration: the same content has the same name."""
    return blake2b(content, digest_size=_BASIS_DIGITS // 2).hexdigest()


State = tuple[object, ...]
Events = tuple[tuple[str, Outcome], ...]
Where = tuple[int, str]
"""The number of the route and the group's key: several routes may have groups of one key."""

NOWHERE: Where = (-1, "")
"""There are no routes."""


@dataclass(slots=True)
class _Current:
    """The newest decision about an alert on a route, and what tells it from another."""

    state: State
    events: Events
    draft: Draft
    kept_ms: int


class Receipts:
    """The newest decision about every alert; others are handed to the keeper when they change.

    `state` is what is true of the alert, `events` whom the decision tells: without an event, and
    in the same state, nothing has been decided anew.
    """

    def __init__(self, keeper: ReceiptKeeper | None) -> None:
        self._keeper = keeper
        self._next_id, self._last_id = 1, 0
        self._current: dict[tuple[str, Where], _Current] = {}
        self._basis = Basis()
        self._basis_name = ""

    async def number(self) -> None:
        """See to it that there are ids for what is decided next: before all else, and now and
        then. Raises Temporary."""
        if self._keeper is not None and self._last_id - self._next_id < _NUMBERS // 2:
            first = await self._keeper.numbers(_NUMBERS, after=self._last_id)
            self._next_id, self._last_id = first, first + _NUMBERS - 1

    def configure(self, basis: Basis) -> None:
        """What decisions are made by from now on."""
        self._basis = basis
        content = encoded(basis)
        self._basis_name = basis_name(content)
        if self._keeper is not None:
            self._keeper.keep_basis(self._basis_name, content)

    @property
    def is_kept(self) -> bool:
        """Whether there is anybody to keep them."""
        return self._keeper is not None

    def again(
        self, fingerprint: str, where: Where, state: State, events: Events, now_ms: int
    ) -> bool:
        """Whether this was decided already; then it is counted."""
        known = self._current.get((fingerprint, where))
        if known is None or known.state != state or (events and events != known.events):
            return False
        if events == known.events:
            draft = known.draft
            known.draft = msgspec.structs.replace(draft, count=draft.count + 1, last_ms=now_ms)
            if self._keeper is not None and abs(now_ms - known.kept_ms) >= _RECOUNT_MS:
                known.kept_ms = now_ms
                self._keeper.keep(known.draft)
        return True

    def record(
        self,
        fingerprint: str,
        inputs: Inputs,
        state: State,
        events: Events,
    ) -> None:
        """A decision that is new."""
        if self._keeper is None:
            return
        place = inputs.place
        key = (fingerprint, (place.route, place.group_key) if place else NOWHERE)
        before = self._current.pop(key, None)
        if before is not None and before.draft.count > 1:
            self._keeper.keep(before.draft)
        at_ms = inputs.facts.at_ms
        draft = Draft(
            id=self._next_id,
            fingerprint=fingerprint,
            at_ms=at_ms,
            last_ms=at_ms,
            basis=self._basis_name,
            by=self._basis,
            inputs=_slim(inputs),
        )
        self._next_id += 1
        if len(self._current) >= _MOST:
            self._drop(next(iter(self._current)))
        self._current[key] = _Current(state, events, draft, at_ms)
        self._keeper.keep(draft)

    def delivered(self, fingerprint: str, where: Where, deliveries: Sequence[Delivered]) -> None:
        """What became of the messages that the newest decision sent."""
        known = self._current.get((fingerprint, where))
        if self._keeper is None or known is None:
            return
        inputs = msgspec.structs.replace(known.draft.inputs, deliveries=tuple(deliveries))
        known.draft = msgspec.structs.replace(known.draft, inputs=inputs)
        self._keeper.keep(known.draft)

    def newest(self, fingerprint: str) -> list[Receipt]:
        """The newest receipt of that alert on each route."""
        return [one.draft.receipt() for key, one in self._current.items() if key[0] == fingerprint]

    def forget(self, fingerprints: Iterable[str]) -> None:
        """These alerts are gone."""
        gone = frozenset(fingerprints)
        for key in [key for key in self._current if key[0] in gone]:
            self._drop(key)

    def close(self) -> None:
        """Hand on what was only counted; to be done before an end."""
        for key in list(self._current):
            self._drop(key)

    def _drop(self, key: tuple[str, Where]) -> None:
        known = self._current.pop(key)
        if self._keeper is not None and known.draft.count > 1:
            self._keeper.keep(known.draft)


def _slim(inputs: Inputs) -> Inputs:
    """Without the rest of long annotations: nothing is decided by them."""
    facts = inputs.facts
    annotations = facts.alert.annotations
    if sum(len(value) for _, value in annotations) <= _LONGEST_ANNOTATIONS:
        return inputs
    most = _LONGEST_ANNOTATIONS // len(annotations)
    cut = tuple(
        (name, value if len(value) <= most else f"{value[:most]}…") for name, value in annotations
    )
    alert = msgspec.structs.replace(facts.alert, annotations=cut)
    return msgspec.structs.replace(inputs, facts=msgspec.structs.replace(facts, alert=alert))


def plain_inputs(receipt: Receipt) -> dict[str, Any]:  # Any: plain data of any shape
    """What the decision was made of, as data that every program reads."""
    found: dict[str, Any] = msgspec.to_builtins(  # Any: as above
        receipt.inputs, enc_hook=_plain, str_keys=True
    )
    return found
