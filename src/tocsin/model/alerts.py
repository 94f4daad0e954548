"""What is wrong, since when: the value that rules make and routing takes."""

from __future__ import annotations

import msgspec

from tocsin.model.labels import Labels
from tocsin.model.notices import fingerprint

ERRORS = "errors"
"""The source of alerts on issues of applications."""


class Alert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One alert as Alertmanager knows it; times in milliseconds since the epoch, UTC.

    `labels` name it (`alertname` among them): two alerts with equal labels are the same alert.
    `ends_ms` in the past means resolved; 0 means not known yet. `updated_ms` is when it was last
    told. `source` says who told it: "rules" for our own, else the sender. `value` is what its rule
    found last, in PromQL's basic units; None when nobody said. `unit` is the one in which its
    author speaks of it, such as "ms"; empty when none is known.
    """

    labels: Labels
    annotations: Labels = ()
    starts_ms: int
    ends_ms: int = 0
    updated_ms: int = 0
    generator_url: str = ""
    source: str = "rules"
    value: float | None = None
    unit: str = ""

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the label set, as Alertmanager's API shows them."""
        return fingerprint(self.labels)

    @property
    def is_moment(self) -> bool:
        """Whether it tells that something happened, not that something is so."""
        return self.source == ERRORS

    def is_resolved(self, now_ms: int) -> bool:
        """Whether it is over by then."""
        return 0 < self.ends_ms <= now_ms
