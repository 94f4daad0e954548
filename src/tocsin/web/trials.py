"""Which rule is to be tried on which past, against what? From a request to a report."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from tocsin.alert.checking.metrics import metrics_of, wanted
from tocsin.alert.rules.rule_file import Defaults, Rule, RuleFileError, RuleGroup, read_groups
from tocsin.alert.rules.template import World
from tocsin.alert.trying import backtest
from tocsin.alert.trying.backtest import Past, Trial
from tocsin.alert.trying.noise import propose
from tocsin.alert.trying.proposal import Proposals
from tocsin.alert.trying.real_incidents import misses
from tocsin.alert.trying.trial_report import Outcome, Report, compared
from tocsin.kit.fault import NotFound, Rejected
from tocsin.kit.quantity import Duration
from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.web.services import Services
from tocsin.web.trial_incidents import against

if TYPE_CHECKING:
    from tocsin.alert.rules.group_run import GroupRun

Tell = Callable[[str, float], Awaitable[None]]
"""Told what is being tried and the share of all that is done."""

_IN_FORCE = "in force"
_LONGEST_SECONDS = 400 * 86_400.0
_USUAL_INTERVAL_MS = 60_000


class RuleEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is different in the rule that is tried; what is left out stays. `recover` and the
    durations may be emptied by "" and "0s"."""

    expr: str | None = None
    for_: str | None = msgspec.field(default=None, name="for")
    keep_firing_for: str | None = None
    recover: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is different."""
        return self == RuleEdit()


class RuleText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule file's text; `name` is the file's, for messages and titles."""

    name: str
    text: str


class TrialRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule to be tried: `rule` names one in force, or one of `file`. It is compared with the
    rule of that name of `against`, else with the one in force when the tried one is another.

    `since` is a duration before now; `step` replaces the group's interval. `number` counts, from
    1, alerts that have the same name.
    """

    rule: str
    group: str = ""
    number: int = 1
    since: str = "7d"
    step: str = ""
    file: RuleText | None = None
    edit: RuleEdit | None = None
    against: RuleText | None = None
    propose: bool = False
    """Learn values from the noise of that time, and try the first proposal against the rule."""


async def report_of(given: Services, asked: TrialRequest, tell: Tell) -> Report:
    """Try it. Raises Rejected for a wrong request, Temporary while another trial runs."""
    trials = trials_of(given, asked)
    began = time.monotonic()
    learnt: Proposals | None = None
    async with given.trials.turn():
        if asked.propose:
            learnt = await _learnt(given, trials[-1], tell)
            trials = [trials[-1], *_proposed(trials[-1], learnt)]
        outcomes: list[Outcome] = []
        for number, trial in enumerate(trials):

            async def progress(share: float, number: int = number, trial: Trial = trial) -> None:
                await tell(trial.title, (number + share) / len(trials))

            past = past_of(given)
            outcome = await backtest.run(trial, past, progress)
            outcomes.append(await _noted(given, trial, outcome))
    tried, before = outcomes[-1], outcomes[0] if len(outcomes) > 1 else None
    incidents = await against(given, before, tried)
    difference = compared(before, tried) if before else None
    if difference is not None and incidents is not None:
        sentence = difference.sentence + misses(incidents)
        difference = msgspec.structs.replace(difference, sentence=sentence)
    return Report(
        tried=tried,
        before=before,
        difference=difference,
        proposals=learnt,
        incidents=incidents,
        took=time.monotonic() - began,
    )


async def _learnt(given: Services, trial: Trial, tell: Tell) -> Proposals:
    async def progress(share: float) -> None:
        await tell("learning", share / 4)

    return await propose(trial, past_of(given), progress)


def _proposed(trial: Trial, learnt: Proposals) -> list[Trial]:
    """The rule as the first proposal has it; nothing when nothing is proposed."""
    if not learnt.proposals:
        return []
    first = learnt.proposals[0]
    edit = RuleEdit(
        for_=str(Duration(first.hold)),
        keep_firing_for=str(Duration(first.keep_firing)),
        recover=first.recover or None,
    )
    return [replace(trial, title="proposed", group=edited(trial.group, edit))]


def past_of(given: Services) -> Past:
    """What is stored, and the routes and silences of now."""
    world = next((group.around.world for group in given.rules.groups), None)
    dispatcher = given.alerts
    return Past(
        engine=given.engine,
        source=given.source,
        world=world or World((), given.config.external_url),
        plan=dispatcher.plan,
        integrations=dispatcher.integrations,
        silences=dispatcher.silences.all(),
        config=dispatcher.config,
        maintenance=given.maintenance,
        options=given.config.query,
    )


def trials_of(given: Services, asked: TrialRequest) -> list[Trial]:
    """The version to compare with first when there is one, then the one that is tried."""
    until_ms = given.clock.now_ms()
    seconds = float(Duration.from_config(asked.since))
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise Rejected("since must be longer than 0 and at most 400 days")
    in_force = _in_force(given, asked)
    tried, title = in_force, _IN_FORCE
    if asked.file is not None:
        tried, title = _of_text(asked.file, asked), asked.file.name
    if tried is None:
        raise NotFound(f"no alerting rule {asked.rule!r} is in force{_near(given, asked.rule)}")
    if asked.edit is not None and not asked.edit.is_empty:
        changed = edited(tried, asked.edit)
        if changed != tried:
            tried, title = changed, "edited"
    before, words = in_force if title != _IN_FORCE else None, _IN_FORCE
    if asked.against is not None:
        before, words = _of_text(asked.against, asked), asked.against.name
    versions = [(words, before)] if before is not None else []
    return [
        Trial(
            name, _placed(group, in_force, asked), until_ms - round(seconds * 1000), until_ms
        ).checked()
        for name, group in (*versions, (title, tried))
    ]


def alerts_named(groups: list[GroupRun], name: str = "") -> Iterator[tuple[RuleGroup, Rule]]:
    """Every alerting rule in force (of that name), with its group."""
    for run in groups:
        for rule in run.group.rules:
            if rule.is_alert and name in ("", rule.name):
                yield run.group, rule


def _in_force(given: Services, asked: TrialRequest) -> RuleGroup | None:
    found = [
        replace(group, rules=(rule,))
        for group, rule in alerts_named(given.rules.groups, asked.rule)
        if asked.group in ("", group.name)
    ]
    return _numbered(found, asked) if found else None


def _of_text(text: RuleText, asked: TrialRequest) -> RuleGroup:
    groups = read_groups(text.text, text.name, Defaults(interval_ms=0))
    found = [
        replace(group, rules=(rule,))
        for group in groups
        for rule in group.rules
        if rule.is_alert and rule.name == asked.rule and asked.group in ("", group.name)
    ]
    if not found:
        raise NotFound(f"{text.name} has no alerting rule {asked.rule!r}")
    return _numbered(found, asked)


def _numbered(found: list[RuleGroup], asked: TrialRequest) -> RuleGroup:
    if not 1 <= asked.number <= len(found):
        raise NotFound(f"there are {len(found)} alerting rules {asked.rule!r}, not {asked.number}")
    return found[asked.number - 1]


def _near(given: Services, name: str) -> str:
    from tocsin.kit.document import nearest

    near = nearest(name, {rule.name for _, rule in alerts_named(given.rules.groups)})
    return f'; did you mean "{near}"?' if near else ""


def edited(group: RuleGroup, edit: RuleEdit) -> RuleGroup:
    """The group with its only rule changed; raises Rejected for what a rule cannot have."""
    (rule,) = group.rules
    entry: dict[str, object] = {
        "alert": rule.name,
        "expr": rule.expr if edit.expr is None else edit.expr,
        "for": f"{rule.hold_ms}ms" if edit.for_ is None else edit.for_ or "0s",
        "keep_firing_for": (
            f"{rule.keep_firing_ms}ms"
            if edit.keep_firing_for is None
            else edit.keep_firing_for or "0s"
        ),
    }
    recover = rule.recover if edit.recover is None else edit.recover
    if recover:
        entry["annotations"] = {"tocsin_recover": recover}
    text = msgspec.json.encode({"groups": [{"name": group.name, "rules": [entry]}]}).decode()
    try:
        ((read,),) = [one.rules for one in read_groups(text, "the edited rule", Defaults())]
    except RuleFileError as error:
        # Their places are those of a text that nobody wrote.
        words = "; ".join(f"{one.key.rpartition('.')[2]}: {one.problem}" for one in error.problems)
        raise Rejected(words.replace("tocsin_recover", "recover")) from error
    changed = replace(
        rule,
        expr=read.expr,
        hold_ms=read.hold_ms,
        keep_firing_ms=read.keep_firing_ms,
        recover=read.recover,
        recover_written=rule.recover_written if read.recover == rule.recover else "",
    )
    return replace(group, rules=(changed,))


def _placed(group: RuleGroup, in_force: RuleGroup | None, asked: TrialRequest) -> RuleGroup:
    """At the moments at which the rule in force is evaluated, unless it asks for others."""
    named = in_force or group
    every = group.interval_ms or named.interval_ms or _USUAL_INTERVAL_MS
    if asked.step:
        every = Duration.from_config(asked.step).ms
        if every <= 0:
            raise Rejected("step must be longer than 0")
    return replace(group, file=named.file, name=named.name, interval_ms=every)


async def _noted(given: Services, trial: Trial, outcome: Outcome) -> Outcome:
    """A rule over metrics that had no samples then has not been tried at all: say so."""
    notes = list(outcome.notes)
    rule, known = trial.group.rules[0], set[str]()
    for name in metrics_of(rule):
        matchers = [Matcher(NAME, MatchOp.EQUAL, name)]
        if await given.source.series([matchers], trial.since_ms, trial.until_ms, 1):
            known.add(name)
    names, is_vain = wanted(rule, known.__contains__)
    if len(names) > 1 and is_vain:
        notes.append(f"none of {', '.join(names)} has samples in that time")
    else:
        notes += [f"{name} has no samples in that time" for name in names]
    if not outcome.is_routed:
        notes.append("no routes are configured, so nobody is told: firings are counted, not pages")
    elif not any(given.alerts.integrations.values()):
        notes.append("no receiver has a way of being told")
    return msgspec.structs.replace(outcome, notes=notes)
