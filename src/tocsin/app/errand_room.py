"""How many errands may be tried side by side? So many of a kind, and so many of all: a thousand
mails to a server that hangs are 25 connections, not a thousand. Kinds that call people share no
room with the others."""

from __future__ import annotations

from collections import Counter

from tocsin.state.errands import Room

MOST_OF_A_KIND = 25
MOST_USUAL = 100
MOST_URGENT = 100
"""People are called side by side, however many: a team of a hundred is rung at once."""


class Running:
    """What is being tried, and what there is room for beside it."""

    def __init__(self) -> None:
        self.urgent: set[str] = set()
        self._of_kind: Counter[str] = Counter()

    def began(self, kind: str) -> None:
        """One more is tried."""
        self._of_kind[kind] += 1

    def ended(self, kind: str) -> None:
        """One less is tried."""
        self._of_kind[kind] -= 1

    def urgent_room(self) -> Room:
        """For kinds that call people: together `MOST_URGENT`."""
        left = MOST_URGENT - sum(self._of_kind[kind] for kind in self.urgent)
        return Room(most=left, of_kind=dict.fromkeys(self.urgent, left), otherwise=0)

    def usual_room(self) -> Room:
        """For all others: of each kind `MOST_OF_A_KIND`, together `MOST_USUAL`."""
        usual = {kind: n for kind, n in self._of_kind.items() if kind not in self.urgent}
        return Room(
            most=MOST_USUAL - sum(usual.values()),
            of_kind={kind: MOST_OF_A_KIND - n for kind, n in usual.items()}
            | dict.fromkeys(self.urgent, 0),
            otherwise=MOST_OF_A_KIND,
        )

    def room(self) -> Room:
        """For any: what has none is looked at again when something ends."""
        urgent, usual = self.urgent_room(), self.usual_room()
        if usual.most <= 0:
            return urgent
        return Room(of_kind={**usual.of_kind, **urgent.of_kind}, otherwise=usual.otherwise)
