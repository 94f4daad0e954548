"""Which regular expressions need no regular expression engine?"""

from __future__ import annotations

from collections.abc import Callable

_META = frozenset("\\.+*?()|[]{}^$")


def literals(pattern: str) -> frozenset[str] | None:
    """The strings that an anchored alternation of plain texts matches, or None when it is more.

    `api`, `a|b|c`, `(a|b)`, `10\\.0\\.0\\.1:80|…` are such; so is the empty pattern.
    """
    if pattern.startswith("(") and pattern.endswith(")") and not pattern.startswith("(?"):
        pattern = pattern[1:-1]
    found = set()
    for branch in _branches(pattern):
        text = _plain(branch)
        if text is None:
            return None
        found.add(text)
    return frozenset(found)


def quick_test(pattern: str) -> Callable[[str], bool] | None:
    """A plain string test equal to the anchored pattern, or None when there is none.

    Knows `.*`, `.+`, `text.*`, `text.+`, `.*text`, `.*text.*` (`.` matches newlines, as in
    Prometheus).
    """
    if pattern == ".*":
        return lambda _value: True
    if pattern == ".+":
        return bool
    if pattern.endswith(".*"):
        return _open_ended(pattern[:-2])
    if pattern.endswith(".+"):
        prefix = _plain(pattern[:-2])
        return None if prefix is None else lambda value: value[:-1].startswith(prefix)
    if pattern.startswith(".*"):
        suffix = _plain(pattern[2:])
        return None if suffix is None else lambda value: value.endswith(suffix)
    return None


def _open_ended(head: str) -> Callable[[str], bool] | None:
    if head.startswith(".*"):
        inner = _plain(head[2:])
        return None if inner is None else lambda value: inner in value
    prefix = _plain(head)
    return None if prefix is None else lambda value: value.startswith(prefix)


def _branches(pattern: str) -> list[str]:
    """Split at `|` outside of escapes; parentheses make `_plain` say no later."""
    branches, start, position = [], 0, 0
    while position < len(pattern):
        if pattern[position] == "\\":
            position += 1
        elif pattern[position] == "|":
            branches.append(pattern[start:position])
            start = position + 1
        position += 1
    branches.append(pattern[start:])
    return branches


def _plain(pattern: str) -> str | None:
    """The one text that the pattern stands for, or None when it has operators or classes."""
    if _META.isdisjoint(pattern):
        return pattern
    text, escaped = [], False
    for letter in pattern:
        if escaped:
            # \d, \w, \pL … are classes; RE2 lets any ASCII punctuation be escaped.
            if letter.isalnum() or not letter.isascii():
                return None
            text.append(letter)
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter in _META:
            return None
        else:
            text.append(letter)
    return None if escaped else "".join(text)
