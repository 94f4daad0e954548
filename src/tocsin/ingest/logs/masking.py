"""Which parts of a line vary from one to the next? Numbers, ids, addresses, times, quoted texts."""

from __future__ import annotations

import re

MOST_TOKENS = 64
_MOST_CHARACTERS = 2_000
_MOST_KNOWN = 50_000
_LONGEST_WORD = 200
_ANYTHING = "<*>"
_QUOTED = re.compile(
    r'"((?:[^"\\]|\\.)*)"(\s*:)?|(?<![\w\'])\'[^\']*\'(?![\w\'])',
)
_REQUEST = ("GET ", "HEAD ", "POST ", "PUT ", "PATCH ", "DELETE ", "OPTIONS ")
_UNITS = r"(?:[mµun]?s|m|h|d|%|x|[kKMGT]?i?[bB]|[kKMGT])"
_PLAIN = re.compile(rf"((?:\D*[^\w+-])?)[-+]?\d+(?:\.\d+)?((?:{_UNITS})?[,;:.)\]}}>]*)")
"""One number, which is what most words that vary are: `duration_ms=12.5,`, `/orders/17`."""
_DIGITS = re.compile(r"\d")
_VARIABLE = re.compile(
    r"""(?P<uuid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})
    |(?P<time>\d{4}-\d\d-\d\d(?:[T_]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?
      |\d\d/[A-Z][a-z]{2}/\d{4}(?::\d\d){3}|\b\d\d:\d\d:\d\d(?:[.,]\d+)?Z?)
    |(?P<mail>[\w.+-]+@[\w-]+\.[\w.-]+)
    |(?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?|\b(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}\b)
    |(?P<hex>\b0[xX][0-9a-fA-F]+\b|\b(?=[a-f]*\d)[0-9a-f]{12,}\b|\b(?=[A-F]*\d)[0-9A-F]{12,}\b)
    |(?P<num>(?<![A-Za-z\d_])[-+]?\d+(?:[.,:]\d+)*(?![A-Za-z\d]*_)(?=UNITS?(?![A-Za-z\d])))
    |(?P<id>\b(?=\w*\d)(?=\w*[A-Za-z])\w{8,}\b)""".replace("UNITS", _UNITS),
    re.VERBOSE,
)
_TRACEBACK = "Traceback (most recent call last)"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def _named(found: re.Match[str]) -> str:
    return f"<{found.lastgroup}>"


def _unquoted(found: re.Match[str]) -> str:
    """Quoted texts vary, but not the names in a JSON object, nor an access log's request line."""
    quoted, is_name = found.groups()
    if is_name or (quoted and quoted.startswith(_REQUEST)):
        return found.group()
    return "<str>"


class Masker:
    """Turns a text into the words that do not vary. Remembers words: most lines repeat them."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def tokens(self, text: str) -> list[str]:
        """The words, each variable part replaced by what it is: `took <num>ms`; at most 64."""
        text = told(text)
        if '"' in text or "'" in text:
            text = _QUOTED.sub(_unquoted, text)
        words = text.split()
        if len(words) > MOST_TOKENS:
            words = [*words[:MOST_TOKENS], "…"]
        known, masked = self._known, self._masked
        return [known.get(word) or masked(word) for word in words]

    def _masked(self, word: str) -> str:
        if plain := _PLAIN.fullmatch(word):
            return f"{plain[1]}<num>{plain[2]}"[:_LONGEST_WORD]
        if _DIGITS.search(word) or "@" in word:
            masked = _VARIABLE.sub(_named, word)
            if masked != word:
                # What was masked is seldom seen again: only what says something is remembered.
                return masked[:_LONGEST_WORD]
        if len(word) > _LONGEST_WORD:
            return word[:_LONGEST_WORD]
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[word] = word
        return word


def told(text: str) -> str:
    """What a text of several lines says: its first line, of a Python traceback the last."""
    if len(text) > _MOST_CHARACTERS:
        text = text[:_MOST_CHARACTERS]
    if "\n" in text:
        head, _, rest = text.partition("\n")
        if head.startswith(_TRACEBACK):
            head = f"Traceback: {rest.rstrip().rpartition(chr(10))[2]}"
        text = head if head.strip() else rest.strip().partition("\n")[0]
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    return text


def merged(tokens: list[str], place: int) -> tuple[str, ...]:
    """The words with anything at one place."""
    return (*tokens[:place], _ANYTHING, *tokens[place + 1 :])


def fits(template: tuple[str, ...], tokens: tuple[str, ...]) -> bool:
    """Whether a template says the words, anything where it says so."""
    return all(own in (word, _ANYTHING) for own, word in zip(template, tokens, strict=True))
