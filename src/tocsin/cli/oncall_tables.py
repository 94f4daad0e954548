"""How is on-call printed on a terminal?"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.table import Table

OUT = Console(highlight=False, markup=False, soft_wrap=True)


def table(*heads: str) -> Table:
    """Without lines; what is too wide goes on in the next line, ids never do."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        made.add_column(head, no_wrap=head == "Id", overflow="fold")
    return made


def clock(text: str | None, zone: str) -> str:
    """A time of the API by that zone's clocks, which it names; by those of this machine when the
    zone is empty or not known here. Empty for None."""
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone(_zone(zone))
    return f"{at:%a %Y-%m-%d %H:%M %Z}"


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
