"""Where does data come in over HTTP?"""

from __future__ import annotations

from tocsin.web.api import (
    cardinality,
    datadog,
    datadog_logs,
    elasticsearch,
    elasticsearch_cluster,
    log_agent,
    log_ingest,
    loki_push,
    otlp,
    pushgateway,
    remote_write,
    sentry,
    tocsin_push,
    zipkin,
)
from tocsin.web.routing import Addresses

ADDRESSES: Addresses = (
    *remote_write.ADDRESSES,
    *otlp.ADDRESSES,
    *pushgateway.ADDRESSES,
    *tocsin_push.ADDRESSES,
    *datadog.ADDRESSES,
    *log_agent.ADDRESSES,
    *datadog_logs.ADDRESSES,
    *log_ingest.ADDRESSES,
    *loki_push.ADDRESSES,
    *zipkin.ADDRESSES,
    *elasticsearch_cluster.ADDRESSES,
    *elasticsearch.ADDRESSES,
    *elasticsearch_cluster.INDEX_ADDRESSES,
    *cardinality.ADDRESSES,
    *sentry.ADDRESSES,
)
"""Everything, for the main port."""

OTLP_ADDRESSES: Addresses = otlp.OTLP_ADDRESSES
"""What OpenTelemetry's own HTTP port answers."""
