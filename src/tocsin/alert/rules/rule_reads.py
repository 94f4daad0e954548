"""Which rules of a group read what others of it write? So: which of them may run side by side?"""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.alert.rules.doubt import is_watched
from tocsin.alert.rules.rule_file import Rule
from tocsin.alert.rules.rule_run import ALERTS, FOR_STATE
from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.query.promql import ast
from tocsin.query.promql.parse import parse
from tocsin.query.promql.tree import walk


class Reading:
    """Who reads whom in one group; expressions without a metric's name may read everything."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._writes = [(ALERTS, FOR_STATE) if rule.is_alert else (rule.name,) for rule in rules]
        self._reads = [_Reads(rule) for rule in rules]
        self.read_later = [False] * len(rules)
        """For each rule whether a later one may read what it writes."""
        named: set[str] = set()
        unnamed: list[Sequence[Matcher]] = []
        for number in reversed(range(len(rules))):
            self.read_later[number] = any(
                name in named or _may_read(unnamed, name) for name in self._writes[number]
            )
            named |= self._reads[number].named
            unnamed += self._reads[number].unnamed

    def waves(self) -> list[list[int]]:
        """The rules' numbers; those of one wave are independent of each other, and read only what
        earlier waves have written, or what later rules wrote in the round before."""
        waves: list[list[int]] = []
        level_of: dict[str, int] = {}
        after_readers: dict[str, int] = {}
        unnamed: list[Sequence[Matcher]] = []
        for number, reads in enumerate(self._reads):
            writes = self._writes[number]
            level = 1 + max((level_of.get(name, -1) for name in reads.named), default=-1)
            # Who writes a name that an earlier rule reads must not overtake that rule.
            level = max(level, *(after_readers.get(name, 0) for name in writes))
            if reads.unnamed or any(_may_read(unnamed, name) for name in writes):
                level = len(waves)  # nobody can tell: in order, as Prometheus does
            for name in writes:
                level_of[name] = max(level, level_of.get(name, 0))
            for name in reads.named:
                after_readers[name] = max(level + 1, after_readers.get(name, 0))
            unnamed += reads.unnamed
            while len(waves) <= level:
                waves.append([])
            waves[level].append(number)
        return [wave for wave in waves if wave]


class _Reads:
    """What one rule reads: metrics by their names, and matchers on names otherwise."""

    def __init__(self, rule: Rule) -> None:
        self.named: set[str] = set()
        self.unnamed: list[Sequence[Matcher]] = []
        asked = (rule.expr, rule.recover) if is_watched(rule) and rule.recover else (rule.expr,)
        for node in (node for text in asked for node in walk(parse(text))):
            if isinstance(node, ast.VectorSelector):
                on_name = [matcher for matcher in node.matchers if matcher.name == NAME]
                if len(on_name) == 1 and on_name[0].op is MatchOp.EQUAL:
                    self.named.add(on_name[0].value)
                else:
                    self.unnamed.append(on_name)


def _may_read(selectors: Sequence[Sequence[Matcher]], name: str) -> bool:
    return any(all(one.matches(name) for one in matchers) for matchers in selectors)
