"""What can be set about taking log lines in?"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tocsin.ingest.logs.scrub import ScrubConfig
from tocsin.kit.quantity import Duration, Size


class LogsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about log lines."""

    max_line: Size = Size(1 << 20)
    """Longer lines are cut, with a mark at the end."""
    max_attributes: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    """Fields of a line beyond so many are left out, with a mark."""
    max_future: Duration = Duration(600)
    """A line from further ahead of the clock gets the time of its arrival."""
    max_past: Duration = Duration(0)
    """A line older than this gets refused; 0 means as old as retention allows."""
    scrub: ScrubConfig = ScrubConfig()
    """Secrets and personal data."""
