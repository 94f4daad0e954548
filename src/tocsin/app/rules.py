"""Which rules are evaluated: the `rule_files` of the `prometheus.yml` that is named."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path

from tocsin.alert.rule_file import Defaults, RuleFileError, RuleGroup, read
from tocsin.app.config import Loaded
from tocsin.kit.document import ConfigError
from tocsin.kit.yaml import decode
from tocsin.model import labels as model
from tocsin.model.labels import Labels
from tocsin.scrape.config import GlobalConfig


@dataclass(frozen=True, slots=True)
class RulePlan:
    """All groups of a configuration, and what its templates may name."""

    groups: tuple[RuleGroup, ...] = ()
    external_labels: Labels = ()
    warnings: tuple[str, ...] = ()


def rule_plan(loaded: Loaded) -> RulePlan:
    """Raises RuleFileError with every mistake of every rule file, each with its place."""
    document = loaded.prometheus
    if document is None:
        return RulePlan()
    part = document.get("global")
    defaults = decode(part, GlobalConfig) if part else GlobalConfig()
    for_groups = Defaults(defaults.evaluation_interval.ms, defaults.rule_query_offset.ms)
    groups: list[RuleGroup] = []
    problems: list[ConfigError] = []
    for file in rule_files(loaded):
        try:
            groups += read(file, for_groups)
        except RuleFileError as error:
            problems += error.problems
    if problems:
        raise RuleFileError(problems)
    warnings = tuple(
        f"{document.place('rule_files', number)}: rule_files: no file matches {pattern}"
        for number, pattern in enumerate(_patterns(loaded))
        if not _matching(loaded, pattern)
    )
    return RulePlan(tuple(groups), model.from_mapping(defaults.external_labels), warnings)


def rule_files(loaded: Loaded) -> list[Path]:
    """The files that the patterns match now, in their order, each once."""
    found = [file for pattern in _patterns(loaded) for file in _matching(loaded, pattern)]
    return list(dict.fromkeys(found))


def _patterns(loaded: Loaded) -> list[str]:
    listed = loaded.prometheus.get("rule_files") if loaded.prometheus else None
    return decode(listed, list[str]) if listed else []


def _matching(loaded: Loaded, pattern: str) -> list[Path]:
    return [Path(name) for name in sorted(glob.glob(str(loaded.prometheus_folder / pattern)))]
