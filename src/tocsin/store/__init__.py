"""Telemetry: append and scan, over ClickHouse's HTTP protocol; knows no wire protocol of clients."""
