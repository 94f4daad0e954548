"""Which parts of a line vary from one to the next? Numbers, ids, addresses, times, quoted texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tocsin.ingest.logs.skeletons import decides, skeletons

MOST_TOKENS = 64
_MOST_CHARACTERS = 2_000
_MOST_KNOWN = 50_000
_LONGEST_WORD = 200
_MOST_SHAPE_BYTES = 16 << 20
_SHAPE_BYTES = 250
"""What a known shape takes beside its text."""
_ZEROS = str.maketrans("123456789", "000000000")
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
    """Turns a text into the words that do not vary. Remembers what it found: most lines differ from
    earlier ones in digits alone, and most words come again."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._forms: dict[str, str] = {}
        self._shapes: dict[bytes, str] = {}
        self._shape_bytes = 0

    def shapes(self, texts: Sequence[str]) -> list[str]:
        """The words of each text (`tokens`) with blanks between them."""
        plain = texts if _are_plain(texts) else list(map(told, texts))
        known = self._shapes
        return [
            known.get(skeleton) or self._shape(skeleton, text)
            for skeleton, text in zip(skeletons(plain), plain, strict=True)
        ]

    def _shape(self, skeleton: bytes, text: str) -> str:
        shape = " ".join(self.tokens(text))
        if decides(skeleton, shape):
            self._shape_bytes += len(skeleton) + len(shape) + _SHAPE_BYTES
            if self._shape_bytes > _MOST_SHAPE_BYTES:
                self._shapes.clear()
                self._shape_bytes = 0
            self._shapes[skeleton] = shape
        return shape

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
        """A word that is not known."""
        form = word.translate(_ZEROS)
        masked = self._forms.get(form)
        if masked is not None:
            return masked
        masked = _replaced(word)
        if masked == word:
            # What was masked is seldom seen again: only what says something is remembered.
            self._remember(self._known, word, masked)
        elif "0x" not in form and "0X" not in form and not _DIGITS.search(masked):
            self._remember(self._forms, form, masked)
        return masked

    def _remember(self, words: dict[str, str], word: str, masked: str) -> None:
        if len(word) > _LONGEST_WORD:
            return
        if len(words) >= _MOST_KNOWN:
            words.clear()
        words[word] = masked


def _replaced(word: str) -> str:
    """The word with what varies replaced."""
    if plain := _PLAIN.fullmatch(word):
        return f"{plain[1]}<num>{plain[2]}"[:_LONGEST_WORD]
    if _DIGITS.search(word) or "@" in word:
        return _VARIABLE.sub(_named, word)[:_LONGEST_WORD]
    return word[:_LONGEST_WORD]


def _are_plain(texts: Sequence[str]) -> bool:
    """Whether `told` has nothing to do."""
    whole = "\0".join(texts)
    is_short = max(map(len, texts), default=0) <= _MOST_CHARACTERS
    return is_short and "\n" not in whole and "\x1b" not in whole


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
