"""How does Tocsin speak of itself? Structured lines: for people on a terminal, JSON on demand."""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog

_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose first argument is the event's name and whose keywords are its facts."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(part=name))


def configure(*, as_json: bool, level: str = "info") -> None:
    """Send our own and the libraries' records to standard error, one line each."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor]
    if as_json:
        render = [_TRACEBACKS, structlog.processors.JSONRenderer()]
    else:
        # Plain: the other way a traceback shows every variable, secrets too.
        render = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
