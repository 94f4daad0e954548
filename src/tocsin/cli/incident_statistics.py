"""`tocsin incident statistics`: how incidents and their response go over time."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.cli.calls import DEFAULT_URL, Calls, TokenOption, UrlOption, ended
from tocsin.incident.afterwards.response_times import DEFINITIONS
from tocsin.incident.afterwards.statistics import Row, Spread, Statistics
from tocsin.incident.words.fields import duration_text
from tocsin.kit.fault import Fault

_OUT = Console(highlight=False, markup=False, soft_wrap=True)


def statistics(
    days: Annotated[int, typer.Option(help="Opened in the last so many days.")] = 90,
    zone: Annotated[str, typer.Option(help="Time zone of weeks and hours.")] = "UTC",
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How fast incidents are detected, acknowledged and resolved; the load on people; the
    noisiest alerts.

    Exit codes: 0 shown, 1 refused, 2 Tocsin cannot be reached.
    """
    query = [("days", str(days)), ("zone", zone)]
    try:
        found = Calls(url, token).read("GET", "/api/incident-statistics", Statistics, query=query)
    except Fault as error:
        ended(error)
    if as_json:
        _OUT.out(msgspec.json.encode(found).decode(), highlight=False)
        return
    left = ", ".join(f"{count} {why}" for why, count in found.left_out.items()) or "nothing"
    noun = "incident" if found.counted == 1 else "incidents"
    _OUT.print(f"{found.counted} {noun} in {days} days; left out: {left}")
    _OUT.print("times to …: median, and 90 % within")
    for name, rows in (
        ("all", (found.overall,)),
        ("severity", found.by_severity),
        ("service", found.by_service),
        ("cause", found.by_cause),
    ):
        _OUT.print(_times(name, rows))
    load = _table("person", "pages", "at night", "nights", "hours of sleep", "not brought")
    for one in found.load:
        _row(load, one.person, one.pages, one.at_night, one.nights, one.sleep_hours, one.failed)
    _OUT.print(load)
    noise = _table("alert", "pages", "incidents", "acknowledged", "acted on")
    for one_ in found.noise[:20]:
        shares = (_share(one_.acknowledged), _share(one_.acted_on))
        _row(noise, one_.alert, one_.pages, one_.incidents, *shares)
    _OUT.print(noise)


def _times(name: str, rows: tuple[Row, ...]) -> Table:
    made = _table(name, "incidents", *DEFINITIONS)
    for row in rows:
        cells = [_words(row.measures[measure]) for measure in DEFINITIONS]
        _row(made, row.name, row.incidents, *cells)
    return made


def _words(one: Spread) -> str:
    if one.median_ms is None or one.p90_ms is None:
        return "–"
    return f"{_short(one.median_ms)}, {_short(one.p90_ms)}"


def _short(ms: float) -> str:
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.0f} s" if ms < 120_000 else duration_text(round(ms))


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _table(*columns: str) -> Table:
    made = Table(box=None, pad_edge=False)
    for at, name in enumerate(columns):
        made.add_column(name, justify="left" if at == 0 else "right", overflow="fold")
    return made


def _row(table: Table, *cells: Any) -> None:  # Any: numbers and texts
    table.add_row(*(Text(str(cell)) for cell in cells))
