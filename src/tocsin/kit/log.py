"""How does Tocsin speak of itself? Structured lines: for people on a terminal, JSON on demand."""

from __future__ import annotations

import logging
import sys
from io import StringIO
from typing import TextIO, cast

import structlog

from tocsin.kit import gauge

_lost = gauge.counter("log_lines_lost", "Lines of Tocsin's own log that could not be written.")
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose first argument is the event's name and whose keywords are its facts."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(part=name))


def _shown(text: str) -> str:
    """The text with its line breaks and a terminal's commands as `\\n` and `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _readable(
    _logger: object, _method: str, facts: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Strangers' words (addresses, errors of other servers) stay within their own fact."""
    return {key: _shown(fact) if isinstance(fact, str) else fact for key, fact in facts.items()}


def _without_rehearsals(
    _logger: object, _method: str, facts: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """What is only tried did not happen: its report says what came of it."""
    if gauge.is_rehearsal():
        raise structlog.DropEvent
    return facts


def _plain_traceback(out: TextIO, error: structlog.typing.ExcInfo) -> None:
    written = StringIO()
    structlog.dev.plain_traceback(written, error)
    out.write("\n".join(_shown(line) for line in written.getvalue().split("\n")))


class _Lines(structlog.PrintLogger):
    """What cannot be written, to a full disk or to nobody, is counted and stops no work."""

    def msg(self, message: str) -> None:
        """One line."""
        try:
            super().msg(message)
        except OSError:
            _lost.inc()

    log = debug = info = warn = warning = fatal = err = error = critical = exception = msg


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
            _readable,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=_plain_traceback
            ),
        ]
    structlog.configure(
        processors=[_without_rehearsals, *shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _Lines(sys.stderr),
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
