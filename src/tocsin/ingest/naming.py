"""Is this label set one that may be stored?"""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME, Labels

_NOT_METRIC = re.compile(r"[^a-zA-Z0-9_:]")
_NOT_LABEL = re.compile(r"[^a-zA-Z0-9_]")

METADATA_TYPES = (
    "unknown",
    "counter",
    "gauge",
    "histogram",
    "gaugehistogram",
    "summary",
    "info",
    "stateset",
)
"""The numbers of prometheus.MetricMetadata.MetricType and io.prometheus.write.v2's."""


def checked(pairs: list[tuple[str, str]]) -> Labels:
    """Sorted labels; raises Rejected without a metric's name or with a name given twice."""
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        twice = next(name for name in names if sum(name == other for other, _ in pairs) > 1)
        raise Rejected(f"a series has the label {twice!r} twice")
    if "" in names:
        raise Rejected("a series has a label without a name")
    labels = label_sets.make(pairs)
    if not label_sets.get(labels, NAME):
        raise Rejected("a series has no metric name (label __name__)")
    return labels


def metric_name(text: str) -> str:
    """`text` as a name that PromQL reads without quotes: other characters become underscores."""
    name = _NOT_METRIC.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name


def label_name(text: str) -> str:
    """`text` as a label name that PromQL reads without quotes."""
    name = _NOT_LABEL.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name
