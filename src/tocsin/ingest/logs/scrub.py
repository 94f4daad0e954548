"""What must not be kept? Secrets and personal data are replaced before a line is stored."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import msgspec

from tocsin.kit import gauge
from tocsin.kit.fault import Rejected
from tocsin.kit.regex import Match, compile_pattern
from tocsin.model.logs import LogRecord

_scrubbed = gauge.counter("log_scrubbed", "Secrets replaced, by kind.", ("kind",))

_SAID = (
    r"[\"']?\s*[=:]\s*(?:\"((?:[^\"\\\n\x00]|\\.)+)\"|'([^'\n\x00]+)'"
    r"|([^\s\x00,;&\"'}]{3,}))"
)
"""A value behind its name: a group, and what is replaced. JSON stays JSON."""

KINDS = {
    "bearer": r"(?i)\b(?:bearer|basic)\s+[a-z0-9._~+/-]{16,}=*",
    "jwt": r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}",
    "key": (
        r"\b(?:AKIA[0-9A-Z]{16}|gh[opsu]_[A-Za-z0-9]{36}|xox[abprs]-[A-Za-z0-9-]{10,}"
        r"|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|AIza[0-9A-Za-z_-]{35}|glpat-[A-Za-z0-9_-]{20})"
    ),
    "password": (
        r"(?i)\b(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token|client[_-]?secret)"
        + _SAID
    ),
    "token": (
        r"(?i)(?:(?:\A|[?&\x00])[a-z_-]{0,20}token|\b(?:auth|refresh|id|session|csrf|xsrf)[_-]?token)"
        + _SAID
    ),
    "card": r"\b(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|3[47]\d{2}|6(?:011|5\d{2}))(?:[ -]?\d){9,12}\b",
    "url_password": r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,100}:[^\s@/]{1,200}@",
    "email": r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}\b",
}
"""What each kind looks like, in RE2's syntax. Where there are groups, the one that is there is what
is replaced, else all of it."""
FIELD = "field"
"""What stands, in brackets, for a value that was replaced for its name."""
ON_BY_DEFAULT = ("bearer", "jwt", "key", "password", "token", "card", "url_password")

_SECRET_NAMES = re.compile(
    r"(?:^|[._-])(?:password|passwd|pwd|secret|client[_-]?secret|authorization|cookie|set-cookie"
    r"|api[_-]?key|(?:access|refresh|id|auth|session|csrf|xsrf)[_-]?token|private[_-]?key"
    r"|credit[_-]?card|card[_-]?number|cvv)$|(?:^|\.)token$",
    re.IGNORECASE,
)
_NAMES_KEPT, _LONGEST_NAME = 50_000, 200
_LEAST_CARD = 13


class ScrubConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is replaced in log lines, spans and errors before they are kept."""

    enabled: bool = True
    """Replace anything at all."""
    kinds: tuple[str, ...] = ON_BY_DEFAULT
    """Of bearer, jwt, key, password, token, card, url_password and email."""
    patterns: dict[str, str] = {}
    """More to be replaced: a name, and a regular expression (RE2)."""
    fields: tuple[str, ...] = ()
    """Fields whose values are replaced whole, besides the usual names of secrets."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise Rejected(f"unknown kind {kind!r}; known are {', '.join(KINDS)}")
        for pattern in self.patterns.values():
            compile_pattern(pattern)


class Scrubber:
    """Replaces secrets by `[kind]` in the texts of records, and counts them."""

    def __init__(self, config: ScrubConfig) -> None:
        self._config = config
        self._kinds = {kind: KINDS[kind] for kind in config.kinds} | config.patterns
        self._one = {kind: compile_pattern(each) for kind, each in self._kinds.items()}
        self._with_names = set(config.kinds) - config.patterns.keys()
        every = "|".join(f"(?:{each})" for each in self._kinds.values())
        self._any = compile_pattern(every) if every else None
        self._marks = {f"[{kind}]" for kind in (FIELD, *self._kinds)}
        self._own = {name.lower() for name in config.fields}
        self._harmless: set[str] = set()
        self.counts: Counter[str] = Counter()

    def __call__(self, records: Sequence[LogRecord]) -> None:
        """Scrub them in place. One search over all texts finds the few lines that need it."""
        if not self._config.enabled:
            return
        harmless = self._harmless
        for record in records:
            if not record.attributes.keys() <= harmless:
                self._scrub_fields(record)
        for place in self._suspects(records):
            self._scrub(records[place])

    def replaced(self, texts: Iterable[str]) -> dict[str, str]:
        """Those of the texts that hold secrets, and what is to stand in their place."""
        if not self._config.enabled:
            return {}
        given = list(dict.fromkeys(texts))
        cleaned = {given[place]: self._cleaned(given[place]) for place in self._places(given)}
        return {before: after for before, after in cleaned.items() if before != after}

    def secret_names(self, names: Iterable[str]) -> frozenset[str]:
        """Those of the names whose values are replaced whole."""
        if not self._config.enabled:
            return frozenset()
        return frozenset(name for name in names if self._is_secret(name))

    def note_fields(self, count: int) -> None:
        """Count values that were replaced whole."""
        self.counts[FIELD] += count
        _scrubbed.labels(FIELD).inc(count)

    def _suspects(self, records: Sequence[LogRecord]) -> Iterator[int]:
        return self._places([record.original or _text_of(record) for record in records])

    def _places(self, texts: Sequence[str]) -> Iterator[int]:
        if self._any is None or not texts:
            return
        whole, at = "\0".join(texts).encode("utf-8", "replace"), 0
        if not self._any.search(whole):
            return
        starts = [0, *accumulate(len(text.encode("utf-8", "replace")) + 1 for text in texts)]
        while found := self._any.search(whole, at):
            place = bisect_right(starts, found.start()) - 1
            yield place
            at = starts[place + 1]
            if at >= len(whole):
                return

    def _scrub(self, record: LogRecord) -> None:
        record.body = self._cleaned(record.body)
        if record.original:
            record.original = self._cleaned(record.original)
        if record.attributes:
            record.attributes = {
                name: self._cleaned(value) for name, value in record.attributes.items()
            }

    def _cleaned(self, text: str) -> str:
        for kind, pattern in self._one.items():
            at = 0
            while found := pattern.search(text, at):
                group = _group(found) if kind in self._with_names else 0
                start, end = found.start(group), found.end(group)
                value = text[start:end]
                if (kind == "card" and not _is_card(value)) or value in self._marks:
                    at = found.end()
                    continue
                self._note(kind)
                mark = _mark(kind, text, start)
                text = f"{text[:start]}{mark}{text[end:]}"
                at = start + len(mark)
        return text

    def _scrub_fields(self, record: LogRecord) -> None:
        for name, value in record.attributes.items():
            if value and self._is_secret(name):
                self._note(FIELD)
                record.attributes[name] = f"[{FIELD}]"
                if record.original and len(value) > 2:
                    record.original = _without(record.original, value)

    def _is_secret(self, name: str) -> bool:
        if name in self._harmless:
            return False
        if _SECRET_NAMES.search(name) or name.lower() in self._own:
            return True
        if len(self._harmless) < _NAMES_KEPT and len(name) <= _LONGEST_NAME:
            self._harmless.add(name)
        return False

    def _note(self, kind: str) -> None:
        self.counts[kind] += 1
        _scrubbed.labels(kind).inc()


def _mark(kind: str, text: str, at: int) -> str:
    """What stands for a value of a JSON document that is no text is a text: it stays JSON."""
    quotes = text.count('"', 0, at) - text.count('\\"', 0, at)
    is_bare = text.startswith('{"') and quotes % 2 == 0 and text[:at].rstrip()[-1:] in ":,["
    return f'"[{kind}]"' if is_bare else f"[{kind}]"


def _without(text: str, value: str) -> str:
    """A text with the value of a field replaced wherever it stands."""
    at = 0
    while (start := text.find(value, at)) >= 0:
        mark = _mark(FIELD, text, start)
        text = f"{text[:start]}{mark}{text[start + len(value) :]}"
        at = start + len(mark)
    return text


def _group(found: Match) -> int:
    """The group that is there; 0 when there are none."""
    return next((n for n, text in enumerate(found.groups(), 1) if text is not None), 0)


def _text_of(record: LogRecord) -> str:
    """The text of a line without an original."""
    if record.attributes:
        return record.body + "\n" + "\n".join(record.attributes.values())
    return record.body


def _is_card(text: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1)."""
    digits = [int(each) for each in text if each.isdigit()]
    doubled = [sum(divmod(2 * each, 10)) for each in digits[-2::-2]]
    return len(digits) >= _LEAST_CARD and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
