"""What becomes of each item of an envelope?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from tocsin.errortracking.answers import Feedback, Project
from tocsin.errortracking.intake import ErrorIntake
from tocsin.errortracking.rate import MinuteRate
from tocsin.errortracking.sentry_event import Report, event_id, moment, report
from tocsin.errortracking.sentry_spans import of_container, of_transaction, plain_attributes
from tocsin.errortracking.sessions import Sessions
from tocsin.errortracking.texts import dictionary, number, text
from tocsin.ingest.logs.intake import key_of
from tocsin.ingest.protocols.sentry_envelope import Envelope, Item
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected, TooMuch
from tocsin.model.logs import LogRecord, level_of
from tocsin.model.spans import Span

_items = gauge.counter(
    "sentry_items", "Items of Sentry's SDKs, by what became.", ("type", "outcome")
)
_lost = gauge.counter(
    "sentry_client_losses", "What SDKs say that they did not send.", ("reason", "category")
)
_TYPES = frozenset(
    (
        *("event", "transaction", "span", "log", "session", "sessions", "client_report"),
        *("check_in", "attachment", "user_report", "feedback", "profile", "profile_chunk"),
        *("replay_event", "replay_recording", "replay_video", "statsd", "trace_metric"),
    )
)
_READ = frozenset(
    (
        *("transaction", "span", "log", "session", "sessions", "client_report"),
        *("user_report", "feedback"),
    )
)
_LATER = frozenset(("check_in", "profile", "profile_chunk", "replay_event", "replay_recording"))
_MOST_LOGS = 1_000
_MOST_FEEDBACK = 60
"""Of a project in a minute: each is a question to both databases."""
_LARGEST_BYTES = 8 << 20
"""Of an item that is read, beside events: read, it takes many times as much memory."""
_MOST_REPORTED = 100


class SpanSink(Protocol):
    """Where transactions go (`ingest.traces.intake.SpanIntake`)."""

    async def take(
        self,
        spans: Sequence[Span],
        *,
        protocol: str,
        key: int,
        sender: str = "",
        size_bytes: int = 0,
    ) -> object: ...


class LineSink(Protocol):
    """Where log items go (`ingest.logs.intake.LogIntake`)."""

    async def take(
        self, records: list[LogRecord], *, protocol: str, key: int, sender: str | None = ""
    ) -> object: ...


class FeedbackSink(Protocol):
    """Where what users say goes (`book.IssueBook`)."""

    async def hear(self, project: str, feedback: Feedback) -> None: ...


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where the kinds of items go."""

    errors: ErrorIntake
    spans: SpanSink
    lines: LineSink
    sessions: Sessions
    feedback: FeedbackSink


@dataclass(slots=True)
class Outcome:
    """What became of an envelope: the id to be answered, and why parts were left out."""

    event_id: str
    problems: list[str]


class SentryIntake:
    """Takes envelopes and single events in."""

    def __init__(self, sinks: Sinks, clock: Clock) -> None:
        self._sinks = sinks
        self._clock = clock
        self._rate = MinuteRate(clock)

    async def envelope(self, envelope: Envelope, project: Project, sender: str) -> Outcome:
        """Take the items in; returns when what is of use is kept.

        A broken item leaves the others alone. Raises Temporary when they cannot be kept now,
        TooMuch when the project gets more errors than it may.
        """
        outcome = Outcome(envelope.event_id, list(envelope.problems))
        attached = _attachments(envelope.items)
        now_ns = self._clock.now_ms() * 1_000_000
        reports: list[Report] = []
        size = 0
        for item in envelope.items:
            if item.type != "event":
                continue
            size += len(item.payload)
            found = await self._read(item, outcome, lambda one: report(one, project.name, now_ns))
            if found is not None:
                given = text(envelope.header.get("event_id"), 40)
                if given and not item.payload.find(b'"event_id"') >= 0:
                    found = replace(found, event=replace(found.event, event_id=event_id(given)))
                reports.append(replace(found, attachments=attached))
        if reports:
            await self.errors(reports, size)
            outcome.event_id = outcome.event_id or reports[0].event.event_id
        for item in envelope.items:
            if item.type != "event":
                await self._other(item, project, sender, outcome)
        return outcome

    async def errors(self, reports: Sequence[Report], size_bytes: int) -> None:
        """Take errors in. Raises TooMuch when the project gets more than it may."""
        most = self._sinks.errors.config.max_per_minute
        project = reports[0].event.project
        wait = self._rate.admit(project, len(reports), most)
        if wait:
            _items.labels("event", "rate").inc(len(reports))
            raise TooMuch(
                f"the project {project} got {most:,} errors this minute, which is what it may "
                "(setting errors.max_per_minute)",
                wait,
            )
        await self._sinks.errors.take(reports, size_bytes=size_bytes)
        _items.labels("event", "taken").inc(len(reports))

    async def _read(
        self,
        item: Item,
        outcome: Outcome,
        make: Callable[[dict[str, Any]], Report],  # Any: JSON of senders
    ) -> Report | None:
        most = int(self._sinks.errors.config.max_event)
        if len(item.payload) > most:
            outcome.problems.append(
                f"the event has {len(item.payload):,} bytes, the most is {most:,} (setting "
                "errors.max_event)"
            )
            _items.labels("event", "refused").inc()
            return None
        try:
            return await self._sinks.errors.thought(lambda: make(item.json()), len(item.payload))
        except Rejected as error:
            outcome.problems.append(str(error))
            _items.labels("event", "refused").inc()
            return None

    async def _other(self, item: Item, project: Project, sender: str, outcome: Outcome) -> None:
        known = item.type if item.type in _TYPES else "unknown"
        try:
            taken = await self._given(item, project, sender)
        except TooMuch as error:
            outcome.problems.append(str(error))
            taken = "rate"
        except Rejected as error:
            outcome.problems.append(str(error))
            taken = "refused"
        _items.labels(known, taken).inc()

    async def _given(self, item: Item, project: Project, sender: str) -> str:
        if item.type in _READ and len(item.payload) > _LARGEST_BYTES:
            raise Rejected(
                f"the {item.type} has {len(item.payload):,} bytes, the most is {_LARGEST_BYTES:,}"
            )
        match item.type:
            case "transaction" | "span":
                await self._spans(item, project, sender)
            case "log":
                await self._lines(item, project, sender)
            case "session":
                self._sinks.sessions.one(project.name, await self._json(item))
            case "sessions":
                self._sinks.sessions.several(project.name, await self._json(item))
            case "client_report":
                _count_losses(await self._json(item))
            case "user_report" | "feedback":
                return await self._feedback(item, project)
            case "attachment":
                return "named"
            case _:
                return "later" if item.type in _LATER else "not_taken"
        return "taken"

    async def _spans(self, item: Item, project: Project, sender: str) -> None:
        make = of_transaction if item.type == "transaction" else of_container
        spans = await self._sinks.errors.thought(
            lambda: make(item.json(), project.name), len(item.payload)
        )
        if not spans:
            raise Rejected(f"the {item.type} holds no span with a trace id, an id and a time")
        key = self._key(item.payload, project)
        await self._sinks.spans.take(
            spans, protocol="sentry", key=key, sender=sender, size_bytes=len(item.payload)
        )

    async def _lines(self, item: Item, project: Project, sender: str) -> None:
        now_ns = self._clock.now_ms() * 1_000_000

        def made() -> list[LogRecord]:
            raw = item.json()
            items = raw.get("items")
            given = items if isinstance(items, list) else [raw]
            return [_line(dictionary(one), project.name, now_ns) for one in given[:_MOST_LOGS]]

        records = await self._sinks.errors.thought(made, len(item.payload))
        key = self._key(item.payload, project)
        await self._sinks.lines.take(records, protocol="sentry", key=key, sender=sender)

    def _key(self, payload: bytes, project: Project) -> int:
        now_ns = self._clock.now_ms() * 1_000_000
        return key_of(payload, carries_times=True, now_ns=now_ns, place=f"sentry/{project.number}")

    async def _json(self, item: Item) -> dict[str, Any]:  # Any: JSON of senders
        return await self._sinks.errors.thought(item.json, len(item.payload))

    async def _feedback(self, item: Item, project: Project) -> str:
        wait = self._rate.admit(f"feedback {project.number}", 1, _MOST_FEEDBACK)
        if wait:
            raise TooMuch(f"the project {project.name} got much feedback this minute", wait)
        raw = await self._json(item)
        told = dictionary(dictionary(raw.get("contexts")).get("feedback")) or raw
        said = Feedback(
            at_ms=moment(raw.get("timestamp")) // 1_000_000,
            name=text(told.get("name"), 200),
            email=text(told.get("contact_email") or told.get("email"), 200),
            comments=text(told.get("message") or told.get("comments"), 4_096),
            event_id=text(told.get("associated_event_id") or told.get("event_id"), 40).replace(
                "-", ""
            ),
        )
        if not said.event_id:
            return "not_taken"  # it belongs to no error
        try:
            await self._sinks.feedback.hear(project.name, said)
        except NotFound:
            return "not_taken"
        return "taken"


def _line(raw: dict[str, Any], project: str, now_ns: int) -> LogRecord:  # Any: JSON of senders
    own = plain_attributes(raw.get("attributes"))
    word = text(raw.get("level"), 20)
    return LogRecord(
        ts_ns=moment(raw.get("timestamp")) or now_ns,
        body=text(raw.get("body"), 1 << 20),
        service=own.get("service.name", "") or project,
        level=number(raw.get("severity_number"), 24) or level_of(word),
        severity=word,
        host=own.get("server.address", ""),
        environment=own.get("sentry.environment", ""),
        source="sentry",
        trace_id=text(raw.get("trace_id"), 32),
        span_id=text(raw.get("span_id") or own.get("sentry.trace.parent_span_id"), 16),
        user_id=own.get("user.id", ""),
        attributes=own,
    )


def _count_losses(raw: dict[str, Any]) -> None:  # Any: JSON of senders
    for name in ("discarded_events", "rate_limited_events", "filtered_events"):
        given = raw.get(name)
        for one in given[:_MOST_REPORTED] if isinstance(given, list) else ():
            each = dictionary(one)
            reason = text(each.get("reason"), 40)
            kept = reason if reason in _REASONS else "other"
            category = text(each.get("category"), 40)
            _lost.labels(kept, category if category in _CATEGORIES else "other").inc(
                number(each.get("quantity"), 10**9)
            )


_REASONS = frozenset(
    (
        *(
            "queue_overflow",
            "cache_overflow",
            "buffer_overflow",
            "ratelimit_backoff",
            "backpressure",
        ),
        *("network_error", "sample_rate", "before_send", "event_processor", "send_error"),
        *("internal_sdk_error", "insufficient_data", "ignored"),
    )
)
_CATEGORIES = frozenset(
    (
        *("error", "default", "transaction", "span", "session", "attachment", "security"),
        *("replay", "profile", "monitor", "log_item", "log_byte", "feedback", "internal"),
    )
)


def _attachments(items: Sequence[Item]) -> tuple[str, ...]:
    found = [
        f"{text(item.header.get('filename'), 200) or 'attachment'} ({len(item.payload):,} bytes)"
        for item in items
        if item.type == "attachment"
    ]
    return tuple(found[:20])


def csp_report(raw: dict[str, Any], project: str, now_ns: int) -> Report:  # Any: JSON of browsers
    """A browser's report of what a page's policy kept it from (CSP 3, 5.3; Reporting API)."""
    body = dictionary(raw.get("csp-report")) or dictionary(raw.get("body")) or raw
    directive = text(
        body.get("effective-directive")
        or body.get("effectiveDirective")
        or body.get("violated-directive"),
        200,
    ).partition(" ")[0]
    blocked = text(body.get("blocked-uri") or body.get("blockedURL"), 500)
    page = text(body.get("document-uri") or body.get("documentURL"), 500)
    origin = "/".join(blocked.split("/")[:3]) if "://" in blocked else blocked or "self"
    if not directive:
        raise Rejected("the report names no directive; csp-report or a Reporting API body is read")
    found = report(
        {
            "message": f"Blocked {directive} from {origin}",
            "platform": "javascript",
            "level": "warning",
            "logger": "csp",
            "fingerprint": ["csp", directive, origin],
            "culprit": directive,
            "tags": {"effective-directive": directive, "blocked-uri": blocked},
            "request": {"url": page},
            "extra": {text(name, 100): each for name, each in list(body.items())[:30]},
        },
        project,
        now_ns,
    )
    return replace(found, event=msgspec.structs.replace(found.event, source="browser"))


def reasons(problems: Sequence[str]) -> str:
    """What was wrong, each once."""
    return "; ".join(
        f"{why} ({times} times)" if times > 1 else why for why, times in Counter(problems).items()
    )[:2_000]
