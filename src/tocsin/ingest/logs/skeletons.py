"""Which lines differ in nothing but digits? Those that do have the same skeleton."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_letters, digits

import numpy as np

_DIGIT, _LETTER = 1, 2
_KINDS = np.zeros(256, np.uint8)
_KINDS[list(digits.encode())] = _DIGIT
_KINDS[[*ascii_letters.encode(), ord("_")]] = _LETTER
_ZERO = np.uint8(ord("0"))
_TELLING = re.compile(r"(?<![A-Za-z_])[0-9]")
_HEX = (b"0x", b"0X")


def skeletons(texts: Sequence[str]) -> list[bytes]:
    """Each text with zeros for digits, but for a digit right behind a letter, as in `v2`."""
    whole = "\0".join(texts).encode("utf-8", "surrogatepass")
    found = _zeroed(whole).split(b"\0")
    if len(found) == len(texts):
        return found
    return [_zeroed(text.encode("utf-8", "surrogatepass")) for text in texts]


def decides(skeleton: bytes, shape: str) -> bool:
    """Whether every text of this skeleton has the shape that one of them has: it must not tell a
    digit that the skeleton has not, nor may a zero begin a hexadecimal number."""
    return not (_TELLING.search(shape) or any(one in skeleton for one in _HEX))


def _zeroed(data: bytes) -> bytes:
    signs = np.frombuffer(data, np.uint8)
    kinds = _KINDS[signs]
    varies = kinds == _DIGIT
    varies[1:] &= kinds[:-1] != _LETTER
    return np.where(varies, _ZERO, signs).tobytes()
