-- What a sender calls a line that it may send again in another request (a hash of its index and id,
-- or of its document): it is known by it over a restart. 0 is for lines that do not come again.
ALTER TABLE logs {on_cluster} ADD COLUMN IF NOT EXISTS name UInt64 CODEC(ZSTD(1));

-- What came lately is asked for at each start.
ALTER TABLE logs {on_cluster} ADD INDEX IF NOT EXISTS by_taken taken TYPE minmax GRANULARITY 1;
