"""A picture of a state, to be embedded in other pages and in READMEs."""

from __future__ import annotations

from xml.sax.saxutils import escape

from tocsin.statuspage.component_state import ComponentState

_FILLS = {
    ComponentState.OPERATIONAL: "#1a7f4b",
    ComponentState.UNDER_MAINTENANCE: "#0b579f",
    ComponentState.DEGRADED: "#8a5300",
    ComponentState.PARTIAL: "#b3400f",
    ComponentState.MAJOR: "#b01722",
}
_UNKNOWN = "#564c75"
_NARROW, _WIDE = "fijlrtI.,:;' |!", "mwMW@%"
_LONGEST = 60


def svg_badge(name: str, words: str, state: ComponentState | None) -> bytes:
    """The name and the state side by side. White on each fill has a contrast of 4.5 and more."""
    name, words = name[:_LONGEST], words[:_LONGEST]
    left, right = _width(name), _width(words)
    whole = left + right
    fill = _UNKNOWN if state is None else _FILLS[state]
    label = escape(f"{name}: {words}", {'"': "&quot;"})
    text = 'fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" '
        f'aria-label="{label}"><title>{label}</title>'
        f'<clipPath id="r"><rect width="{whole}" height="20" rx="4"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#3c4653"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{fill}"/></g>'
        f'<g {text} text-anchor="middle">'
        f'<text x="{left / 2}" y="14" textLength="{left - 12}">{escape(name)}</text>'
        f'<text x="{left + right / 2}" y="14" textLength="{right - 12}">{escape(words)}</text>'
        "</g></svg>\n"
    ).encode()


def _width(text: str) -> int:
    """About as wide as a browser draws it at 11 pixels."""
    wide = sum(4.0 if one in _NARROW else 9.5 if one in _WIDE else 7.0 for one in text)
    return max(20, round(wide)) + 12
