"""Which alerting rules did people make here, beside those of files? They are evaluated by the same
manager, as one group, and can be taken out as a rule file of Prometheus.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
import yaml

from tocsin.alert.rules.manager import RuleManager
from tocsin.alert.rules.rule_file import Defaults, Rule, RuleFileError, RuleGroup, read_groups
from tocsin.alert.rules.rule_run import RuleRun
from tocsin.alert.rules.state import Phase
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.document import Place
from tocsin.kit.fault import NotFound, Rejected, Temporary
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse

_log = log.get("rules")
GROUP = "made here"
FILE = "made here"
_KEY = (FILE, GROUP)
_MOST = 1000
_NAME = re.compile(r"[^\s\x00-\x1f][^\x00-\x1f]{0,199}")
_LONGEST = 10_000


class MadeRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as a person made it; durations as they are written in rule files ("5m").

    `message` becomes the annotation `summary`, `runbook` `runbook_url`, `severity` the label of
    that name. Times in milliseconds; `id` is empty until it is kept.
    """

    id: str = ""
    name: str
    expr: str
    hold: str = "0s"
    keep_firing_for: str = "0s"
    recover: str = ""
    severity: str = ""
    message: str = ""
    runbook: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    disabled: bool = False
    made_by: str = ""
    made_ms: int = 0
    changed_by: str = ""
    changed_ms: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field of a rule. `start` and `end` are the characters at fault of the
    expression, both 0 where nothing can be pointed at."""

    field: str
    words: str
    start: int = 0
    end: int = 0


class WrongRule(Rejected):
    """All that is wrong with a rule that somebody made."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{one.field}: {one.words}" for one in problems))
        self.problems = tuple(problems)


class MadeKeeper(Protocol):
    """Where they survive a restart."""

    async def load(self) -> list[MadeRule]:
        """Every one, in order."""

    async def save(self, rules: Sequence[MadeRule], by: str) -> None:
        """Keep these and no others. Raises Temporary when that is not possible."""


def entry_of(made: MadeRule) -> dict[str, object]:
    """The rule as it stands in a rule file."""
    labels = {**made.labels, "severity": made.severity or made.labels.get("severity", "")}
    ours = {
        "summary": made.message,
        "runbook_url": made.runbook,
        "tocsin_recover": made.recover,
    }
    said = {**made.annotations, **{key: text for key, text in ours.items() if text}}
    lengths = {"for": made.hold, "keep_firing_for": made.keep_firing_for}
    return {
        "alert": made.name,
        "expr": made.expr,
        **{key: text for key, text in lengths.items() if text.strip(" 0smhdwy")},
        **_unless_empty("labels", {key: text for key, text in labels.items() if text}),
        **_unless_empty("annotations", said),
    }


def _unless_empty(key: str, given: dict[str, str]) -> dict[str, object]:
    return {key: given} if given else {}


def file_text(rules: Sequence[MadeRule]) -> str:
    """A rule file of Prometheus with these rules; those that are switched off as comments."""
    live = [entry_of(one) for one in rules if not one.disabled]
    groups = [{"name": GROUP, "rules": live}] if live else []
    text = yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=100)
    off = [entry_of(one) for one in rules if one.disabled]
    if off:
        left = yaml.safe_dump(off, sort_keys=False, allow_unicode=True, width=100)
        text += "# switched off:\n" + "".join(f"#   {line}\n" for line in left.splitlines())
    return text


def checked(made: MadeRule) -> Rule:
    """The rule that it comes to; raises WrongRule with everything that is wrong."""
    problems: list[Problem] = []
    if not _NAME.fullmatch(made.name):
        problems.append(Problem("name", "give the alert a name, on one line, of 200 characters"))
    if len(made.expr) > _LONGEST or len(made.message) > _LONGEST:
        problems.append(Problem("expr", f"at most {_LONGEST} characters"))
    if made.runbook and not made.runbook.startswith(("https://", "http://")):
        problems.append(Problem("runbook", "an address begins with https:// or http://"))
    problems += _unparsed("expr", made.expr) if made.expr.strip() else ()
    problems += _unparsed("recover", made.recover) if made.recover.strip() else ()
    found: Rule | None = None
    try:
        entry = entry_of(made) | {"alert": made.name or "unnamed"}
        text = msgspec.json.encode({"groups": [{"name": GROUP, "rules": [entry]}]})
        ((found,),) = [one.rules for one in read_groups(text.decode(), FILE, Defaults())]
    except RuleFileError as error:
        known = {one.field for one in problems}
        fresh = [Problem(_FIELDS.get(one.key.split(".")[-1], _field(one.key)), one.problem)
                 for one in error.problems]  # fmt: skip
        problems += [one for one in fresh if one.field not in known]
    if problems or found is None:
        raise WrongRule(problems)
    return replace(found, place=Place(f"{FILE} ({made.id})" if made.id else FILE, 1, 1))


_FIELDS = {
    "alert": "name",
    "for": "hold",
    "summary": "message",
    "runbook_url": "runbook",
    "tocsin_recover": "recover",
}


def _field(key: str) -> str:
    parts = key.split(".")
    return next((part for part in reversed(parts) if part in MadeRule.__struct_fields__), "expr")


def _unparsed(field: str, text: str) -> list[Problem]:
    try:
        parse(text)
    except ParseError as error:
        return [Problem(field, str(error), error.pos.start, error.pos.end)]
    return []


def group_of(rules: Sequence[MadeRule], interval_ms: int) -> RuleGroup | None:
    """What is evaluated of them; None when nothing is."""
    live = tuple(checked(one) for one in rules if not one.disabled)
    return RuleGroup(GROUP, FILE, interval_ms, 0, 0, live) if live else None


class MadeRules:
    """All of them, held in memory, kept before they count, and evaluated."""

    def __init__(self, keeper: MadeKeeper, manager: RuleManager, clock: Clock) -> None:
        self._keeper = keeper
        self._manager = manager
        self._clock = clock
        self._rules: dict[str, MadeRule] = {}
        self._interval_ms = 15_000
        self._running: RuleGroup | None = None
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Read what an earlier process kept; to be done before `apply`."""
        self._rules = {one.id: one for one in await self._keeper.load()}

    @property
    def all(self) -> list[MadeRule]:
        """Every one, switched off ones too, in the order in which they were made."""
        return list(self._rules.values())

    def get(self, name: str) -> MadeRule:
        """The one of that id; raises NotFound."""
        if name not in self._rules:
            raise NotFound(f"there is no rule {name[:80]} that was made here")
        return self._rules[name]

    def of(self, name: str, expr: str) -> MadeRule | None:
        """The one that is evaluated under that name with that expression in canonical form."""
        for one in self._rules.values():
            if one.name == name and not one.disabled and checked(one).expr == expr:
                return one
        return None

    async def apply(self, interval_ms: int) -> None:
        """Evaluate them that often from now on."""
        async with self._turn:
            self._interval_ms = interval_ms
            await self._evaluate()

    async def put(self, made: MadeRule, by: str) -> MadeRule:
        """Keep and evaluate a new one, or another version of the one with its `id`. Raises
        WrongRule, NotFound for an id that is none, Temporary when it cannot be kept."""
        checked(made)
        async with self._turn:
            now = self._clock.now_ms()
            before = self.get(made.id) if made.id else None
            if before is None and len(self._rules) >= _MOST:
                raise Rejected(f"{_MOST} rules were made here; move some into rule files")
            if any(one.id != made.id and _is_twin(one, made) for one in self._rules.values()):
                words = "a rule of that name and severity was made here already"
                raise WrongRule([Problem("name", words)])
            kept = msgspec.structs.replace(
                made,
                id=made.id or uuid.uuid4().hex[:12],
                made_by=before.made_by if before else by,
                made_ms=before.made_ms if before else now,
                changed_by=by,
                changed_ms=now,
            )
            await self._keep({**self._rules, kept.id: kept}, by)
            return kept

    async def switch(self, name: str, by: str, *, disabled: bool) -> MadeRule:
        """Evaluate one no longer, or again. Raises NotFound."""
        changed = msgspec.structs.replace(self.get(name), disabled=disabled)
        return await self.put(changed, by)

    async def remove(self, name: str, by: str) -> MadeRule:
        """Forget one; its alerts are over. Raises NotFound."""
        async with self._turn:
            gone = self.get(name)
            await self._keep({key: one for key, one in self._rules.items() if key != name}, by)
            return gone

    async def _keep(self, rules: Mapping[str, MadeRule], by: str) -> None:
        await self._keeper.save(list(rules.values()), by)
        self._rules = dict(rules)
        await self._evaluate()

    async def _evaluate(self) -> None:
        group = group_of(list(self._rules.values()), self._interval_ms)
        if group == self._running:
            return
        left = {rule.key for rule in group.rules} if group else set()
        gone = [run for run in self._runs() if run.rule.key not in left]
        if group is None:
            await self._manager.remove(_KEY)
        else:
            await self._manager.add(group)
        self._running = group
        await self._end(gone)

    def _runs(self) -> Sequence[RuleRun]:
        return [run for one in self._manager.groups if one.group.key == _KEY for run in one.rules]

    async def _end(self, gone: Sequence[RuleRun]) -> None:
        """Tell at once that what these rules said is over: who took a rule away saw to it."""
        around, now = self._manager.around, self._clock.now_ms()
        external = dict(around.world.external_labels)
        over = [
            Alert(
                labels=from_mapping({**external, **dict(one.labels)}),
                annotations=tuple(pair for pair in one.annotations if pair[1]),
                starts_ms=one.fired_ms,
                ends_ms=now,
                updated_ms=now,
            )
            for run in gone
            for one in run.active.values()
            if one.phase is Phase.FIRING
        ]
        if not over or around.alerts is None:
            return
        try:
            await around.alerts.put(over)
        except Temporary as error:  # they are given up by themselves after some minutes
            _log.warning("ends_not_taken", alerts=len(over), error=str(error))


def _is_twin(one: MadeRule, other: MadeRule) -> bool:
    """Whether their alerts could not be told apart."""
    return (one.name, one.severity, one.labels) == (other.name, other.severity, other.labels)
