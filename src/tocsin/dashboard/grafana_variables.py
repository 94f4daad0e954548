"""What becomes of the variables of a dashboard of Grafana?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tocsin.dashboard import loose
from tocsin.dashboard.grafana_panels import Reading
from tocsin.dashboard.loose import Table
from tocsin.model.dashboards import Source, Variable

_SOURCES: dict[str, Source] = {
    "query": "query",
    "custom": "list",
    "constant": "list",
    "textbox": "text",
    "interval": "interval",
}
_ASKS = re.compile(r"\s*(label_values|query_result|metrics)\s*\(")
_MOST = 500


@dataclass(slots=True)
class Variables:
    """Those that were kept, and those that only named a datasource."""

    kept: list[Variable] = field(default_factory=list)
    sources: list[Variable] = field(default_factory=list)


def variables_of(listed: Sequence[Table], reading: Reading) -> Variables:
    """Ours of `templating.list`."""
    found = Variables()
    for one in listed:
        name, kind = loose.text(one, "name"), loose.text(one, "type") or "query"
        if kind == "datasource":
            found.sources.append(Variable(name=_name(name)))
            reading.note("", f"the variable {name} chose a datasource; there is one here")
        elif kind in _SOURCES:
            found.kept.append(_variable(one, _name(name), _SOURCES[kind], reading))
        else:
            reading.note("", f"the variable {name} of the kind {kind}")
    return found


def _name(name: str) -> str:
    made = re.sub(r"\W", "_", name, flags=re.ASCII)[:40]
    return made if re.match(r"[A-Za-z_]", made) else f"v_{made}"[:40]


def _variable(one: Table, name: str, source: Source, reading: Reading) -> Variable:
    query = loose.text(one, "query") or loose.text(loose.table(one, "query"), "query")
    options = []
    if source in ("list", "interval"):
        options = [part.strip() for part in re.split(r"(?<!\\),", query) if part.strip()]
        options = [part.rpartition(" : ")[2].replace("\\,", ",") for part in options][:_MOST]
        query = ""
    elif source == "query" and not _ASKS.match(query):
        reading.note("", f"the variable {name} asks {query[:80]!r}, which is not known here")
    has_all = bool(one.get("includeAll"))
    if has_all and loose.text(one, "allValue") not in ("", ".*", ".+"):
        reading.note("", f"the variable {name}: All means .* here, not {one.get('allValue')!r}")
    default = loose.texts(loose.table(one, "current"), "value")
    if source == "text":
        default, query = default or [query], ""
    return Variable(
        name=name,
        label=loose.text(one, "label")[:60],
        source=source,
        query=query,
        regex=_regex(loose.text(one, "regex")),
        options=[each for each in options if not each.startswith("$__auto")],
        multi=bool(one.get("multi")),
        include_all=has_all,
        default=[each for each in default if not each.startswith("$__auto")][:50],
        hidden=loose.whole(one, "hide", 0, 0, 2) == 2 or loose.text(one, "type") == "constant",
    )


def _regex(text: str) -> str:
    """Without the slashes around it."""
    found = re.fullmatch(r"/(.*)/[a-z]*", text, re.DOTALL)
    return found[1] if found else text
