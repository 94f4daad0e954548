"""Which errors have one cause? Those with the same print.

Version 1: what the application says, else the exceptions of the chain with their own calls
(modules, files, functions; no line numbers, addresses or ids), else type and message, else the
message, both without what changes. A print says the version that made it, so that a later version
finds the issues of an earlier one. What Sentry calls fingerprint rules:
https://docs.sentry.io/concepts/data-management/event-grouping/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from tocsin.errortracking.answers import Frame, Thrown
from tocsin.errortracking.template import template

VERSION = 1
_MOST_FRAMES = 30
_MOST_PARTS = 50
_MOST_TOLD, _LONGEST_TOLD = 200, 500
_DEFAULT = re.compile(r"\{\{\s*default\s*\}\}")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")

_HASHES = re.compile(r"(?<![a-zA-Z])(?=[a-f]*\d)[0-9a-f]{7,64}(?![a-zA-Z])|\d{3,}|(?<=v)\d[\d.]*")
_ROOTS = re.compile(
    r"^.*?(?:site-packages|dist-packages|node_modules|/gems|/vendor|/pkg/mod)/(?=.)"
    r"|^[a-z][a-z+.-]*://[^/]*/|^[A-Za-z]:/|^/+|^(?:\.{1,2}/)+",
    re.IGNORECASE,
)
_QUERY = re.compile(r"[?#].*$")
_NAMELESS = {"", "?", "<anonymous>", "anonymous", "<unknown>", "<redacted>", "{closure}"}
_MADE_UP = re.compile(
    r"0x[0-9a-fA-F]+|::h[0-9a-f]{16}$|\$\$Lambda.*$|\$\$(?:Enhancer|FastClass)\w*|(?<=\$)\d+"
    r"|(?<=__)\d+(?:_\d+)?|(?<=Proxy)\d+|(?<=func)\d+(?:\.\d+)*|\[as [^\]]*\]|@[0-9a-f]{6,}"
)
_STARTS = re.compile(r"^(?:async |new |global\.|Object\.|Module\.|Function\.|window\.)+")
_RUBY_BLOCK = re.compile(r"^(?:block|rescue|ensure)(?: \(\d+ levels\))? in ")
_ARGUMENTS = re.compile(r"\(.*$")


class Grouped(msgspec.Struct, frozen=True):
    """Under which print an error falls: `by` is "fingerprint", "stack", "exception" or "message",
    `parts` what it was made of, `number` what the table of errors names it by."""

    hash: str
    by: str
    parts: tuple[str, ...]

    @property
    def number(self) -> int:
        """64 bits of the hash."""
        return number_of(self.hash)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What grouping looks at. `message` is the text without its parameters where those are apart;
    `given` is the application's own fingerprint."""

    project: str
    platform: str = ""
    exceptions: Sequence[Thrown] = ()
    message: str = ""
    given: Sequence[str] = ()
    names: dict[str, str] = {}
    """What `{{ transaction }}` and the like mean in a fingerprint."""


def grouped(subject: Subject) -> Grouped:
    """The print of an error."""
    by, parts = _parts(subject)
    given = [one for one in subject.given if one.strip()][:_MOST_PARTS]
    if given and not (len(given) == 1 and _DEFAULT.fullmatch(given[0].strip())):
        by, parts = "fingerprint", _by_application(given, parts, subject)
    digest = blake2b(digest_size=16)
    for part in (subject.project, by, *parts):
        digest.update(part.encode("utf-8", "replace") + b"\0")
    return Grouped(f"{VERSION}:{digest.hexdigest()}", by, _told(parts))


def _told(parts: Sequence[str]) -> tuple[str, ...]:
    """What people are told of the parts."""
    left = len(parts) - _MOST_TOLD
    more = (f"… and {left} more",) if left > 0 else ()
    return (*(one[:_LONGEST_TOLD] for one in parts[:_MOST_TOLD]), *more)


def number_of(print_hash: str) -> int:
    """The 64 bits by which the table of errors names a print."""
    return int(print_hash.partition(":")[2][:16], 16)


def _by_application(given: Sequence[str], parts: Sequence[str], subject: Subject) -> list[str]:
    found: list[str] = []
    for one in given:
        if _DEFAULT.fullmatch(one.strip()):
            # Once: fifty times a long stack would be a large row of each small error.
            found, parts = [*found, *parts], ()
        else:
            found.append(_VARIABLE.sub(lambda m: subject.names.get(m[1], ""), one)[:500])
    return found


def _parts(subject: Subject) -> tuple[str, list[str]]:
    chain = [one for one in subject.exceptions if one.kind or one.frames]
    stacks: list[str] = []
    for one in chain:
        kept = called(one.frames, subject.platform)
        if kept:
            stacks += (_kind(one), *kept)
    is_exception = any(one.kind for one in chain)
    if stacks and (is_exception or not subject.message):
        bare = [_kind(one) for one in chain if not called(one.frames, subject.platform)]
        return "stack", [*bare, *stacks]
    if is_exception:
        found = [part for one in chain for part in (_kind(one), template(one.value))]
        return "exception", found
    return "message", [template(subject.message)]


def _kind(one: Thrown) -> str:
    return _MADE_UP.sub("", one.kind)


def called(frames: Sequence[Frame], platform: str) -> list[str]:
    """The calls that tell one cause from another: the own ones where there are any, the innermost
    thirty, a recursion once."""
    own = [one for one in frames if one.in_app]
    found: list[str] = []
    for one in (own or list(frames))[-_MOST_FRAMES:]:
        name = _call(one, platform)
        if name and (not found or found[-1] != name):
            found.append(name)
    return found


def _call(frame: Frame, platform: str) -> str:
    function = plain_function(frame.function, platform)
    place = plain_module(frame.module) or plain_file(frame.filename)
    if function:
        return f"{place}:{function}"
    context = frame.context.strip()
    if context and len(context) < 200:
        return f"{place}|{context}"
    return place


def plain_function(name: str, platform: str) -> str:
    """Without what compilers, proxies and addresses add; empty for a function without a name."""
    name = _STARTS.sub("", _RUBY_BLOCK.sub("", name.strip()))
    name = _MADE_UP.sub("", name).strip()
    if platform in ("native", "cocoa", "csharp", "c", "rust") and not name.startswith("("):
        name = _ARGUMENTS.sub("", name)
    return "" if name in _NAMELESS else name


def plain_module(name: str) -> str:
    """Without numbers of proxies and hashes of bundles."""
    return _HASHES.sub("#", _MADE_UP.sub("", name)) if name else ""


def plain_file(name: str) -> str:
    """A file's name that is the same on every machine and in every build."""
    name = _QUERY.sub("", name.replace("\\", "/"))
    return _HASHES.sub("#", _ROOTS.sub("", name))
