"""How is on-call printed on a terminal?"""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.table import Table

OUT = Console(highlight=False, markup=False, soft_wrap=True)


def table(*heads: str) -> Table:
    """Without lines; what is too wide goes on in the next line, ids never do."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        made.add_column(head, no_wrap=head == "Id", overflow="fold")
    return made


def local(text: str | None) -> str:
    """A time of the API by the clocks of this machine; empty for None."""
    return f"{datetime.fromisoformat(text).astimezone():%a %Y-%m-%d %H:%M}" if text else ""
