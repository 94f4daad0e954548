"""What happened, with who and where: the rows of the events table."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One custom, browser, business or AI event, stored whole.

    `ts_ms` is when it happened, in milliseconds. `kind` is one of metric, page_view, web_vital,
    page_performance, slow_render, action, deploy, auth. High-cardinality tags stay in `attributes`.
    """

    ts_ms: int
    name: str
    kind: str = "metric"
    value: float = 1.0
    user_id: str = ""
    session_id: str = ""
    page: str = ""
    release: str = ""
    service: str = ""
    environment: str = ""
    trace_id: str = ""
    span_id: str = ""
    attributes: dict[str, str] = {}
