"""How are grok's patterns run? As RE2, with names for what they find.

https://www.elastic.co/docs/reference/logstash/plugins/plugins-filters-grok
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern

PATTERNS: Mapping[str, str] = {
    "WORD": r"\b\w+\b",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "INT": r"[+-]?\d+",
    "POSINT": r"\b[1-9]\d*\b",
    "NONNEGINT": r"\b\d+\b",
    "NUMBER": r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?",
    "BASE16NUM": r"(?:0[xX])?[0-9a-fA-F]+",
    "QUOTEDSTRING": r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'",
    "UUID": r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
    "IPV4": r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
    "IPV6": r"[0-9a-fA-F:]*:[0-9a-fA-F:]+(?:\.\d{1,3}){0,3}",
    "IP": r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]+)",
    "HOSTNAME": r"\b[0-9A-Za-z][0-9A-Za-z_-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z_-]{0,62})*\b",
    "IPORHOST": r"[0-9A-Za-z:][0-9A-Za-z_.:-]*",
    "USER": r"[a-zA-Z0-9._-]+",
    "USERNAME": r"[a-zA-Z0-9._-]+",
    "EMAILADDRESS": r"[\w.+-]+@[\w.-]+",
    "PATH": r"(?:/[^\s]*|[A-Za-z]:\\[^\s]*)",
    "UNIXPATH": r"/[^\s]*",
    "URIPATH": r"/[^\s?#]*",
    "URIPATHPARAM": r"/[^\s#]*",
    "URI": r"[A-Za-z][A-Za-z0-9+.-]*://\S+",
    "LOGLEVEL": r"(?i:trace|debug|info(?:rmation)?|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?"
    r"|severe|fatal|alert|emerg(?:ency)?)",
    "YEAR": r"\d{4}",
    "MONTH": r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b",
    "MONTHNUM": r"(?:0?[1-9]|1[0-2])",
    "MONTHDAY": r"(?:0[1-9]|[12]\d|3[01]|[1-9])",
    "TIME": r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?",
    "TIMESTAMP_ISO8601": r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
    r"(?:Z|[+-]\d{2}:?\d{2})?",
    "HTTPDATE": r"\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}",
    "SYSLOGTIMESTAMP": r"[A-Z][a-z]{2} +\d{1,2} \d{2}:\d{2}:\d{2}",
}
"""What grok's names stand for, as far as programs' lines use them."""

_REFERENCE = re.compile(r"%\{(\w+)(?::([\w.@\[\]-]+))?(?::(?:int|float|string))?\}", re.ASCII)
_GROUP = re.compile(r"\(\?P?<([A-Za-z_][\w]*)>", re.ASCII)


def pattern_of(pattern: str, *, is_grok: bool) -> tuple[str, dict[str, str]]:
    """The expression in RE2, and which of its groups is which field.

    Raises Rejected for a name that is not known, or an expression that is none.
    """
    names: dict[str, str] = {}

    def reference(found: re.Match[str]) -> str:
        if found[1] not in PATTERNS:
            raise Rejected(f"%{{{found[1]}}} is no known pattern; known are {', '.join(PATTERNS)}")
        if not found[2]:
            return f"(?:{PATTERNS[found[1]]})"
        group = f"grok_{len(names)}"
        names[group] = found[2].strip("[]").replace("][", ".")
        return f"(?P<{group}>{PATTERNS[found[1]]})"

    expression = _REFERENCE.sub(reference, pattern) if is_grok else pattern
    compile_pattern(expression)
    for found in _GROUP.finditer(expression):
        names.setdefault(found[1], found[1])
    return expression, names
