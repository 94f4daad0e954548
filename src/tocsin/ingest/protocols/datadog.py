"""What do Datadog's clients send as series? (API v1 and v2, "Submit metrics")

https://docs.datadoghq.com/api/latest/metrics/
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tocsin.ingest import naming
from tocsin.ingest.tags import tag_labels
from tocsin.kit.fault import Rejected
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME, Labels
from tocsin.model.samples import REFUSED, Metadata, SampleBatch, SeriesIntake, batch_of

_LAST_SECOND = 1e12
_NO_NAME = "a series has no metric name"
_NO_POINT = "a point is no pair of a time and a number"

Series = Mapping[str, Any]  # one object of the JSON


class Datadog:
    """Translates bodies of both versions; a metric `a.b` becomes `a_b`."""

    def __init__(self, series: SeriesIntake, *, dotted_names: bool = True) -> None:
        self._series = series
        self._dotted = dotted_names

    def decode(self, body: bytes, now_ms: int) -> SampleBatch:
        """Samples as sent, whatever the type; raises Rejected when the body is no `{"series": []}`.

        Series and points that cannot be taken are counted in `refused`.
        """
        refs: list[int] = []
        ts: list[int] = []
        values: list[float] = []
        refused: Counter[str] = Counter()
        metadata: dict[str, Metadata] = {}
        for one in _series_of(body):
            metric = one.get("metric")
            points = one.get("points")
            if not isinstance(metric, str) or not metric or not isinstance(points, list):
                refused[_NO_NAME] += 1
                continue
            good = [point for point in (_point(raw, now_ms) for raw in points) if point]
            if len(good) < len(points):
                refused[_NO_POINT] += len(points) - len(good)
            for labels in self._labels(metric, one):
                ref = self._series.ref(labels)
                if ref == REFUSED:
                    refused[self._series.why(labels)] += len(good)
                    continue
                for at, value in good:
                    refs.append(ref)
                    ts.append(at)
                    values.append(value)
            unit = one.get("unit")
            if isinstance(unit, str) and unit:
                name = naming.metric_name(metric)
                metadata[name] = Metadata(name, "gauge", unit=unit)
        batch = batch_of(refs, ts, values)
        batch.refused = refused
        batch.metadata = list(metadata.values())
        return batch

    def _labels(self, metric: str, one: Series) -> Iterator[Labels]:
        tags = tag_labels(one.get("tags"))
        for kind, name in _resources(one):
            tags.setdefault(kind, name)
        plain = naming.metric_name(metric)
        yield label_sets.from_mapping({**tags, NAME: plain})
        if plain != metric and self._dotted:
            yield label_sets.from_mapping({**tags, NAME: metric})


def _series_of(body: bytes) -> list[Series]:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not valid JSON: {error}") from error
    series = data.get("series") if isinstance(data, dict) else None
    if not isinstance(series, list):
        raise Rejected('the body has no list "series"')
    return [one if isinstance(one, dict) else {} for one in series]


def _resources(one: Series) -> Iterator[tuple[str, str]]:
    """`host` and `device` of v1, the resources of v2."""
    for key in ("host", "device"):
        if isinstance(one.get(key), str):
            yield key, one[key]
    resources = one.get("resources")
    for resource in resources if isinstance(resources, list) else []:
        if isinstance(resource, dict):
            kind, name = resource.get("type"), resource.get("name")
            if isinstance(kind, str) and kind and isinstance(name, str):
                label = naming.label_name(kind)
                if not label.startswith("__"):
                    yield label, name


def _point(raw: object, now_ms: int) -> tuple[int, float] | None:
    """(milliseconds, value) of `[seconds, value]` or `{timestamp, value}`."""
    if isinstance(raw, dict):
        at, value = raw.get("timestamp"), raw.get("value")
    elif isinstance(raw, list) and len(raw) == 2:
        at, value = raw
        # Distributions send `[seconds, [values]]`.
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
    else:
        return None
    seconds, number = _number(at), _number(value)
    if number is None or (seconds is None and at is not None) or abs(seconds or 0) > _LAST_SECOND:
        return None
    return (now_ms if seconds is None else round(seconds * 1000)), number


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and abs(number) < 1e300 else None
