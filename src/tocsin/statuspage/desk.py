"""What may pages and addresses use of the status page?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tocsin.statuspage.board import Board
from tocsin.statuspage.notes import Notes
from tocsin.statuspage.posts import ComponentsOf, PostBook
from tocsin.statuspage.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class StatusDesk:
    """The page, what people write on it, and who is told."""

    board: Board
    posts: PostBook
    notes: Notes
    subscriptions: Subscriptions
    components_of: ComponentsOf

    def components(self, names: Iterable[str]) -> Sequence[str]:
        """The ids of components by their ids, names or services. Raises Rejected."""
        return self.components_of(names, True)
