-- Errors of applications, each whole; the issue that one belongs to is kept in the SQL database.
CREATE TABLE IF NOT EXISTS errors {on_cluster}
(
    ts DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    project LowCardinality(String),
    issue UInt64 CODEC(ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    kind LowCardinality(String),
    value String CODEC(ZSTD(1)),
    culprit String CODEC(ZSTD(1)),
    level UInt8 CODEC(ZSTD(1)),
    source LowCardinality(String),
    platform LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    host LowCardinality(String),
    user_id String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    transaction LowCardinality(String),
    handled Bool CODEC(ZSTD(1)),
    weight UInt32 CODEC(ZSTD(1)),
    tags Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    content String CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta, ZSTD(1)),
    number UInt32 CODEC(Delta, ZSTD(1)),
    taken DateTime('UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_event event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_user user_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (project, issue, ts)
TTL toDateTime(ts) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;
