"""Functions that change labels and leave the values alone."""

from __future__ import annotations

import re

import numpy as np

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import Match, compile_pattern
from tocsin.model.labels import NAME, Labels, get
from tocsin.query.promql.faults import EvalError
from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Grid, merged, replaced

_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
"""What Go's regexp.Expand replaces: `$$`, `${name}`, `$name` (the longest run of word letters)."""


def _label_replace(site: Site) -> Grid:
    grid = site.grid(0)
    target, template, source = site.text(1), site.text(2), site.text(3)
    text = site.text(4)
    try:
        pattern = compile_pattern(text)
    except Rejected as error:
        raise EvalError(f"invalid regular expression in label_replace(): {text}") from error
    _check_name(target, "destination", "label_replace")
    labels = list(grid.labels)
    drops = grid.drops.copy()
    for row, one in enumerate(grid.labels):
        match = pattern.fullmatch(get(one, source))
        if match is None:
            continue
        labels[row] = replaced(one, target, _expand(match, template))
        if target == NAME:
            drops[row] = False
    return merged(Grid(labels, grid.values, grid.present, drops))


def _label_join(site: Site) -> Grid:
    grid = site.grid(0)
    target, separator = site.text(1), site.text(2)
    sources = [site.text(index) for index in range(3, site.count)]
    for source in sources:
        _check_name(source, "source", "label_join")
    _check_name(target, "destination", "label_join")
    labels = [_joined(one, target, separator, sources) for one in grid.labels]
    drops = np.zeros(grid.count, np.bool_) if target == NAME else grid.drops
    return merged(Grid(labels, grid.values, grid.present, drops))


def _joined(labels: Labels, target: str, separator: str, sources: list[str]) -> Labels:
    return replaced(labels, target, separator.join(get(labels, source) for source in sources))


def _check_name(name: str, role: str, function: str) -> None:
    """Any UTF-8 text but the empty one may name a label."""
    if not name or any(0xD800 <= ord(char) <= 0xDFFF for char in name):
        raise EvalError(f"invalid {role} label name in {function}(): {name}")


def _expand(match: Match, template: str) -> str:
    groups, names = match.groups(), match.groupdict()

    def value(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        if not name.isdecimal():
            return names.get(name) or ""
        number = int(name)
        if number == 0:
            return match.group(0) or ""
        return (groups[number - 1] or "") if number <= len(groups) else ""

    return _REFERENCE.sub(value, template)


FUNCTIONS = (Function("label_replace", _label_replace), Function("label_join", _label_join))
