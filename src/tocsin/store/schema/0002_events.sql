-- What happened, with who and where. Exact SQL over single events: counts of people, funnels,
-- percentiles, costs.
CREATE TABLE IF NOT EXISTS events {on_cluster}
(
    ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    name LowCardinality(String),
    kind LowCardinality(String),
    value Float64 CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    page String CODEC(ZSTD(1)),
    release LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    INDEX by_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (name, ts)
TTL toDateTime(ts) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1;
