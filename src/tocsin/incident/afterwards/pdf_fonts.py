"""Which letters does a PDF have? Those of a font of the machine, embedded in the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from tocsin.kit.fault import Rejected

_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "C:/Windows/Fonts")
_USUAL = ("DejaVuSans", "NotoSans-Regular", "LiberationSans-Regular", "Arial")


@dataclass(frozen=True, slots=True)
class Fonts:
    """Names that reportlab knows; `is_wide` when letters beyond Latin-1 can be shown."""

    plain: str
    bold: str
    mono: str
    is_wide: bool


def fonts_of(chosen: str) -> Fonts:
    """The font of that file, else a usual one of the machine, else Helvetica. Raises Rejected for a
    file that cannot be used."""
    if chosen:
        name = _registered(Path(chosen))
        if name is None:
            raise Rejected(
                f"incidents.post_mortem.pdf_font: {chosen} is no TrueType font that can be read"
            )
        return Fonts(name, name, "Courier", is_wide=True)
    for usual in _USUAL:
        for folder in _FOLDERS:
            for file in sorted(Path(folder).rglob(f"{usual}.ttf")):
                plain = _registered(file)
                if plain is None:
                    continue
                stem = usual.removesuffix("-Regular")
                bold = _registered(file.with_name(f"{stem}-Bold.ttf")) or plain
                mono = _registered(file.with_name(f"{stem}Mono.ttf")) or "Courier"
                return Fonts(plain, bold, mono, is_wide=True)
    return Fonts("Helvetica", "Helvetica-Bold", "Courier", is_wide=False)


def _registered(file: Path) -> str | None:
    """The name under which the font is known from now on; None when it cannot be read."""
    name = f"tocsin-{file.stem}"
    if name in pdfmetrics.getRegisteredFontNames():
        return name
    try:
        pdfmetrics.registerFont(TTFont(name, str(file)))
    except (TTFError, OSError):
        return None
    return name
