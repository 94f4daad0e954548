"""How much may an incident hold? What goes beyond is refused with the bound's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Link

TITLE, TEXT, WORD, NAME = 200, 50_000, 100, 200
_LISTED = 100
MOST_ROLES = 20
MOST_SERVICES = _LISTED
MOST_LINKS = 1000
LINK_KINDS = ("alert", "error", "log", "trace", "deploy", "graph", "url")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ADDRESS = re.compile(r"(?:https?://|/(?!/))\S*", re.I)


def title(text: str) -> str:
    """One line. Raises Rejected when there is none."""
    found = " ".join(_CONTROL.sub(" ", text).split())
    if not found:
        raise Rejected("an incident needs a title: say in a few words what is wrong")
    return _within(found, TITLE, "title")


def prose(text: str, what: str) -> str:
    """Any number of lines, at most 50,000 characters."""
    return _within(_CONTROL.sub("", text.replace("\r\n", "\n")).strip(), TEXT, what)


def name(text: str, what: str) -> str:
    """A person's, a role's: one line, perhaps empty."""
    return _within(" ".join(_CONTROL.sub(" ", text).split()), NAME, what)


def words(given: Iterable[str], what: str) -> tuple[str, ...]:
    """Services, tags: each once, none empty."""
    found = tuple(dict.fromkeys(one for text in given if (one := name(text, what))))
    if len(found) > _LISTED:
        raise Rejected(f"at most {_LISTED} {what} fit, got {len(found)}")
    for one in found:
        _within(one, WORD, what)
    return found


def lines(given: Iterable[str], what: str) -> tuple[str, ...]:
    """Measures: each once, none empty, each as long as a text may be."""
    found = tuple(dict.fromkeys(one for text in given if (one := prose(text, what))))
    if len(found) > _LISTED:
        raise Rejected(f"at most {_LISTED} {what} fit, got {len(found)}")
    return found


def links(given: Sequence[Link]) -> tuple[Link, ...]:
    """As given; Rejected for a kind that is not known or an address no page may lead to."""
    for one in given:
        if one.kind not in LINK_KINDS:
            raise Rejected(
                f"a link's kind is one of {', '.join(LINK_KINDS)}, got {one.kind[:40]!r}"
            )
        if not one.ref or len(one.ref) > TEXT or len(one.title) > TEXT or len(one.url) > TEXT:
            raise Rejected(f"a link needs a ref, and at most {TEXT} characters in each field")
        if one.url and not _ADDRESS.fullmatch(one.url):
            raise Rejected(f"a link's url starts with http://, https:// or /, got {one.url[:80]!r}")
    return tuple(given)


def address(url: str) -> str:
    """The address if a page may lead there, else nothing."""
    return url if len(url) <= TEXT and _ADDRESS.fullmatch(url) else ""


def cut(text: str, longest: int) -> str:
    """One line of at most so many characters, for what nobody can be asked to shorten."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _within(text: str, longest: int, what: str) -> str:
    if len(text) > longest:
        raise Rejected(f"the {what} has {len(text)} characters; at most {longest} fit")
    return text
