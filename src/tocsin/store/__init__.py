"""Telemetry: append and scan, over ClickHouse's HTTP protocol; it knows no client's protocol."""
