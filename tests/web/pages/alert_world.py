"""A product with a rule file of its own and a second's interval, for tests of alerts and rules."""

from __future__ import annotations

RULES = """\
groups:
  - name: shop
    interval: 1s
    rules:
      - record: shop:load
        expr: sum(shop_load)
      - alert: ShopBusy
        expr: shop_load > 10
        labels: {severity: critical, service: shop}
        annotations:
          summary: "{{ $labels.node }} has a load of {{ $value }}"
          runbook_url: https://wiki.example/shop-busy
      - alert: ShopSlow
        expr: shop_seconds > 1
        for: 1h
        labels: {severity: warning, service: shop}
"""

ROUTES = """\
route: {receiver: team, group_by: [alertname], group_wait: 1s}
receivers:
  - name: team
    webhook_configs: [{url: "http://127.0.0.1:9/hook"}]
"""

CONFIG = """
listen: {statsd: "127.0.0.1:0"}
ingest: {statsd: {flush_interval: 1s}}
prometheus:
  global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
  rule_files: [rules.yml]
alertmanager: alertmanager.yml
"""
