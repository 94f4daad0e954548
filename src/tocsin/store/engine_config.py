"""How is the embedded engine kept small? Its server configuration and every query's limits.

What chdb honours, as measured: the caches, pools and merge settings below (`system.server_settings`
shows them changed), `max_server_memory_usage` (error 241 "(total)"), every query setting by `SET`,
`KILL QUERY`, and `SYSTEM JEMALLOC PURGE`, which with `malloc_trim` takes a child of 413 MiB back to
188 MiB after heavy queries. `SYSTEM RELOAD CONFIG` and users it does not.
"""

from __future__ import annotations

import os
from pathlib import Path

from tocsin.store.endpoint import EngineOptions

_CONFIG = """<clickhouse>
  <mark_cache_size>16777216</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <index_mark_cache_size>4194304</index_mark_cache_size>
  <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
  <primary_index_cache_size>8388608</primary_index_cache_size>
  <mmap_cache_size>64</mmap_cache_size>
  <compiled_expression_cache_size>1048576</compiled_expression_cache_size>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>
  <background_common_pool_size>2</background_common_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <max_thread_pool_size>128</max_thread_pool_size>
  <max_thread_pool_free_size>8</max_thread_pool_free_size>
  <max_io_thread_pool_size>8</max_io_thread_pool_size>
  <max_io_thread_pool_free_size>0</max_io_thread_pool_free_size>
  <max_backups_io_thread_pool_size>4</max_backups_io_thread_pool_size>
  <max_active_parts_loading_thread_pool_size>4</max_active_parts_loading_thread_pool_size>
  <backups><allowed_path>/</allowed_path></backups>
  <merge_tree>
    <old_parts_lifetime>{parts_lifetime}</old_parts_lifetime>
    <cleanup_delay_period>10</cleanup_delay_period>
    <max_cleanup_delay_period>30</max_cleanup_delay_period>
    <merge_max_block_size>4096</merge_max_block_size>
    <max_bytes_to_merge_at_max_space_in_pool>2147483648</max_bytes_to_merge_at_max_space_in_pool>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    <fsync_after_insert>{fsync}</fsync_after_insert>
    <fsync_part_directory>{fsync}</fsync_part_directory>
    <min_rows_to_fsync_after_merge>{fsync}</min_rows_to_fsync_after_merge>
  </merge_tree>
</clickhouse>
"""
"""Merged-away parts stay on disk until they are `old_parts_lifetime` old and the cleaner passes by
(up to `max_cleanup_delay_period`); by default that keeps 2 to 2.7 times the real size. Merges are
capped at 2 GiB so that one never needs as much free space again as a whole day holds."""


def write_config(options: EngineOptions) -> Path:
    """Write `engine.xml` beside the engine's data and return its path."""
    path = Path(options.data_dir) / "engine.xml"
    text = _CONFIG.format(
        memory=options.memory_limit,
        # Without fsync a merged part may still be in the page cache only: keep its sources longer.
        parts_lifetime=30,
        fsync=int(options.fsync),
    )
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)
    return path


def connection_string(options: EngineOptions) -> str:
    """What `chdb` opens: the folder, and the configuration as a query string.

    Changes into the data folder first: chdb has no escape for `?` and `&` in a folder's name.
    """
    write_config(options)
    os.chdir(options.data_dir)
    return "engine?config-file=engine.xml"


def query_defaults(options: EngineOptions) -> dict[str, str]:
    """Settings that hold for every query unless its caller gives others."""
    threads = max(1, min(options.query_threads, os.cpu_count() or 1))
    return {
        "max_execution_time": f"{options.query_seconds:g}",
        "max_memory_usage": str(options.query_memory_limit),
        "max_threads": str(threads),
        "max_insert_threads": "1",
        "max_query_size": str(16 << 20),
        "max_ast_elements": "500000",
        "max_expanded_ast_elements": "500000",
        "max_result_bytes": str(options.query_memory_limit),
        "max_partitions_per_insert_block": "0",
        "input_format_parallel_parsing": "0",
        "output_format_parallel_formatting": "0",
        "log_queries": "0",
    }
