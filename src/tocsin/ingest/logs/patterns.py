"""Which lines say the same? Each gets the number of its pattern, found while it arrives.

A line's words with the variable parts masked are its shape, and most lines' shapes are known. A new
shape is a pattern of its own until several differ from each other in one word alone: then that
word varies too, and they become one. (Drain, He et al., ICWS 2017, decides at the second line, by
how many words are the same, and takes "login failed" and "login succeeded" for one.)
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from tocsin.ingest.logs.masking import Masker, fits, merged, told
from tocsin.kit import gauge
from tocsin.model.log_patterns import LogPattern, pattern_number
from tocsin.model.logs import LogRecord

Words = tuple[str, ...]
_BODY = attrgetter("body")

_VARIETY = 6
"""A word of which there are so many in one place varies."""
_SHAPES = 20_000
_EXAMPLE = 400
_REST = "<…>"
_COARSE = 200
_SERVICES = 500
_MOST_BYTES = 256 << 20
"""About what all patterns may take; the service with the most of it begins anew beyond."""
_PLACE_BYTES = 300
_MOST_UNTOLD_BYTES = 32 << 20
"""About what patterns may take that wait to be kept, as the store is away."""
_UNTOLD_BYTES = 500

_templates = gauge.gauge("log_patterns", "Patterns of log lines that are known.")
_coarse_lines = gauge.counter(
    "log_pattern_overflows", "New shapes of services that have too many patterns."
)
_untold = gauge.counter(
    "log_patterns_untold", "Patterns not kept as too many waited; they are when they come again."
)


@dataclass(slots=True)
class _Template:
    number: int
    words: Words
    example: str
    first_seen_ms: int
    used: int = 0
    absorbed: list[LogPattern] = field(default_factory=list)
    into: _Template | None = None

    def last(self) -> _Template:
        """The template that this one went up in."""
        found = self
        while found.into is not None:
            found = found.into
        return found


class _Service:
    """The patterns of one service, `most` of them; the least used go when there are more."""

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        self.shapes: dict[str, _Template] = {}
        self.by_words: dict[Words, _Template] = {}
        self.general: defaultdict[int, list[_Template]] = defaultdict(list)
        self.alike: defaultdict[Words, list[_Template]] = defaultdict(list)
        self.changed: dict[int, _Template] = {}
        self.untold = 0
        """About how many bytes what has changed takes."""
        self.size = 0
        self._shape_bytes = 0
        self._coarse = 0
        self._full_misses = 0

    def find(self, shape: str, record: LogRecord) -> _Template:
        """The template of a shape that is not in `shapes`; it is there afterwards."""
        words = tuple(shape.split(" ")) if shape else ()
        found = self._known(words) or self._new(words, record)
        if len(self.shapes) >= _SHAPES:
            self._forget_shapes()
        self.shapes[shape] = found
        self._shape_bytes += len(shape)
        return found

    @property
    def total(self) -> int:
        """About how many bytes its patterns and shapes take."""
        return self.size + self._shape_bytes

    def _forget_shapes(self) -> None:
        self.shapes.clear()
        self._shape_bytes = 0

    def tell(self, template: _Template) -> None:
        """Have the template kept, as it is new or has changed."""
        if template.number not in self.changed:
            self.untold += _untold_bytes(template)
        self.changed[template.number] = template

    def told(self) -> list[_Template]:
        """What has changed; it is taken for kept then."""
        found = list(self.changed.values())
        self.changed, self.untold = {}, 0
        return found

    def add(self, template: _Template) -> None:
        """Know a template, and which ones it resembles."""
        words = template.words
        if words not in self.by_words:
            self.size += _bytes_of(words)
        self.by_words[words] = template
        if "<*>" in words:
            self.general[len(words)].append(template)
        if len(words) < 2 or words[-1] == _REST:
            return
        for place, word in enumerate(words):
            # What is masked varies in known ways, and is said so: `<num>` and `<ip>` differ.
            if not word.startswith("<"):
                self.alike[merged(list(words), place)].append(template)

    def _known(self, words: Words) -> _Template | None:
        if found := self.by_words.get(words):
            return found.last()
        return next((one for one in self.general[len(words)] if fits(one.words, words)), None)

    def _new(self, words: Words, record: LogRecord) -> _Template:
        if len(self.by_words) >= self.most:
            return self._beyond(words, record)
        made = self._made(words, record)
        self.add(made)
        self._generalise(made)
        return made.last()

    def _made(self, words: Words, record: LogRecord) -> _Template:
        number = pattern_number(self.name, " ".join(words))
        example = told(record.body)[:_EXAMPLE]
        made = _Template(number, words, example, record.ts_ns // 1_000_000)
        self.tell(made)
        return made

    def _generalise(self, made: _Template) -> None:
        """Take the template and those that differ from it in one word for one, if many do."""
        for place, word in enumerate(made.words):
            if word.startswith("<"):
                continue
            words = merged(list(made.words), place)
            found = [one for one in self.alike.get(words, ()) if one.into is None]
            if len(found) >= _VARIETY:
                self._merge(words, found)
                return

    def _merge(self, words: Words, found: list[_Template]) -> None:
        first = min(found, key=lambda one: (one.first_seen_ms, one.number))
        for one in found:
            self._forget(one)
            if one is not first:
                one.into = first
                first.used += one.used
                self.tell(one)
        first.words = words
        self.tell(first)
        self.add(first)
        self._generalise(first)

    def _forget(self, one: _Template) -> None:
        if self.by_words.pop(one.words, None) is not None:
            self.size -= _bytes_of(one.words)
        if "<*>" in one.words:
            self.general[len(one.words)].remove(one)
        for place, word in enumerate(one.words):
            if word.startswith("<"):
                continue
            key = merged(list(one.words), place)
            if one in self.alike.get(key, ()):
                self.alike[key].remove(one)
            if not self.alike.get(key):
                self.alike.pop(key, None)

    def _beyond(self, words: Words, record: LogRecord) -> _Template:
        """A service that says something new with every line: its first word has to do.

        Now and then the least used patterns make room, so that what is new later is seen.
        """
        _coarse_lines.inc()
        self._full_misses += 1
        if self._full_misses >= self.most:
            self._full_misses = 0
            self._make_room()
        coarse: Words = (words[0] if words else "", _REST)
        if coarse not in self.by_words:
            if self._coarse >= _COARSE:
                coarse = (_REST,)
            self._coarse += 1
        found = self.by_words.get(coarse)
        if found is None:
            found = self._made(coarse, record)
            self.add(found)
        return found

    def _make_room(self) -> None:
        kept = sorted(self.by_words.values(), key=lambda one: one.used, reverse=True)
        for one in kept[self.most * 9 // 10 :]:
            if one.words[-1] != _REST:
                self._forget(one)
        for one in kept:
            one.used //= 2
        self._forget_shapes()


class PatternMiner:
    """A step of `LogIntake`: gives every line of a batch its pattern.

    `know` first, with what was kept; `changes` tells what is to be kept. May be called from any
    thread.
    """

    def __init__(
        self,
        most: int = 5_000,
        *,
        most_bytes: int = _MOST_BYTES,
        most_untold: int = _MOST_UNTOLD_BYTES,
    ) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._most_untold = most_untold
        self._masker = Masker()
        self._services: dict[str, _Service] = {}
        self._lock = threading.Lock()

    def __call__(self, records: list[LogRecord]) -> list[LogRecord]:
        """The same lines, each with its pattern."""
        with self._lock:
            services = self._services
            shapes = self._masker.shapes(list(map(_BODY, records)))
            for record, shape in zip(records, shapes, strict=True):
                service = services.get(record.service) or self._service(record.service)
                found = service.shapes.get(shape)
                if found is None or found.into is not None:
                    found = _found(service, record, shape)
                found.used += 1
                record.pattern = found.number
            self._make_room()
            _templates.set(sum(len(one.by_words) for one in self._services.values()))
        return records

    def _make_room(self) -> None:
        """Long lines that are all different, under many names, must not fill the memory."""
        while sum(one.total for one in self._services.values()) > self._most_bytes:
            largest = max(self._services.values(), key=lambda one: one.total)
            fresh = self._services[largest.name] = _Service(largest.name, self._most)
            fresh.changed, fresh.untold = largest.changed, largest.untold
        while sum(one.untold for one in self._services.values()) > self._most_untold:
            # Beginning anew has what is left out here told when its lines come again.
            largest = max(self._services.values(), key=lambda one: one.untold)
            fresh = self._services[largest.name] = _Service(largest.name, self._most)
            waiting = largest.told()
            for one in waiting[len(waiting) // 2 + 1 :]:
                fresh.tell(one)
            _untold.inc(len(waiting) - len(fresh.changed))

    def know(self, patterns: Iterable[LogPattern]) -> None:
        """Go on with the patterns of an earlier time."""
        with self._lock:
            for one in sorted(patterns, key=lambda one: (one.first_seen_ms, one.pattern)):
                service = self._service(one.service)
                words = tuple(one.template.split(" "))
                if words not in service.by_words and len(service.by_words) < self._most:
                    service.add(_Template(one.pattern, words, one.example, one.first_seen_ms))

    def changes(self) -> list[LogPattern]:
        """The patterns that are new, or whose template changed, since the last call."""
        with self._lock:
            return [
                _kept(service.name, one)
                for service in self._services.values()
                for one in service.told()
            ]

    def again(self, patterns: Iterable[LogPattern]) -> None:
        """Have `changes` tell these once more: they could not be kept."""
        with self._lock:
            for one in patterns:
                words = tuple(one.template.split(" "))
                kept = _Template(one.pattern, words, one.example, one.first_seen_ms)
                service = self._service(one.service)
                if one.pattern not in service.changed:
                    service.tell(kept)
            self._make_room()

    def _service(self, name: str) -> _Service:
        found = self._services.get(name)
        if found is None:
            if len(self._services) >= _SERVICES:
                del self._services[next(iter(self._services))]
            found = self._services[name] = _Service(name, self._most)
        return found


def _found(service: _Service, record: LogRecord, shape: str) -> _Template:
    """The template of a shape that is new, or whose template became part of another one."""
    found = service.shapes.get(shape)
    if found is None:
        return service.find(shape, record)
    found = service.shapes[shape] = found.last()
    return found


def _bytes_of(words: Words) -> int:
    """A template is found by its words with any one of them left out."""
    return len(words) * (_PLACE_BYTES + 8 * len(words)) + sum(map(len, words))


def _untold_bytes(one: _Template) -> int:
    return sum(map(len, one.words)) + 8 * len(one.words) + len(one.example) + _UNTOLD_BYTES


def _kept(service: str, one: _Template) -> LogPattern:
    return LogPattern(
        pattern=one.number,
        service=service,
        template=" ".join(one.last().words),
        example=one.example,
        first_seen_ms=one.first_seen_ms,
    )
