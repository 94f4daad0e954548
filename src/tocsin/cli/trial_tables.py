"""How does the report of a trial look on a terminal?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.kit.quantity import Duration

if TYPE_CHECKING:
    from tocsin.alert.trying.proposal import Proposals
    from tocsin.alert.trying.trial_report import Firing, Outcome, Page, Report


def show(console: Console, report: Report, most: int) -> None:
    """Print numbers side by side, then what fired and whom it woke."""
    if report.proposals is not None:
        _proposals(console, report.proposals)
    outcomes = [one for one in (report.before, report.tried) if one is not None]
    console.print(_numbers(outcomes))
    for outcome in outcomes:
        for note in outcome.notes:
            console.print(Text("note:", "yellow"), f"{outcome.title}: {note}")
        if outcome.failed_rounds:
            console.print(
                Text("note:", "yellow"),
                f"{outcome.title}: {outcome.failed_rounds} rounds failed: {outcome.error}",
            )
    change = report.difference
    if change is not None:
        console.print()
        console.print(Text(change.sentence, "bold"))
        if change.delay_longest:
            console.print(
                f"where both fire, the second is later by {_length(change.delay_mean)}, "
                f"at the most {_length(change.delay_longest)}"
            )
        _incidents(console, report, most)
        _pages(console, "pages that go away", change.removed_pages, most)
        _pages(console, "pages that are new", change.added_pages, most)
        _firings(console, "firings that go away", change.removed_firings, most)
        _firings(console, "firings that are new", change.added_firings, most)
        return
    _incidents(console, report, most)
    _firings(console, "firings", report.tried.firings, most)
    _pages(console, "pages", report.tried.pages, most)


def _incidents(console: Console, report: Report, most: int) -> None:
    """What really happened in that time, and whether the rule notices."""
    found = report.incidents
    if found is None:
        return
    console.print()
    console.print(Text("incidents", "bold"), found.sentence)
    if not found.judged:
        return
    table = Table(box=None, pad_edge=False)
    titles = [report.before.title] if report.before else []
    for name in ("incident", "began", "lasted", *titles, report.tried.title, "title"):
        table.add_column(name, overflow="fold", no_wrap=name == "incident")
    for one in found.judged[:most]:
        lasted = _length(one.ended - one.started) if one.ended else "still"
        caught = [_after(one.before)] if report.before else []
        row = (one.number, _moment(one.started), lasted, *caught, _after(one.tried), one.title)
        table.add_row(*(Text(cell, "red" if cell == "misses it" else "") for cell in row))
    console.print(table)


def _after(seconds: float | None) -> str:
    return "misses it" if seconds is None else f"after {_length(seconds)}"


def _proposals(console: Console, learnt: Proposals) -> None:
    if learnt.why_not:
        console.print(f"nothing is proposed: {learnt.why_not}")
        console.print()
        return
    noise = "" if learnt.noise is None else f"; the noise is about {learnt.noise:.3g}"
    console.print(Text(f"what `for` alone would save{noise}", "bold"))
    table = Table(box=None, pad_edge=False)
    for name in ("for", "saved", "of", "longest saved", "each of the others later by"):
        table.add_column(name, justify="right")
    for one in learnt.holds:
        table.add_row(
            _length(one.hold), str(one.saved), str(one.of), _length(one.longest_saved),
            _length(one.hold),
        )  # fmt: skip
    console.print(table)
    console.print()
    for number, each in enumerate(learnt.proposals, 1):
        words = f"for: {_length(each.hold)}, keep_firing_for: {_length(each.keep_firing)}"
        recover = f", recover: {each.recover}" if each.recover else ""
        console.print(Text(f"proposal {number}: {words}{recover}", "bold"))
        console.print(f"  {each.words}")
    if not learnt.proposals:
        console.print("no value makes it quieter without missing what lasts")
    console.print()


def _numbers(outcomes: Sequence[Outcome]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(outcomes[-1].name)
    for outcome in outcomes:
        table.add_column(outcome.title, justify="right", overflow="fold")
    rows: Sequence[tuple[str, Callable[[Outcome], str]]] = (
        ("for", lambda one: _length(one.hold)),
        ("recover", lambda one: one.recover_condition or one.recover or "–"),
        ("keep_firing_for", lambda one: _length(one.keep_firing)),
        ("pages", lambda one: str(one.page_count) if one.is_routed else "–"),
        ("  of them repeats", lambda one: str(one.repeats) if one.is_routed else "–"),
        ("  a week", lambda one: f"{one.per_week(one.page_count):.3g}" if one.is_routed else "–"),
        ("  to", _receivers),
        ("firings", lambda one: str(one.firing_count)),
        ("  a week", lambda one: f"{one.per_week(one.firing_count):.3g}"),
        ("  together", lambda one: _length(one.firing_seconds)),
        ("  shortest", lambda one: _length(one.shortest)),
        ("  longest", lambda one: _length(one.longest)),
        ("over before they fired", lambda one: str(one.short_pendings)),
        ("evaluations", lambda one: f"{one.rounds:,}"),
    )
    for name, cell in rows:
        table.add_row(name, *(Text(cell(one)) for one in outcomes))
    return table


def _receivers(outcome: Outcome) -> str:
    if not outcome.page_count:
        return "–"
    told = sorted(outcome.by_receiver.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {count}" for name, count in told) or "nobody"


def _pages(console: Console, title: str, pages: Sequence[Page], most: int) -> None:
    if not pages:
        return
    table = Table(box=None, pad_edge=False)
    for name in (f"{title} ({len(pages)})", "receiver", "group", "alerts"):
        table.add_column(name, overflow="fold")
    for one in pages[:most]:
        count = f"{one.firing}{', again' if one.is_repeat else ''}"
        row = (_moment(one.at), f"{one.receiver} ({', '.join(one.via)})", _pairs(one.group), count)
        table.add_row(*map(Text, row))
    console.print()
    console.print(table)
    _rest(console, len(pages), most)


def _firings(console: Console, title: str, firings: Sequence[Firing], most: int) -> None:
    if not firings:
        return
    table = Table(box=None, pad_edge=False)
    for name in (f"{title} ({len(firings)})", "for", "labels"):
        table.add_column(name, overflow="fold")
    for one in firings[:most]:
        length = _length(one.ended - one.fired) if one.ended else "still firing"
        labels = {name: value for name, value in one.labels.items() if name != "alertname"}
        table.add_row(Text(_moment(one.fired)), Text(length), Text(_pairs(labels)))
    console.print()
    console.print(table)
    _rest(console, len(firings), most)


def _rest(console: Console, count: int, most: int) -> None:
    if count > most:
        console.print(f"and {count - most} more")


def _pairs(labels: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "–"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"


def _length(seconds: float) -> str:
    return str(Duration(round(seconds)))
