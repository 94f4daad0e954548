"""Which samples does an OTLP metrics request hold? (opentelemetry.proto.metrics.v1)

Names, labels and suffixes follow OpenTelemetry's "Prometheus and OpenMetrics Compatibility".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from tocsin.ingest import exponential, otlp_labels, otlp_naming
from tocsin.ingest.config import OtlpConfig
from tocsin.ingest.delta import Totals
from tocsin.ingest.otlp_labels import Origin
from tocsin.ingest.refs import RefCache
from tocsin.kit.clock import Clock
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME
from tocsin.model.samples import REFUSED, STALE, Exemplar, Metadata, SampleBatch, SeriesIntake
from tocsin.model.samples import batch_of as make_batch

_NO_VALUE = pb.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_DELTA = pb.AGGREGATION_TEMPORALITY_DELTA
_MS = 1_000_000
_EXEMPLAR_CHARACTERS = 128
_INFINITE = float("inf")
_TYPES = {"updown": "gauge"}


_AnyPoint: TypeAlias = (
    pb.NumberDataPoint
    | pb.HistogramDataPoint
    | pb.ExponentialHistogramDataPoint
    | pb.SummaryDataPoint
)


@dataclass(slots=True)
class _Found:
    """One request's samples while they are collected."""

    now_ms: int
    refs: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    exemplars: list[Exemplar] = field(default_factory=list)
    metadata: dict[str, Metadata] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Family:
    """What all points of one metric share."""

    name: str
    key: bytes
    base: dict[str, str]
    promoted: dict[str, str]
    is_delta: bool


class _Point:
    """One data point's series; labels are made only when a series is new."""

    def __init__(self, family: _Family, point: _AnyPoint) -> None:
        self.family = family
        self.message = point
        self.key = family.key + b"".join(kv.SerializeToString() for kv in point.attributes)
        self._labels: dict[str, str] | None = None

    def labels(self, suffix: str, extra: tuple[str, str] | None) -> label_sets.Labels:
        if self._labels is None:
            own = otlp_labels.point_labels(self.message.attributes)
            self._labels = {**self.family.promoted, **own, **self.family.base}
        named = {**self._labels, NAME: self.family.name + suffix}
        if extra:
            named[extra[0]] = extra[1]
        return label_sets.from_mapping(named)


class OtlpMetrics:
    """Translates requests of one server; adds up deltas, which needs one instance for all."""

    def __init__(self, series: SeriesIntake, config: OtlpConfig, clock: Clock) -> None:
        self._cache = RefCache(series)
        self._config = config
        self._clock = clock
        self._epoch = series.epoch
        self._totals: Totals[int, float] = Totals(
            lambda total, delta: total + delta,
            clock,
            max_series=config.max_delta_series,
            forget_seconds=config.delta_forget,
        )
        self._buckets_so_far: Totals[bytes, exponential.Buckets] = Totals(
            exponential.summed,
            clock,
            max_series=config.max_delta_series,
            forget_seconds=config.delta_forget,
        )

    def decode(self, request: ExportMetricsServiceRequest) -> SampleBatch:
        """Samples, exemplars and metadata; what cannot be kept is counted in `refused`."""
        self._cache.sync()
        if self._cache.series.epoch != self._epoch:
            self._epoch = self._cache.series.epoch
            self._totals.clear()
        found = _Found(self._clock.now_ms())
        for group in request.resource_metrics:
            origin = otlp_labels.origin_of(group.resource, self._config.promote_resource_attributes)
            before = len(found.ts)
            for scope_group in group.scope_metrics:
                base = dict(origin.labels)
                if self._config.scope_labels:
                    base |= otlp_labels.scope_labels(scope_group.scope)
                key = origin.key + scope_group.scope.SerializeToString()
                for metric in scope_group.metrics:
                    self._metric(metric, origin, base, key, found)
            self._target_info(origin, found, before)
        batch = make_batch(found.refs, found.ts, found.values)
        batch.exemplars = found.exemplars
        batch.metadata = list(found.metadata.values())
        batch.refused = found.refused
        return batch

    def _metric(
        self, metric: pb.Metric, origin: Origin, base: dict[str, str], key: bytes, found: _Found
    ) -> None:
        kind = _kind(metric)
        if not kind:
            found.refused["a metric without data, or of a kind that is not known"] += 1
            return
        suffixes = self._config.add_suffixes
        name = otlp_naming.metric_name(metric.name, metric.unit, kind, suffixes=suffixes)
        if not name:
            found.refused["a metric has no name"] += 1
            return
        found.metadata.setdefault(
            name, Metadata(name, _TYPES.get(kind, kind), metric.description, _unit(metric.unit))
        )
        data = getattr(metric, metric.WhichOneof("data") or "")
        is_delta = getattr(data, "aggregation_temporality", 0) == _DELTA
        family = _Family(
            name,
            b"\x00".join((key, name.encode(), b"")),
            base,
            origin.promoted,
            is_delta and self._config.delta_to_cumulative,
        )
        read = self._readers()[metric.WhichOneof("data") or ""]
        for point in data.data_points:
            read(point, _Point(family, point), found)

    def _readers(self) -> dict[str, Callable[..., None]]:
        return {
            "gauge": self._number,
            "sum": self._number,
            "histogram": self._histogram,
            "exponential_histogram": self._exponential_histogram,
            "summary": self._summary,
        }

    def _number(self, point: pb.NumberDataPoint, of: _Point, found: _Found) -> None:
        kind = point.WhichOneof("value")
        value = float(getattr(point, kind)) if kind else 0.0
        ref = self._put(found, of, "", value)
        self._exemplars(found, point.exemplars, lambda _: ref)

    def _histogram(self, point: pb.HistogramDataPoint, of: _Point, found: _Found) -> None:
        counts, bounds = point.bucket_counts, point.explicit_bounds
        if counts and len(counts) != len(bounds) + 1:
            found.refused["a histogram point needs one more count than bounds"] += 1
            return
        so_far, rising = 0, []
        for bound, count in zip(bounds, counts, strict=False):
            so_far += count
            rising.append((bound, so_far))
        self._buckets(point, of, found, rising, point.count)

    def _exponential_histogram(
        self, point: pb.ExponentialHistogramDataPoint, of: _Point, found: _Found
    ) -> None:
        buckets = exponential.of(
            point.scale,
            point.zero_count,
            point.zero_threshold,
            (point.positive.offset, point.positive.bucket_counts),
            (point.negative.offset, point.negative.bucket_counts),
        )
        if not of.family.is_delta or point.flags & _NO_VALUE:
            self._buckets(point, of, found, buckets.cumulative(), point.count)
            return
        # The bounds of deltas differ from point to point: add up buckets, not series.
        total = self._buckets_so_far.add(of.key, point.time_unix_nano, buckets)
        if isinstance(total, str):
            found.refused[total] += 1
            return
        self._buckets(point, of, found, total.cumulative(), None)

    def _buckets(
        self,
        point: pb.HistogramDataPoint | pb.ExponentialHistogramDataPoint,
        of: _Point,
        found: _Found,
        rising: list[tuple[float, int]],
        count: int | None,
    ) -> None:
        """Write `_bucket`, `_count` and `_sum`; `count` None means: buckets are totals already."""
        refs: list[tuple[float, int]] = []
        total = count is None
        for bound, so_far in rising:
            le = ("le", otlp_naming.bound_text(bound))
            ref = self._put(found, of, "_bucket", float(so_far), le, is_total=total)
            refs.append((bound, ref))
        count_ref = self._put(found, of, "_count", float(point.count))
        if count is None and count_ref != REFUSED and found.refs:
            # The running total that `_count` has just been given is also that of +Inf.
            everything = found.values[-1]
        else:
            everything = float(point.count)
        le = ("le", "+Inf")
        ref = self._put(found, of, "_bucket", everything, le, is_total=total)
        refs.append((_INFINITE, ref))
        if point.HasField("sum"):
            self._put(found, of, "_sum", point.sum)
        self._exemplars(
            found,
            point.exemplars,
            lambda value: next((ref for bound, ref in refs if value <= bound), REFUSED),
        )

    def _summary(self, point: pb.SummaryDataPoint, of: _Point, found: _Found) -> None:
        for entry in point.quantile_values:
            quantile = ("quantile", otlp_naming.bound_text(entry.quantile))
            self._put(found, of, "", entry.value, quantile)
        self._put(found, of, "_sum", point.sum)
        self._put(found, of, "_count", float(point.count))

    def _put(
        self,
        found: _Found,
        of: _Point,
        suffix: str,
        value: float,
        extra: tuple[str, str] | None = None,
        *,
        is_total: bool = False,
    ) -> int:
        """Add one sample; answers its series or REFUSED."""
        key = b"\x00".join((of.key, suffix.encode(), extra[1].encode() if extra else b""))
        ref = self._cache.refs.get(key)
        if ref is None:
            ref = self._cache.learn(key, of.labels(suffix, extra))
        if ref == REFUSED:
            found.refused[self._cache.reason(key)] += 1
            return ref
        point = of.message
        ts = point.time_unix_nano // _MS or found.now_ms
        if point.flags & _NO_VALUE:
            value = STALE
        elif of.family.is_delta and not is_total:
            summed = self._totals.add(ref, ts, value)
            if isinstance(summed, str):
                found.refused[summed] += 1
                return REFUSED
            value = summed
        found.refs.append(ref)
        found.ts.append(ts)
        found.values.append(value)
        return ref

    def _exemplars(
        self, found: _Found, exemplars: Iterable[pb.Exemplar], ref_for: Callable[[float], int]
    ) -> None:
        for exemplar in exemplars:
            kind = exemplar.WhichOneof("value")
            value = float(getattr(exemplar, kind)) if kind else 0.0
            ref = ref_for(value)
            if ref == REFUSED:
                continue
            ts = exemplar.time_unix_nano // _MS or found.now_ms
            found.exemplars.append(Exemplar(ref, ts, value, _exemplar_labels(exemplar)))

    def _target_info(self, origin: Origin, found: _Found, before: int) -> None:
        if not (self._config.target_info and origin.info and len(found.ts) > before):
            return
        key = b"target_info\x00" + origin.key
        ref = self._cache.refs.get(key)
        if ref is None:
            labels = label_sets.from_mapping({**origin.info, NAME: "target_info"})
            ref = self._cache.learn(key, labels)
        if ref == REFUSED:
            found.refused[self._cache.reason(key)] += 1
            return
        found.refs.append(ref)
        found.ts.append(max(found.ts[before:]))
        found.values.append(1.0)


def _kind(metric: pb.Metric) -> str:
    match metric.WhichOneof("data"):
        case "gauge":
            return "gauge"
        case "sum":
            return "counter" if metric.sum.is_monotonic else "updown"
        case "histogram" | "exponential_histogram":
            return "histogram"
        case "summary":
            return "summary"
        case _:
            return ""


def _unit(unit: str) -> str:
    return "_".join(word for word in otlp_naming.unit_words(unit) if word)


def _exemplar_labels(exemplar: pb.Exemplar) -> label_sets.Labels:
    pairs = []
    if exemplar.trace_id:
        pairs.append(("trace_id", exemplar.trace_id.hex()))
    if exemplar.span_id:
        pairs.append(("span_id", exemplar.span_id.hex()))
    more = [(kv.key, otlp_labels.text_of(kv.value)) for kv in exemplar.filtered_attributes]
    if sum(len(name) + len(value) for name, value in pairs + more) <= _EXEMPLAR_CHARACTERS:
        pairs += more
    return label_sets.from_mapping(dict(pairs))


def points_of(request: ExportMetricsServiceRequest) -> int:
    """How many data points the request has."""
    return sum(
        len(getattr(metric, metric.WhichOneof("data") or "gauge").data_points)
        for group in request.resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
    )
