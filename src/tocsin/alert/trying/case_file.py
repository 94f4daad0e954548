"""What does a file of rule tests say? promtool's format, unchanged, and who is to be notified.

`alertmanager` and `notification_test` are ours: promtool refuses a file that has them.

Source: prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules.
"""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from tocsin.alert.trying import series_notation
from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.yaml import decode, load
from tocsin.model.labels import Labels

_SECONDS = re.compile(r"\d{1,10}(\.\d{1,9})?", re.ASCII)
_LAST_MS = 253_402_300_799_000


class Moment(int):
    """Milliseconds since the epoch, written in seconds or as RFC 3339 has it."""

    EXPECTED = "seconds since 1970 or a moment with its zone such as 2026-01-31T09:00:00Z"

    @classmethod
    def from_config(cls, text: str) -> Moment:
        """Raises Rejected for anything else, and for what was before 1970."""
        if _SECONDS.fullmatch(text):
            return cls(round(float(text) * 1000))
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or not 0 <= moment.timestamp() * 1000 < _LAST_MS:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        return cls(round(moment.timestamp() * 1000))


class InputSeries(msgspec.Struct, frozen=True):
    """A series and its values in the expanding notation."""

    series: str
    values: str


class ExpectedAlert(msgspec.Struct, frozen=True):
    """A firing alert; `alertname` need not be among its labels."""

    exp_labels: dict[str, str] = {}
    exp_annotations: dict[str, str] = {}


class AlertTest(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts of one name fire at a time; none when `exp_alerts` is empty."""

    eval_time: Duration = Duration(0)
    alertname: str
    exp_alerts: tuple[ExpectedAlert, ...] = ()


class ExpectedSample(msgspec.Struct, frozen=True):
    """One element of a query's result."""

    labels: str = ""
    value: float = 0.0
    histogram: str = ""


class QueryTest(msgspec.Struct, frozen=True, kw_only=True):
    """What a query gives at a time."""

    expr: str
    eval_time: Duration = Duration(0)
    exp_samples: tuple[ExpectedSample, ...] = ()


class ExpectedNotification(msgspec.Struct, frozen=True, kw_only=True):
    """One message; what is left out is not looked at. `exp_text` must stand in the message as its
    service would get it, each of several."""

    exp_at: Duration | None = None
    exp_status: str = ""
    exp_integration: str = ""
    exp_alerts: tuple[ExpectedAlert, ...] | None = None
    exp_text: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.exp_status not in ("", "firing", "resolved"):
            raise Rejected(f"exp_status is firing or resolved, not {self.exp_status!r}")


class NotificationTest(msgspec.Struct, frozen=True, kw_only=True):
    """Every message to a receiver after `since` and until `eval_time`, in their order."""

    eval_time: Duration = Duration(0)
    since: Duration | None = None
    receiver: str
    exp_notifications: tuple[ExpectedNotification, ...] = ()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Input, and what is expected of it."""

    name: str = ""
    start_timestamp: Moment = Moment(0)
    interval: Duration = Duration(0)
    input_series: tuple[InputSeries, ...] = ()
    alert_rule_test: tuple[AlertTest, ...] = ()
    promql_expr_test: tuple[QueryTest, ...] = ()
    notification_test: tuple[NotificationTest, ...] = ()
    external_labels: dict[str, str] = {}
    external_url: str = ""

    @property
    def length_ms(self) -> int:
        """How long it has to run."""
        alerts = [test.eval_time.ms for test in self.alert_rule_test]
        queries = [test.eval_time.ms for test in self.promql_expr_test]
        notices = [test.eval_time.ms for test in self.notification_test]
        return max([*alerts, *queries, *notices], default=0)


class CaseFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of tests."""

    rule_files: tuple[str, ...] = ()
    evaluation_interval: Duration = Duration(60)
    group_eval_order: tuple[str, ...] = ()
    fuzzy_compare: bool = False
    alertmanager: str = ""
    tests: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True)
class Cases:
    """A file of tests with the rule files that it names. `warnings` are patterns without files."""

    file: CaseFile
    rule_files: tuple[Path, ...]
    series: tuple[tuple[tuple[Labels, tuple[float | None, ...]], ...], ...]
    """The input of each test."""
    warnings: tuple[str, ...]
    alertmanager: Path | None = None
    """The routes that notifications are tested with."""


def read(path: Path, alertmanager: Path | None = None) -> Cases:
    """`alertmanager` goes before the file's own. Raises ConfigError with the place of the first
    mistake."""
    document = load(path)
    file = decode(document, CaseFile)
    if len(set(file.group_eval_order)) < len(file.group_eval_order):
        raise document.error("a group is named twice", "group_eval_order")
    found: list[Path] = []
    warnings = []
    for pattern in file.rule_files:
        matching = sorted(glob.glob(str(path.parent / pattern)))
        found += [Path(name) for name in matching]
        if not matching:
            warnings.append(f"no file matches {pattern}")
    series = tuple(_input(document, number, case) for number, case in enumerate(file.tests))
    if alertmanager is None and file.alertmanager:
        alertmanager = path.parent / file.alertmanager
    if alertmanager is None and any(case.notification_test for case in file.tests):
        raise document.error(
            "notification_test needs routes; write alertmanager: FILE or pass --alertmanager",
            "alertmanager",
        )
    return Cases(file, tuple(dict.fromkeys(found)), series, tuple(warnings), alertmanager)


def _input(
    document: Document, number: int, case: Case
) -> tuple[tuple[Labels, tuple[float | None, ...]], ...]:
    made = []
    for index, one in enumerate(case.input_series):
        where = ("tests", number, "input_series", index)
        try:
            labels = series_notation.labels_of(one.series)
        except Rejected as error:
            raise document.error(str(error), *where, "series") from error
        try:
            made.append((labels, tuple(series_notation.values_of(one.values))))
        except Rejected as error:
            raise document.error(str(error), *where, "values") from error
    return tuple(made)
