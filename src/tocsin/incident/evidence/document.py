"""What file is made of a bundle? One page of HTML that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tocsin.incident.evidence.bundle import Bundle, embedded
from tocsin.incident.evidence.drawing import Mark, svg

_HERE = Path(__file__).parent


def page(bundle: Bundle) -> str:
    """The file's text. Takes tens of milliseconds: to be called in a thread."""
    css, script = _asset("page.css"), _asset("page.js")
    marks = marks_of(bundle)
    return (
        _environment()
        .get_template("page.html")
        .render(
            bundle=bundle,
            incident=bundle.incident,
            graphs=[(one, svg(one, marks)) for one in bundle.graphs],
            parts=_parts(bundle),
            css=Markup(css),
            script=Markup(script),
            data=Markup(embedded(bundle)),
            policy=policy(),
        )
    )


@lru_cache(maxsize=1)
def policy() -> str:
    """What a browser lets such a file do, wherever it comes from: show itself."""
    css, script = _hash(_asset("page.css")), _hash(_asset("page.js"))
    return f"default-src 'none'; style-src '{css}'; script-src '{script}'; img-src data:"


def marks_of(bundle: Bundle) -> list[Mark]:
    """The moments of the incident that every graph shows."""
    incident = bundle.incident
    named = (
        ("started_ms", "began"),
        ("opened_ms", "opened"),
        ("acknowledged_ms", "acknowledged"),
        ("resolved_ms", "resolved"),
    )
    found = [Mark(incident[name], word) for name, word in named if incident[name]]
    deploys = [one for one in bundle.changes if one.kind == "deploy"][:20]
    return found + [Mark(one.at_ms, f"deploy {one.service}", "deploy") for one in deploys]


def _parts(bundle: Bundle) -> list[tuple[str, str, int | None]]:
    return [
        ("incident", "Incident", None),
        ("graphs", "Graphs", len(bundle.graphs)),
        ("alerts", "Alerts", len(bundle.alerts)),
        ("changes", "What changed", len(bundle.changes)),
        ("timeline", "Timeline", len(bundle.timeline)),
        ("lines", "Log lines", len(bundle.lines)),
        ("rules", "Rules", len(bundle.rules)),
        ("routing", "Routing", None),
        ("configuration", "Configuration", None),
    ]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.filters.update(moment=moment, moment_ns=_moment_ns)
    return made


@lru_cache(maxsize=2)
def _asset(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def moment(at_ms: int) -> str:
    """A time as people read it, UTC to the second; "not yet" for 0."""
    if not at_ms:
        return "not yet"
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _moment_ns(digits: str) -> str:
    seconds, rest = divmod(int(digits), 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 10**6:03d}"
