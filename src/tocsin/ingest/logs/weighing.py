"""For how many lines does one count that was kept of several?"""

from __future__ import annotations

from tocsin.model.logs import LogRecord

SAMPLED = "tocsin.sampled"
"""The attribute that says so to whoever reads the line."""
_MOST = (1 << 32) - 1


def weigh(record: LogRecord, times: int) -> None:
    """It stands for so many times the lines that it stood for."""
    record.weight = min(record.weight * times, _MOST)
    record.attributes[SAMPLED] = str(record.weight)
