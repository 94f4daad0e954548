"""What does the demo watch its application for? A rule file of Prometheus, to be edited."""

from __future__ import annotations

RULES = """\
# Written by `tocsin demo` at its first start; edit it as you like, it is read again by itself.
groups:
  - name: shop
    rules:
      - alert: HighErrorRate
        expr: sum by (job) (rate(http_requests_total{status_code=~"5.."}[5m])) > 0.1
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.job }} answers with errors"
          description: "{{ $value | humanize }} requests a second fail."

      - alert: HighResponseTime
        expr: >-
          histogram_quantile(0.95,
          sum by (job, le) (rate(http_request_duration_seconds_bucket[5m]))) > 2
        for: 1m
        labels: {severity: warning}
        annotations:
          summary: "{{ $labels.job }} is slow"
          description: "One request in twenty takes more than {{ $value | humanizeDuration }}."

      - alert: DatabaseConnectionFailure
        expr: increase(database_connection_errors_total[5m]) > 5
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.job }} cannot reach its database"
          description: '{{ $value | printf "%.0f" }} connections failed in the last 5 minutes.'

      - alert: HighMemoryUsage
        expr: process_resident_memory_bytes / 1024 / 1024 > 300
        for: 1m
        labels: {severity: warning}
        annotations:
          summary: "{{ $labels.job }} uses much memory"
          description: '{{ $value | printf "%.0f" }} MB are in use.'

  - name: machine
    rules:
      - alert: LowDiskSpace
        expr: 100 * node_filesystem_avail_bytes / node_filesystem_size_bytes < 10
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.mountpoint }} is nearly full"
          description: '{{ $value | printf "%.1f" }} % are free.'

      - alert: TargetDown
        expr: up == 0
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.instance }} of {{ $labels.job }} does not answer"
"""
