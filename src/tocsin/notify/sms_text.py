"""How much of a text fits into so many parts of an SMS?

3GPP TS 23.038: 160 characters of the GSM alphabet in one part, 153 in each of several; a text with
any other character is sent as UCS-2, 70 and 67.
"""

from __future__ import annotations

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_ESCAPED = frozenset("\f^{}\\[~]|€")
"""These take the place of two."""


def parts_of(text: str) -> int:
    """How many parts the text becomes, at least one."""
    units, single, several = _measure(text)
    if sum(units) <= single:
        return 1
    parts, used = 1, 0
    for size in units:
        if used + size > several:  # a character is never torn between two parts
            parts, used = parts + 1, 0
        used += size
    return parts


def shortened(text: str, most_parts: int, *, tail: str = "") -> str:
    """As much as fits into that many parts, whole words where that costs little, with dots at the
    end when something was left out: the one character `…` would make it UCS-2. `tail` is never
    cut: it follows whole."""
    if parts_of(text + tail) <= most_parts:
        return text + tail
    dots = ("..." if _is_gsm(text) else "…") + tail
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if parts_of(text[:middle] + dots) <= most_parts:
            low = middle
        else:
            high = middle - 1
    kept = text[:low]
    at = max(kept.rfind(" "), kept.rfind("\n"))
    if at > low - low // 8 and not text[low : low + 1].isspace():
        kept = kept[:at]
    return kept.rstrip() + dots


def _measure(text: str) -> tuple[list[int], int, int]:
    if _is_gsm(text):
        return [2 if char in _GSM_ESCAPED else 1 for char in text], 160, 153
    return [2 if ord(char) > 0xFFFF else 1 for char in text], 70, 67


def _is_gsm(text: str) -> bool:
    return all(char in _GSM or char in _GSM_ESCAPED for char in text)
