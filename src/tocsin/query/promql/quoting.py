"""How does Go write a text in quotes, and how is it read back?

Strings of PromQL are bytes in Prometheus. Here they are text; bytes that are not UTF-8 (written as
`"\\xc5"`) are kept as lone surrogates (`surrogateescape`), which no label of a series contains.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\'\"])|x(?P<hex>[0-9a-fA-F]{2})|(?P<oct>[0-7]{3})"
    r"|u(?P<u4>[0-9a-fA-F]{4})|U(?P<u8>[0-9a-fA-F]{8}))"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WRITTEN = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
}
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def unquote(literal: str) -> str:
    """The value of a literal in double, single or back quotes that the lexer has let through."""
    body = literal[1:-1]
    if literal[0] == "`" or "\\" not in body:
        return body
    raw = bytearray()
    done = 0
    for found in _ESCAPE.finditer(body):
        raw += body[done : found.start()].encode("utf-8", "surrogateescape")
        raw += _escaped(found)
        done = found.end()
    raw += body[done:].encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "surrogateescape")


def _escaped(found: re.Match[str]) -> bytes:
    if simple := found["simple"]:
        return _SIMPLE.get(simple, simple).encode()
    if code := found["hex"]:
        return bytes([int(code, 16)])
    if code := found["oct"]:
        return bytes([int(code, 8)])
    return chr(int(found["u4"] or found["u8"], 16)).encode()


def quote(text: str) -> str:
    """The text in double quotes as Go's `strconv.Quote` writes it."""
    return f'"{_escape(text, chr(34))}"'


def quote_rune(character: str) -> str:
    """One character in single quotes as Go's `%q` writes it; the end of input is U+FFFD."""
    return f"'{_escape(character or chr(0xFFFD), chr(39))}'"


def quote_short(text: str) -> str:
    """The text in quotes, cut after ten characters if it is longer."""
    return f"{quote(text[:10])}..." if len(text) > 10 else quote(text)


def is_plain_label_name(name: str) -> bool:
    """Whether a label's name may stand without quotes."""
    return _LABEL_NAME.fullmatch(name) is not None


def is_valid_label_name(name: str) -> bool:
    """Whether a label may be called so: any UTF-8 text that is not empty."""
    return name != "" and not any(0xD800 <= ord(character) < 0xE000 for character in name)


def _escape(text: str, mark: str) -> str:
    if _PLAIN.fullmatch(text):
        return text if mark == '"' else text.replace("'", r"\'")
    return "".join(_escape_one(character, mark) for character in text)


def _escape_one(character: str, mark: str) -> str:
    if character == mark:
        return "\\" + mark
    if character in _WRITTEN:
        return _WRITTEN[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character == " " or character.isprintable():
        return character
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
