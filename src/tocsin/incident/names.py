"""Who may be named in an incident? People that are known; a mistyped name is refused, because
nobody would be told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected

Known = Mapping[str, Sequence[str]]
"""Each name, and what else the same person is called: in full, by their address."""
_LISTED = 10


async def nobody_known() -> Known:
    """Where nobody is known, anybody may be named."""
    return {}


class Names:
    """Finds the person who is meant."""

    def __init__(self, known: Callable[[], Awaitable[Known]] = nobody_known) -> None:
        self._known = known

    async def meant(self, text: str, author: str) -> str:
        """The name of who is meant; as given for nobody, and for who names themselves. Raises
        Rejected with the names that are known."""
        wanted = " ".join(text.split())
        if not wanted or wanted == author:
            return wanted
        known = await self._known()
        return meant(wanted, known) if known else wanted


def meant(text: str, known: Known) -> str:
    """By name, else by one that differs in case alone, else in full or by address."""
    if text in known:
        return text
    low = text.casefold()
    for word in (low, low.removeprefix("@")):
        found = {name for name in known if name.casefold() == word} or {
            name for name, others in known.items() if word in {one.casefold() for one in others}
        }
        if len(found) == 1:
            return found.pop()
    near = nearest(text, known)
    hint = f'did you mean "{near}"? ' if near else ""
    shown = ", ".join(sorted(known)[:_LISTED]) + (", …" if len(known) > _LISTED else "")
    raise Rejected(f"nobody is called {text[:100]!r}; {hint}known are {shown}")
