"""Can a colour that somebody chose be read? Contrast as WCAG 2.2 defines it, section 1.4.3."""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
TEXT_CONTRAST = 4.5


class Colour(str):
    """A colour, written `#0a6` or `#00aa66`; empty when none was chosen."""

    __slots__ = ()
    EXPECTED = "a colour such as #0a6e31"

    @classmethod
    def from_config(cls, text: str) -> Colour:
        """Raises Rejected for anything else."""
        if not text:
            return cls("")
        if _HEX.fullmatch(text) is None:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        digits = text[1:]
        full = digits if len(digits) == 6 else "".join(one * 2 for one in digits)
        return cls(f"#{full.lower()}")

    @property
    def luminance(self) -> float:
        """0 for black, 1 for white (WCAG 2.2, "relative luminance")."""
        red, green, blue = (_linear(int(self[at : at + 2], 16)) for at in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """From 1 to 21."""
    light, dark = sorted((one.luminance, other.luminance), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable_on(background: Colour) -> Colour:
    """Black or white, whichever is read more easily there."""
    white, black = Colour("#ffffff"), Colour("#000000")
    better = contrast(white, background) >= contrast(black, background)
    return white if better else black


def _linear(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
