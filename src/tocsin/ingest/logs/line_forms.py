"""How do programs write their lines? One expression for each usual form, the telling ones first.

The groups of an expression are parts of a record (`ts`, `level`, `service`, `message`) or
attributes, an underscore standing for a dot where OpenTelemetry's conventions have one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
_LEVEL = (
    r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRITICAL|CRIT|FATAL|ALERT|EMERG|PANIC"
    r"|SEVERE|CONFIG|FINE|FINER|FINEST|VERBOSE|SILLY|HTTP|LOG|SUCCESS"
    r"|[Tt]race|[Dd]ebug|[Ii]nfo|[Nn]otice|[Ww]arn|[Ww]arning|[Ee]rror|[Cc]ritical|[Ff]atal"
    r"|[Vv]erbose|silly|http|emerg|alert|crit|panic|dpanic)"
)
_REST = r"(?P<message>.*)"


@dataclass(frozen=True, slots=True)
class Form:
    """How one kind of program writes; `keeps_whole` when its line reads best as it is."""

    name: str
    pattern: re.Pattern[str]
    keeps_whole: bool = False


def _form(name: str, pattern: str, *, keeps_whole: bool = False) -> Form:
    return Form(name, re.compile(pattern, re.DOTALL | re.ASCII), keeps_whole)


FORMS: tuple[Form, ...] = (
    _form(
        "access",
        r"(?P<client_address>[0-9a-fA-F.:]{3,45}|[\w.-]{1,255}) \S{1,100} (?P<user>\S{1,100}) "
        r"\[(?P<ts>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
        r'"(?P<request>[^"]{0,8000})" (?P<http_response_status__code>\d{3}) '
        r"(?P<http_response_body_size>\d{1,18}|-)"
        r'(?: "(?P<http_request_header_referer>[^"]{0,8000})"'
        r' "(?P<user__agent_original>[^"]{0,4000})")?',
        keeps_whole=True,
    ),
    _form(
        "nginx error",
        r"(?P<ts>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>[a-z]{3,6})\] "
        rf"(?P<process_pid>\d{{1,10}})#(?P<thread_id>\d{{1,10}}): {_REST}",
    ),
    _form(
        "apache error",
        r"\[(?P<ts>[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d(?:\.\d{1,6})? \d{4})\] "
        r"\[(?:(?P<logger>[a-z0-9_-]{0,40}):)?(?P<level>[a-z]{3,6})[1-8]?\] "
        rf"(?:\[pid (?P<process_pid>\d{{1,10}})(?::tid (?P<thread_id>\d{{1,20}}))?\] )?{_REST}",
    ),
    _form(
        "klog",
        r"(?P<level>[IWEF])(?P<ts>\d{4} \d\d:\d\d:\d\d\.\d{6}) {1,7}(?P<process_pid>\d{1,10}) "
        rf"(?P<code_file_path>[\w./-]{{1,200}}):(?P<code_line_number>\d{{1,7}})\] {_REST}",
    ),
    _form(
        "zap console",
        rf"(?P<ts>{_ISO}|\d\.\d{{6,18}}e\+09)\t(?P<level>{_LEVEL})\t"
        r"(?:(?P<logger>[\w.-]{1,100})\t)?(?:(?P<code_file_path>[\w./-]{1,200}\.go):"
        rf"(?P<code_line_number>\d{{1,7}})\t)?{_REST}",
    ),
    _form(
        "spring",
        rf"(?P<ts>{_ISO}) {{1,4}}(?P<level>{_LEVEL}) (?P<process_pid>\d{{1,10}}) --- "
        r"(?:\[(?P<service>[\w .-]{1,100})\] )?\[ *(?P<thread_name>[^\]]{1,200})\] "
        rf"(?:\[[^\]]{{0,200}}\] )?(?P<logger>\S{{1,200}}) *: {_REST}",
    ),
    _form(
        "logback",
        r"(?P<ts>" + _ISO + r"|\d\d:\d\d:\d\d[.,]\d{3}) \[(?P<thread_name>[^\]]{1,200})\] "
        rf"(?P<level>{_LEVEL}) +(?P<logger>[\w.$/\[\]-]{{1,200}}) (?:- |: ?){_REST}",
    ),
    _form(
        "log4j",
        rf"(?P<ts>{_ISO}) (?P<level>{_LEVEL}) +\[(?P<thread_name>[^\]]{{1,200}})\] "
        rf"(?P<logger>[\w.$/\[\]-]{{1,200}}) *(?:- |: ?){_REST}",
    ),
    _form(
        "java.util.logging",
        r"(?P<ts>[A-Z][a-z]{2} \d\d?, \d{4},? \d\d?:\d\d:\d\d[\s\u202f][AP]M) "
        rf"(?P<logger>[\w.$]{{1,200}}) \S{{1,200}}\n(?P<level>{_LEVEL}): {_REST}",
    ),
    _form(
        "gunicorn",
        rf"\[(?P<ts>{_ISO})\] \[(?P<process_pid>\d{{1,10}})\] \[(?P<level>{_LEVEL})\] {_REST}",
    ),
    _form(
        "celery",
        rf"\[(?P<ts>{_ISO}): (?P<level>{_LEVEL})/(?P<thread_name>[\w-]{{1,100}})\] {_REST}",
    ),
    _form(
        "flask",
        rf"\[(?P<ts>{_ISO})\] (?P<level>{_LEVEL}) in (?P<logger>[\w.]{{1,200}}): {_REST}",
    ),
    _form(
        "loguru",
        rf"(?P<ts>{_ISO}) \| (?P<level>{_LEVEL}) *\| "
        rf"(?:(?P<logger>[\w.<>]{{1,200}}):(?P<code_function_name>[\w<>]{{1,200}}):"
        rf"(?P<code_line_number>\d{{1,7}}) - )?{_REST}",
    ),
    _form(
        "nest",
        r"\[Nest\] (?P<process_pid>\d{1,10}) +- (?P<ts>\d\d/\d\d/\d{4}, \d\d?:\d\d:\d\d [AP]M) +"
        rf"(?P<level>{_LEVEL}) (?:\[(?P<logger>[^\]]{{1,200}})\] )?{_REST}",
    ),
    _form(
        "python, dashes",
        rf"(?P<ts>{_ISO}) - (?P<logger>[\w.-]{{1,200}}) - (?P<level>{_LEVEL}) - {_REST}",
    ),
    _form(
        "python, basicConfig",
        rf"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<logger>[\w.-]{{1,200}}):{_REST}",
    ),
    _form(
        "go log",
        r"(?P<ts>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?) "
        rf"(?:(?P<code_file_path>[\w./-]{{1,200}}\.go):(?P<code_line_number>\d{{1,7}}): )?"
        rf"(?:\[?(?P<level>{_LEVEL})\]?:? )?{_REST}",
    ),
    _form(
        "postgresql",
        r"(?P<ts>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? [A-Z]{3,4}) "
        r"\[(?P<process_pid>\d{1,10})\] (?:[\w@.\[\]-]{1,100} )?"
        rf"(?P<level>DEBUG|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC): +{_REST}",
    ),
    _form(
        "time and level",
        rf"\[?(?P<ts>{_ISO})\]?:?[ \t]+"
        rf"(?:\[ *(?P<level>{_LEVEL}) *\]:?|(?P<level_2>{_LEVEL})\b[:\]]?)[ \t]+(?:- )?{_REST}",
    ),
    _form(
        "level and time",
        rf"\[?(?P<level>{_LEVEL})\]?:?[ \t]+\[?(?P<ts>{_ISO})\]?[:,]?[ \t]+(?:- )?{_REST}",
    ),
    _form("level", rf"(?:\[(?P<level>{_LEVEL})\]:?|(?P<level_2>{_LEVEL}):)[ \t]+{_REST}"),
    _form(
        "level in front",
        r"(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)[ \t]+\S",
        keeps_whole=True,
    ),
    _form("time", rf"\[?(?P<ts>{_ISO})\]?:?[ \t]+(?:- )?{_REST}"),
)
"""A line is of the first form that fits."""

NAMES: Mapping[str, str] = {
    group: group.replace("__", "\0").replace("_", ".").replace("\0", "_")
    for form in FORMS
    for group in form.pattern.groupindex
}
"""The attribute of each group that is no part of a record."""

REQUEST = re.compile(
    r"(?P<method>[A-Z]{3,10}) (?P<path>[^ ?]{1,4000})(?:\?(?P<query>[^ ]{0,4000}))?"
    r" HTTP/(?P<version>[\d.]{1,5})"
)
"""An HTTP request's first line (RFC 9112, section 3)."""
