"""How does a text stand in SQL, where the engine takes no parameters?"""

from __future__ import annotations


def literal(text: str) -> str:
    """A text as ClickHouse reads it, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped.encode('utf-8', 'replace').decode()}'"
