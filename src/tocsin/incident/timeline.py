"""What does a timeline say of itself?"""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.model.incidents import Entry


def pinned(timeline: Sequence[Entry]) -> set[int]:
    """The ids of the entries that are pinned."""
    found: set[int] = set()
    for entry in timeline:
        if entry.kind == "pinned":
            found.add(int(entry.data.get("entry", "0")))
        elif entry.kind == "unpinned":
            found.discard(int(entry.data.get("entry", "0")))
    return found
