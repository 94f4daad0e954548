"""What is wrong with the configuration of on-call? Everything at once, each with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeVar

import msgspec

from tocsin.kit.document import ConfigError, Document, Entries, Items, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import decode

T = TypeVar("T", bound=msgspec.Struct)

_LONGEST_NAME = 100


class OnCallError(Rejected):
    """All mistakes, one a line."""

    def __init__(self, problems: list[ConfigError]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Mistakes:
    """Collects what is wrong, so that people see all of it at once."""

    def __init__(self) -> None:
        self.found: list[ConfigError] = []

    def add(self, part: Document, problem: str, *path: str | int, near: str | None = None) -> None:
        """Something is wrong at that path of the part."""
        self.found.append(part.error(problem, *path, nearest=near))

    def raise_any(self) -> None:
        """Raises OnCallError when something was found."""
        if self.found:
            raise OnCallError(self.found)

    def entries(
        self, document: Document | None, kind: type[T], what: str, *, may_repeat: bool = False
    ) -> Iterator[tuple[str, Document, T]]:
        """Each entry of a list, or of a mapping by names: its name (empty for one in a list that
        has none), where it stands, and what it says. `what` is what one is called: "person"."""
        seen: set[str] = set()
        for key, part in self._listed(document, what):
            try:
                entry = decode(part, kind)
            except ConfigError as error:
                self.found.append(error)
                continue
            own = str(getattr(entry, "name", ""))
            if key and own and own != key:
                self.add(part, f"the {what} is called {key!r} and {own!r}; keep one", "name")
            name = own or key
            if name != name.strip() or len(name) > _LONGEST_NAME or "/" in name:
                problem = (
                    f"{name[:40]!r} is no name of a {what}: at most {_LONGEST_NAME} characters, "
                    "no slash, no blank at an end"
                )
                self.add(part, problem, *(("name",) if own else ()))
            elif name and name in seen and not may_repeat:
                problem = f"there is a {what} {name!r} already; give this one another name"
                self.add(part, problem, *(("name",) if own else ()))
            seen.add(name)
            yield name, part, entry

    def known(
        self, part: Document, name: str, known: Collection[str], where: str, *path: str | int
    ) -> bool:
        """Whether that name is one of those; else it is a mistake. `where` says which those are,
        such as `oncall.people`."""
        if name in known:
            return True
        listed = ", ".join(sorted(known)[:20]) or "none"
        problem = f"{name!r} is not in {where}; known there: {listed}"
        self.add(part, problem, *path, near=nearest(name, known))
        return False

    def _listed(self, document: Document | None, what: str) -> Iterator[tuple[str, Document]]:
        node = document.node if document else None
        if document is None or document.data is None:
            return
        if isinstance(node, Items):
            for number in range(len(node.nodes)):
                if (part := document.get(number)) is not None:
                    yield "", part
        elif isinstance(node, Entries):
            for name in node.nodes:
                if (part := document.get(name)) is not None:
                    yield name, part
        else:
            self.add(document, f"expected a list, or each {what} by its name")
