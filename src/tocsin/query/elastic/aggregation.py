"""What does the `aggs` of a search ask for? A tree of buckets and numbers.

https://www.elastic.co/docs/reference/aggregations/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tocsin.query.elastic import option
from tocsin.query.elastic.dsl import DEEPEST
from tocsin.query.elastic.faults import parsing

METRICS = (
    *("value_count", "cardinality", "avg", "min", "max", "sum", "stats", "extended_stats"),
    *("percentiles", "percentile_ranks", "median_absolute_deviation"),
)
BUCKETS = (
    *("terms", "date_histogram", "auto_date_histogram", "histogram", "filter", "filters"),
    *("missing", "global", "range", "date_range", "nested", "significant_terms", "rare_terms"),
)
PIPELINES = ("bucket_sort", "max_bucket", "min_bucket", "avg_bucket", "sum_bucket")


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One named aggregation with those inside its buckets."""

    name: str
    kind: str
    body: Mapping[str, Any]  # its options, checked where each is read
    inside: tuple[Aggregation, ...]
    meta: Mapping[str, Any] | None

    @property
    def is_metric(self) -> bool:
        """Whether it is a number, not buckets."""
        return self.kind in METRICS

    @property
    def field(self) -> str:
        """The field; raises ElasticFault when none is named."""
        found = self.body.get("field")
        if not isinstance(found, str) or not found:
            raise parsing(
                f"Required one of fields [field, script], but none were specified in [{self.name}]"
            )
        return found


def aggregations_of(content: object, depth: int = 0) -> tuple[Aggregation, ...]:
    """The tree; raises ElasticFault for kinds that are not known."""
    if content is None:
        return ()
    if not isinstance(content, dict) or depth > DEEPEST:
        raise parsing("Found two aggregation type definitions, or none, in [aggs]")
    return tuple(_one(str(name), body, depth) for name, body in content.items())


def _one(name: str, content: object, depth: int) -> Aggregation:
    if not isinstance(content, dict):
        raise parsing(f"Expected [START_OBJECT] under [{name}], but got a value")
    kinds = [kind for kind in content if kind not in ("aggs", "aggregations", "meta")]
    if len(kinds) != 1:
        raise parsing(f"Missing definition for aggregation [{name}], or more than one")
    kind = kinds[0]
    if kind not in METRICS and kind not in BUCKETS:
        raise parsing(f"Unknown aggregation type [{str(kind)[:100]}]")
    inner = content.get("aggs", content.get("aggregations"))
    if kind in METRICS and inner:
        raise parsing(f"Aggregator [{name}] of type [{kind}] cannot accept sub-aggregations")
    meta = content.get("meta")
    return Aggregation(
        name,
        kind,
        option.inner(content[kind], kind),
        aggregations_of(inner, depth + 1),
        None if meta is None else option.inner(meta, "meta"),
    )
