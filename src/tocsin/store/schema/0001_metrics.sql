-- One row for each series and day on which it was alive, so that old series age out by partition.
CREATE TABLE IF NOT EXISTS series {on_cluster}
(
    metric LowCardinality(String),
    id UInt64,
    labels Map(LowCardinality(String), String),
    day Date
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (metric, id, day)
TTL day + INTERVAL 366 DAY
SETTINGS ttl_only_drop_parts = 1;

-- Timestamps in milliseconds since the epoch. Codecs by measurement (counters, noisy gauges, few
-- values, 15 s): 2.1 bytes a sample; Gorilla, FPC and DoubleDelta take 3.3 to 4.4. A row with an equal (id, ts) replaces the older one.
CREATE TABLE IF NOT EXISTS samples {on_cluster}
(
    id UInt64 CODEC(Delta, ZSTD(1)),
    ts Int64 CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(fromUnixTimestamp64Milli(ts, 'UTC'))
ORDER BY (id, ts)
TTL toDateTime(fromUnixTimestamp64Milli(ts, 'UTC')) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1;

-- One row for each series and five minutes; `ts` is the start. Written from `samples` as a whole,
-- again when late samples arrived, so duplicates and late samples are counted right. Staleness
-- markers are left out; `increase` is the growth of a counter within the row, resets respected.
CREATE TABLE IF NOT EXISTS samples_5m {on_cluster}
(
    id UInt64 CODEC(Delta, ZSTD(1)),
    ts Int64 CODEC(Delta, ZSTD(1)),
    count UInt32 CODEC(T64, ZSTD(1)),
    sum Float64 CODEC(Delta, ZSTD(1)),
    min Float64 CODEC(Delta, ZSTD(1)),
    max Float64 CODEC(Delta, ZSTD(1)),
    first Float64 CODEC(Delta, ZSTD(1)),
    first_ts Int64 CODEC(Delta, ZSTD(1)),
    last Float64 CODEC(Delta, ZSTD(1)),
    last_ts Int64 CODEC(Delta, ZSTD(1)),
    increase Float64 CODEC(Delta, ZSTD(1)),
    version UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(fromUnixTimestamp64Milli(ts, 'UTC'))
ORDER BY (id, ts)
TTL toDateTime(fromUnixTimestamp64Milli(ts, 'UTC')) + INTERVAL 365 DAY
SETTINGS ttl_only_drop_parts = 1;

-- Which hours got samples after they may have been rolled up. Inserts in time add nothing here.
CREATE TABLE IF NOT EXISTS rollup_late {on_cluster}
(
    hour Int64,
    at DateTime64(3, 'UTC')
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY (hour, at)
TTL toDateTime(at) + INTERVAL 7 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_late_view {on_cluster} TO rollup_late AS
SELECT intDiv(ts, 3600000) * 3600000 AS hour, now64(3, 'UTC') AS at
FROM samples
WHERE ts < toUnixTimestamp64Milli(now64(3, 'UTC')) - 1800000
GROUP BY hour;

-- How far the rollups have come.
CREATE TABLE IF NOT EXISTS rollup_state {on_cluster}
(
    name LowCardinality(String),
    value Int64,
    version UInt64
)
ENGINE = {replicated}ReplacingMergeTree(version)
ORDER BY name;

CREATE TABLE IF NOT EXISTS exemplars {on_cluster}
(
    id UInt64 CODEC(Delta, ZSTD(1)),
    ts Int64 CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(Delta, ZSTD(1)),
    labels Map(LowCardinality(String), String)
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(fromUnixTimestamp64Milli(ts, 'UTC'))
ORDER BY (id, ts)
TTL toDateTime(fromUnixTimestamp64Milli(ts, 'UTC')) + INTERVAL 14 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS metric_metadata {on_cluster}
(
    metric String,
    type LowCardinality(String),
    unit LowCardinality(String),
    help String,
    updated DateTime64(3, 'UTC')
)
ENGINE = {replicated}ReplacingMergeTree(updated)
ORDER BY (metric, type);
