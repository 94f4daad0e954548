"""Elasticsearch's search over log lines: its query DSL, its aggregations, its answers."""
