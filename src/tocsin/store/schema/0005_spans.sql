-- The operations of requests. `kind` and `status` are OpenTelemetry's numbers; `events` and `links`
-- are JSON. `weight` is for how many spans it stands, where sampling kept one of several. A span is
-- named by `batch`, the request that it came in, and `number`, its place there.
CREATE TABLE IF NOT EXISTS spans {on_cluster}
(
    ts DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    service LowCardinality(String),
    name LowCardinality(String),
    kind UInt8 CODEC(ZSTD(1)),
    status UInt8 CODEC(ZSTD(1)),
    duration_ns UInt64 CODEC(T64, ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_id String CODEC(ZSTD(1)),
    environment LowCardinality(String),
    host LowCardinality(String),
    scope LowCardinality(String),
    status_message String CODEC(ZSTD(1)),
    trace_state String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    weight UInt32 DEFAULT 1 CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    events String CODEC(ZSTD(1)),
    links String CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta, ZSTD(1)),
    number UInt32 CODEC(Delta, ZSTD(1)),
    taken DateTime('UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_duration duration_ns TYPE minmax GRANULARITY 1,
    INDEX by_status status TYPE minmax GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (service, ts)
TTL toDateTime(ts) + INTERVAL 14 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

-- When each trace was, so that the spans of one are sought in its minutes only.
CREATE TABLE IF NOT EXISTS traces {on_cluster}
(
    trace_id String CODEC(ZSTD(1)),
    began SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    ended SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    day Date CODEC(ZSTD(1))
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (trace_id, day)
TTL day + INTERVAL 14 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS traces_view {on_cluster} TO traces AS
SELECT trace_id, min(ts) AS began, max(ts + toIntervalNanosecond(duration_ns)) AS ended,
    toDate(ts) AS day
FROM spans
GROUP BY trace_id, day;

-- Requests, failures and durations of each operation in each minute. `bucket` is four times the
-- binary logarithm of the duration in nanoseconds, rounded down: each is 2^(1/4) of the one before.
CREATE TABLE IF NOT EXISTS spans_1m {on_cluster}
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    service LowCardinality(String),
    environment LowCardinality(String),
    name LowCardinality(String),
    kind UInt8 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(ZSTD(1)),
    requests UInt64 CODEC(T64, ZSTD(1)),
    failures UInt64 CODEC(T64, ZSTD(1)),
    total_ns UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = {replicated}SummingMergeTree((requests, failures, total_ns))
PARTITION BY toYYYYMM(minute)
ORDER BY (service, minute, environment, name, kind, bucket)
TTL minute + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS spans_1m_view {on_cluster} TO spans_1m AS
SELECT toStartOfMinute(toDateTime(ts)) AS minute, service, environment, name, kind,
    toUInt16(floor(log2(greatest(duration_ns, 1)) * 4)) AS bucket,
    sum(weight) AS requests, sumIf(weight, status = 2) AS failures,
    sum(duration_ns * weight) AS total_ns
FROM spans
GROUP BY minute, service, environment, name, kind, bucket;
