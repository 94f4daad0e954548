"""What became of each message: when, to whom, what was sent, what was answered?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

import msgspec

from tocsin.alert.routing.fallback import Channel
from tocsin.kit.fault import Temporary
from tocsin.model.labels import get
from tocsin.model.notices import Notice, NoticeAlert

SENDING = "sending"
"""Recorded, and on its way for the first time."""
RETRYING = "retrying"
"""An attempt failed; another one follows, within this telling or at the group's next turn."""
SENT = "sent"
FAILED = "failed"
"""The receiver refused it, or its time was over; the dispatcher tries again at the next turn."""
UNKNOWN = "unknown"
"""Tocsin ended between recording and answer: it may have arrived, and was told again."""
CAPPED = "capped"
"""The channel had had its share of the hour: it waits for the digest."""
DIGESTED = "digested"
"""It waited, and was told in a digest."""

STATES = (SENT, FAILED, RETRYING, SENDING, CAPPED, DIGESTED, UNKNOWN)
TROUBLED = (FAILED, RETRYING, UNKNOWN)

_MOST_ALERTS = 500
_MOST_CHARACTERS = 1_000_000
_MOST_ATTEMPTS = 50


class HistoryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """For how long it is kept what became of each message."""

    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90
    """What is older goes."""
    rows: Annotated[int, msgspec.Meta(ge=100, le=10_000_000)] = 100_000
    """The most messages that are kept; the oldest go first."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try; `error` is empty when the receiver took it."""

    at_ms: int
    took_ms: int
    answer: str = ""
    error: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one channel. `id` 0 means that it could not be recorded.

    `why` is empty for the dispatcher's own, else "fallback", "digest", "canary" or "resend".
    """

    id: int = 0
    at_ms: int
    updated_ms: int = 0
    receiver: str
    integration: str
    state: str = SENDING
    group_key: str
    notice: Notice
    """Its first 500 alerts, or as many as have a million characters; `alert_count` counts all."""
    alert_count: int
    why: str = ""
    fallback_of: str = ""
    """The channel that should have told it."""
    resent_of: int = 0
    by: str = ""
    """Who had it sent again."""
    body: str = ""
    """What was sent, secrets masked, at most 64 KiB."""
    attempts: tuple[Attempt, ...] = ()
    """At most 50: the first and the latest."""
    attempt_count: int = 0

    @property
    def channel(self) -> Channel:
        """Whom it was for."""
        return Channel(self.receiver, self.integration)

    @property
    def error(self) -> str:
        """What the latest attempt failed with; empty when it did not."""
        return self.attempts[-1].error if self.attempts else ""

    @property
    def answer(self) -> str:
        """What the receiver said last."""
        return self.attempts[-1].answer if self.attempts else ""

    @property
    def took_ms(self) -> int:
        """From being recorded to the end of the latest attempt."""
        if not self.attempts:
            return 0
        return self.attempts[-1].at_ms + self.attempts[-1].took_ms - self.at_ms

    @property
    def route(self) -> str:
        """The matchers of the routes that led here, as the group's key has them."""
        return self.group_key.partition(":{")[0]

    @property
    def names(self) -> str:
        """The alerts' names, each once."""
        found = dict.fromkeys(get(alert.labels, "alertname") for alert in self.notice.alerts)
        return ", ".join(name for name in found if name)

    @property
    def summary(self) -> str:
        """ "FIRING 3, RESOLVED 1: DiskFull"; alerts without a name by their group's labels."""
        firing, resolved = len(self.notice.firing), len(self.notice.resolved)
        more = self.alert_count - len(self.notice.alerts)
        counts = [f"FIRING {firing}"] if firing else []
        counts += [f"RESOLVED {resolved}"] if resolved else []
        counts += [f"{more} more"] if more else []
        labels = " ".join(f"{name}={value}" for name, value in self.notice.group_labels)
        what = self.names or labels
        return ", ".join(counts) + (f": {what}" if what else "")

    def attempted(self, attempt: Attempt, state: str, body: str) -> Record:
        """After another attempt."""
        kept = (*self.attempts, attempt)
        if len(kept) > _MOST_ATTEMPTS:
            kept = (*kept[:10], *kept[11:])
        return msgspec.structs.replace(
            self,
            state=state,
            attempts=kept,
            attempt_count=self.attempt_count + 1,
            body=body or self.body,
            updated_ms=attempt.at_ms + attempt.took_ms,
        )


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are looked for; what is empty or 0 does not matter."""

    receiver: str = ""
    states: tuple[str, ...] = ()
    fingerprint: str = ""
    name: str = ""
    """Part of an alert's name."""
    since_ms: int = 0
    until_ms: int = 0
    before_id: int = 0
    limit: int = 100


class History(Protocol):
    """Where records are kept; a database in trouble holds up no message."""

    async def begin(self, record: Record, fingerprints: tuple[str, ...]) -> Record:
        """Keep it, with its id, before anything is sent. When that takes too long or fails the
        message goes out all the same."""

    def update(self, record: Record) -> None:
        """It has become this; kept soon."""

    def settle(self, ids: tuple[int, ...], state: str) -> None:
        """These have come to this state; kept soon."""

    async def find(self, wanted: Wanted) -> list[Record]:
        """The newest first."""

    async def get(self, record_id: int) -> Record:
        """Raises NotFound."""


class NoHistory:
    """Remembers nothing: for routes that are only tried out."""

    async def begin(self, record: Record, fingerprints: tuple[str, ...]) -> Record:
        """As it is."""
        return record

    def update(self, record: Record) -> None:
        """Nothing."""

    def settle(self, ids: tuple[int, ...], state: str) -> None:
        """Nothing."""

    async def find(self, wanted: Wanted) -> list[Record]:
        """None."""
        return []

    async def get(self, record_id: int) -> Record:
        """Raises Temporary: there is nothing to look into."""
        raise Temporary("messages are not recorded here")


def _fitting(alerts: Sequence[NoticeAlert]) -> int:
    """How many of them are recorded."""
    size = 0
    for number, alert in enumerate(alerts[:_MOST_ALERTS]):
        size += sum(len(value) for _, value in (*alert.labels, *alert.annotations))
        if size > _MOST_CHARACTERS and number:
            return number
    return min(len(alerts), _MOST_ALERTS)


def record_of(
    notice: Notice, channel: Channel, now_ms: int, **more: object
) -> tuple[Record, tuple[str, ...]]:
    """The record of a message that is about to go out, and all of its alerts' fingerprints."""
    prints = tuple(dict.fromkeys(alert.fingerprint for alert in notice.alerts))
    kept, count = notice, _fitting(notice.alerts)
    if count < len(notice.alerts):
        kept = msgspec.structs.replace(notice, alerts=notice.alerts[:count])
    record = Record(
        at_ms=now_ms,
        updated_ms=now_ms,
        receiver=channel.receiver,
        integration=channel.integration,
        group_key=notice.group_key,
        notice=kept,
        alert_count=len(notice.alerts),
    )
    return msgspec.structs.replace(record, **more), prints
