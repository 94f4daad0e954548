"""What is left out when a service writes more in a day than it may? The least severe first, and
never an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from operator import attrgetter

from tocsin.ingest.logs.sizes import characters
from tocsin.ingest.logs.weighing import Sampler
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.quantity import Size
from tocsin.model.logs import LogRecord

_left_out = gauge.counter(
    "log_budget_left_out", "Lines left out because a service's budget was used up.", ("service",)
)
_ANY = "*"
_SERVICE = attrgetter("service")
_DAY_MS = 86_400_000
_WARN, _ERROR = 13, 17
_FEW, _FEWER = 10, 100
"""One of so many is kept: a little over the budget, and far over it."""
_MOST_SERVICES = 10_000


class Budget:
    """A step of the intake: counts bytes by service and UTC day."""

    def __init__(self, clock: Clock, budgets: Mapping[str, Size]) -> None:
        self._clock = clock
        self._budgets = budgets
        self._day = 0
        self._used: Counter[str] = Counter()
        self._sampler = Sampler()
        self.left_out: Counter[str] = Counter()
        """Lines that were left out today, by service."""

    def configure(self, budgets: Mapping[str, Size]) -> None:
        """Put other budgets in force."""
        self._budgets = budgets

    def begin(self, used: Mapping[str, int]) -> None:
        """What was kept today before the start, by service."""
        self._begin_day()
        self._used.update(used)

    def of(self, service: str) -> int:
        """The bytes that a service may write in a day; 0 is as many as it likes."""
        return int(self._budgets.get(service, self._budgets.get(_ANY, Size(0))))

    def used(self, service: str) -> int:
        """The bytes that it wrote today."""
        self._begin_day()
        return self._used[service]

    def __call__(self, records: list[LogRecord]) -> list[LogRecord]:
        """The lines that are kept; one that stands for others says so."""
        self._begin_day()
        if self._budgets:
            return [one for one in records if self._is_kept(one)]
        sizes: dict[str, int] = {}
        for service, size in zip(map(_SERVICE, records), characters(records), strict=True):
            sizes[service] = sizes.get(service, 0) + size
        for service, size in sizes.items():
            self._count(service, size)
        return records

    def _is_kept(self, record: LogRecord) -> bool:
        service = record.service
        budget, used = self.of(service), self._used[service]
        if budget and not self._is_within(record, used / budget):
            self.left_out[service] += 1
            _left_out.labels(service).inc()
            return False
        self._count(service, len(record.body) + len(record.original))
        return True

    def _count(self, service: str, size_bytes: int) -> None:
        if service in self._used or len(self._used) < _MOST_SERVICES:
            self._used[service] += size_bytes

    def _is_within(self, record: LogRecord, share: float) -> bool:
        one_of = _one_of(share, record.level)
        if one_of > 1:
            return self._sampler.keeps(record, one_of)
        self._sampler.passes(record)
        return True

    def _begin_day(self) -> None:
        day = self._clock.now_ms() // _DAY_MS
        if day != self._day:
            self._day = day
            self._used.clear()
            self.left_out.clear()


def _one_of(share: float, level: int) -> int:
    """One of how many lines of a level is kept when so much of the budget is used; all errors."""
    if share < 1 or level >= _ERROR:
        return 1
    if level >= _WARN:
        return _FEW if share >= 2 else 1
    return _FEWER if share >= 1.5 else _FEW
