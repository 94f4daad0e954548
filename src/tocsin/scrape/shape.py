"""What happens to the labels of a newly seen series: target labels, relabelling, limits."""

from __future__ import annotations

import re

from tocsin.ingest.exposition import Shape
from tocsin.kit.fault import Rejected
from tocsin.model import labels as model
from tocsin.model.labels import NAME, Labels
from tocsin.scrape.config import Job
from tocsin.scrape.relabel import Relabeling, is_legacy_label_name

_LEGACY_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def shape_of(job: Job, target_labels: Labels) -> Shape:
    """The function that an ExpositionReader calls once a series; None drops the series.

    It raises Rejected when a limit of the job is exceeded, which fails the scrape.
    """
    relabeling = Relabeling(job.config.metric_relabel_configs)
    honor = job.config.honor_labels

    def shape(exposed: Labels) -> Labels | None:
        if job.legacy_names:
            _check_legacy(exposed)
        labels = merged(exposed, target_labels, honor=honor)
        if relabeling.rules:
            if relabeling.apply(labels) is not None:
                return None
            if not labels.get(NAME):
                raise Rejected("the metric has no name after metric_relabel_configs")
        made = model.from_mapping(labels)
        _check_limits(job, made)
        return made

    return shape


def merged(exposed: Labels, target_labels: Labels, *, honor: bool) -> dict[str, str]:
    """The series' own labels and the target's; on conflict `honor_labels` decides who is renamed
    to `exported_…`."""
    labels = dict(exposed)
    if honor:
        for name, value in target_labels:
            labels.setdefault(name, value)
        return labels
    for name, value in target_labels:
        if name in labels:
            exported = f"exported_{name}"
            while exported in labels or any(exported == other for other, _ in target_labels):
                exported = f"exported_{exported}"
            labels[exported] = labels[name]
        labels[name] = value
    return labels


def _check_legacy(labels: Labels) -> None:
    for name, value in labels:
        if name == NAME and not _LEGACY_METRIC.fullmatch(value):
            raise Rejected(f"invalid metric name {value!r} (metric_name_validation_scheme: legacy)")
        if not is_legacy_label_name(name):
            raise Rejected(f"invalid label name {name!r} (metric_name_validation_scheme: legacy)")


def _check_limits(job: Job, labels: Labels) -> None:
    metric = model.metric_name(labels)
    if job.label_limit and len(labels) > job.label_limit:
        raise Rejected(f"label_limit exceeded: {metric} has {len(labels)}, limit {job.label_limit}")
    if not (job.label_name_length_limit or job.label_value_length_limit):
        return
    longest_name = job.label_name_length_limit or 1 << 30
    longest_value = job.label_value_length_limit or 1 << 30
    for name, value in labels:
        if len(name.encode()) > longest_name:
            raise Rejected(f"label_name_length_limit exceeded: {metric} has {name!r:.80}")
        if len(value.encode()) > longest_value:
            raise Rejected(f"label_value_length_limit exceeded: {metric} has {name}={value!r:.80}")
