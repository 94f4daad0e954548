"""What is left to people, and what of it is done? Read from the timeline, which keeps it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.incident.book import Author, IncidentBook
from tocsin.kit.fault import NotFound
from tocsin.model.incidents import Entry, Incident

TASK, STATE, TEXT = "task", "task_state", "task_text"
_OPEN, _DONE = "open", "done"
_SHOWN = 200


class Todo(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that people do; `by` and `at_ms` tell of the last change."""

    id: str
    text: str
    is_done: bool = False
    by: str = ""
    at_ms: int = 0


def todos(entries: Sequence[Entry]) -> list[Todo]:
    """In the order in which they came."""
    found: dict[str, Todo] = {}
    for entry in entries:
        its_id = entry.data.get(TASK, "")
        if entry.kind != "action" or not its_id:
            continue
        before = found.get(its_id)
        found[its_id] = Todo(
            id=its_id,
            text=entry.data.get(TEXT, "") or (before.text if before else entry.text),
            is_done=entry.data.get(STATE) == _DONE,
            by=entry.author if before else "",
            at_ms=entry.at_ms,
        )
    return list(found.values())


async def tick(
    book: IncidentBook, number: str, task: str, author: Author, *, is_done: bool
) -> Incident:
    """Say that it is done, or not after all. Raises NotFound for one that is not there."""
    incident = await book.get(number)
    known = {one.id: one for one in todos(await book.timeline(incident.id))}
    if task not in known:
        raise NotFound(f"{incident.number} has no task {task[:40]!r}")
    one = known[task]
    if one.is_done == is_done:
        return incident
    words = f"{'Done' if is_done else 'Not done after all'}: {one.text}"[:_SHOWN]
    data = {"do": "task", TASK: task, STATE: _DONE if is_done else _OPEN}
    return await book.told(incident.number, "action", words, author, data)


def fresh(identity: str, text: str) -> dict[str, str]:
    """The data of the entry that puts it on the list."""
    return {TASK: identity, STATE: _OPEN, TEXT: text}
