-- What applications said. `level` is OpenTelemetry's severity number. A line is named by `batch`,
-- the request that it came in, and `number`, its place there; `taken` is when it came. `weight` is
-- for how many lines it stands, where sampling kept one of several: counts of lines are its sum.
CREATE TABLE IF NOT EXISTS logs {on_cluster}
(
    ts DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    service LowCardinality(String),
    level UInt8 CODEC(ZSTD(1)),
    severity LowCardinality(String),
    body String CODEC(ZSTD(1)),
    host LowCardinality(String),
    environment LowCardinality(String),
    source LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    pattern UInt64 CODEC(ZSTD(1)),
    weight UInt32 DEFAULT 1 CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    original String CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta, ZSTD(1)),
    number UInt32 CODEC(Delta, ZSTD(1)),
    taken DateTime('UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_text lower(body) TYPE text(tokenizer = splitByNonAlpha),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_pattern pattern TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_level level TYPE minmax GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (service, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

-- How many lines of each kind there were in each minute: what histograms and patterns are drawn of.
CREATE TABLE IF NOT EXISTS logs_1m {on_cluster}
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    service LowCardinality(String),
    environment LowCardinality(String),
    level UInt8 CODEC(ZSTD(1)),
    pattern UInt64 CODEC(ZSTD(1)),
    lines UInt64 CODEC(T64, ZSTD(1)),
    bytes UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = {replicated}SummingMergeTree((lines, bytes))
PARTITION BY toYYYYMM(minute)
ORDER BY (service, minute, environment, level, pattern)
TTL minute + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS logs_1m_view {on_cluster} TO logs_1m AS
SELECT toStartOfMinute(toDateTime(ts)) AS minute, service, environment, level, pattern,
    sum(weight) AS lines, sum(length(body) + length(original)) AS bytes
FROM logs
GROUP BY minute, service, environment, level, pattern;

-- The templates that lines were found to follow; the last row of a pattern counts.
CREATE TABLE IF NOT EXISTS log_patterns {on_cluster}
(
    pattern UInt64,
    service LowCardinality(String),
    template String,
    example String,
    first_seen DateTime64(3, 'UTC'),
    updated DateTime64(3, 'UTC')
)
ENGINE = {replicated}ReplacingMergeTree(updated)
ORDER BY (service, pattern)
TTL toDateTime(updated) + INTERVAL 90 DAY;
