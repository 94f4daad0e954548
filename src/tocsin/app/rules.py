"""Which rules are evaluated: the `rule_files` of the `prometheus.yml` that is named, and those that
stand in `tocsin.yaml` itself."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.alert.plain.indicators import indicators
from tocsin.alert.plain.plain_rule import plain_rules
from tocsin.alert.plain.slo import read_slos
from tocsin.alert.plain.slo_rules import slo_groups, slo_warnings
from tocsin.alert.rules.rule_file import Defaults, RuleFileError, RuleGroup, read
from tocsin.app.config import Loaded
from tocsin.app.uptime import monitor_groups
from tocsin.kit.document import ConfigError
from tocsin.kit.yaml import decode
from tocsin.model import labels as model
from tocsin.model.labels import Labels
from tocsin.scrape.config import GlobalConfig

_EVERY_MS = 15_000
"""How often rules of `tocsin.yaml` are evaluated when no `prometheus.yml` says it."""


@dataclass(frozen=True, slots=True)
class RulePlan:
    """All groups of a configuration, and what its templates may name."""

    groups: tuple[RuleGroup, ...] = ()
    external_labels: Labels = ()
    warnings: tuple[str, ...] = ()
    interval_ms: int = _EVERY_MS
    """How often rules are evaluated that stand in no file."""


def rule_plan(loaded: Loaded) -> RulePlan:
    """Raises RuleFileError with every mistake of every rule, each with its place."""
    document, problems = loaded.prometheus, list[ConfigError]()
    part = document.get("global") if document else None
    defaults = decode(part, GlobalConfig) if part else GlobalConfig()
    for_groups = Defaults(defaults.evaluation_interval.ms, defaults.rule_query_offset.ms)
    groups: list[RuleGroup] = []
    for file in rule_files(loaded):
        try:
            groups += read(file, for_groups)
        except RuleFileError as error:
            problems += error.problems
    interval_ms = for_groups.interval_ms if document else _EVERY_MS
    try:
        groups += _own_groups(loaded, interval_ms)
    except RuleFileError as error:
        problems += error.problems
    except ConfigError as error:
        problems.append(error)
    if problems:
        raise RuleFileError(problems)
    return RulePlan(
        tuple(groups),
        model.from_mapping(defaults.external_labels),
        tuple(_warnings(loaded, groups)),
        interval_ms,
    )


def _own_groups(loaded: Loaded, interval_ms: int) -> list[RuleGroup]:
    """The rules that `alerts`, `monitors` and `slos` come to."""
    config = loaded.config
    known = indicators(config.indicators)
    problems: list[ConfigError] = []
    groups: list[RuleGroup] = []
    try:
        groups += plain_rules(config.alerts, known, interval_ms)
    except RuleFileError as error:
        problems += error.problems
    groups += monitor_groups(loaded)
    try:
        groups += slo_groups(read_slos(config.slos))
    except RuleFileError as error:
        problems += error.problems
    if problems:
        raise RuleFileError(problems)
    return groups


def _warnings(loaded: Loaded, groups: Sequence[RuleGroup]) -> Iterator[str]:
    for number, pattern in enumerate(_patterns(loaded)):
        if not _matching(loaded, pattern) and loaded.prometheus:
            place = loaded.prometheus.place("rule_files", number)
            yield f"{place}: rule_files: no file matches {pattern}"
    for rule in (rule for group in groups for rule in group.rules):
        yield from (f"{rule.place}: {rule.name}: {words}" for words in rule.doubts)
    yield from slo_warnings(read_slos(loaded.config.slos))


def rule_files(loaded: Loaded) -> list[Path]:
    """The files that the patterns match now, in their order, each once."""
    found = [file for pattern in _patterns(loaded) for file in _matching(loaded, pattern)]
    return list(dict.fromkeys(found))


def _patterns(loaded: Loaded) -> list[str]:
    listed = loaded.prometheus.get("rule_files") if loaded.prometheus else None
    return decode(listed, list[str]) if listed else []


def _matching(loaded: Loaded, pattern: str) -> list[Path]:
    return [Path(name) for name in sorted(glob.glob(str(loaded.prometheus_folder / pattern)))]
