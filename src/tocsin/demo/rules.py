"""What does the demo watch its application for, and whom does it tell? Two files, to be edited."""

from __future__ import annotations

_CONFIG = """\
# Written by `tocsin demo` at its first start; edit it as you like, it is read again by itself.
prometheus: prometheus.yml
scrape:
  interval: 5s

# Beside the rules of rules.yml, which are Prometheus's, those in plain words.
alerts:
  serviceDown: {condition: http_status_5xx_rate > 50%, duration: 1m, severity: critical,
    by: [service], message: "{{ $labels.service }} answers with errors alone"}
  slowResponse: {condition: p95_response_time > 2000ms, recover: p95_response_time < 1500ms,
    duration: 5m, severity: high, by: [service], message: "{{ $labels.service }} is slow"}
  highMemoryUsage: {condition: memory_usage > 90%, duration: 10m, severity: medium,
    message: "{{ $labels.instance }} is short of memory"}
  aiServiceSlow: {condition: ai_analysis_latency > 10000ms, duration: 1m, severity: medium,
    message: "The assistant takes {{ $value | humanizeDuration }}"}
  lowUserActivity: {condition: daily_active_users < 50, duration: 1h, severity: low,
    message: "Only {{ $value }} people came today"}
  diskFull: {condition: disk full within 4h, duration: 10m, severity: high,
    message: "{{ $labels.mountpoint }} will be full soon"}
# What burns a budget is told in the chat; it opens no incident, as what causes it does.
slos:
  - {name: shop, objective: 99%, window: 7d, indicator: 'error_rate{job="shop"}', severity: high,
    labels: {incident: none}, about: People can look around and buy.}
  - {name: fast, objective: 95%, window: 7d, indicator: 'response_time{job="shop"}', below: 300ms,
    severity: high, labels: {incident: none}, about: Pages come at once.}

# What is asked from outside, as people ask it. The rules tell of what is wrong; these only show it.
monitors:
  - {name: Shop, url: "{shop}/health", contains: healthy, every: 15s, timeout: 5s, alert: false,
    labels: {service: shop}}
  - {name: Products, url: "{shop}/api/products", every: 15s, timeout: 5s, alert: false,
    labels: {service: shop}}
  - {name: Inbox, tcp: "{inbox_server}", every: 30s, timeout: 5s, alert: false}

severities:
  critical:
    description: People cannot use the shop
    response_time: 5 minutes
    channels: [pagerduty, chat]
    group_wait: 10s
    group_interval: 30s
  high: {description: People notice, response_time: 15 minutes, channels: [chat], group_wait: 10s}
  medium: {description: Somebody should look, response_time: 1 hour, channels: [chat],
    also: [warning]}
  low: {description: Good to know, response_time: 24 hours, channels: [chat]}
alerting:
  immediate:
    - {metric: "*error*", above: 0, severity: medium}
  dependencies:
    - name: the shop needs its database
      when: ['alertname="DatabaseConnectionFailure"']
      suppress: ['alertname=~"High(ErrorRate|ResponseTime)|serviceDown|slowResponse|SloBudgetBurn"']
  # All of them end in the inbox of the demo.
  channels:
    chat: {kind: slack, api_url: "{inbox}/chat", channel: "#alerts", send_resolved: true}
    pagerduty: {kind: pagerduty, url: "{inbox}/pagerduty/v2/enqueue", routing_key: demo}

# Whose errors belong together; the number is what the DSN of an SDK ends with. A new issue is
# shown, and tells nobody by itself: the alerts above tell of what people notice.
projects:
  shop: {number: 7, platform: python, services: [shop, worker, partner], alert_on: []}
# The shop tells its errors itself; its spans record the same ones once more.
errors: {from_spans: no}

# Who is called: ana and ben take turns, the other one is second, then carla is called.
oncall:
  people:
    ana: {full_name: Ana Alves, timezone: Europe/Lisbon,
      methods: [{name: phone, kind: sms, address: "+15550100001"}]}
    ben: {full_name: Ben Busch, timezone: Europe/Berlin,
      methods: [{name: phone, kind: sms, address: "+15550100002"}]}
    carla: {full_name: Carla Conti, timezone: Europe/Rome,
      methods: [{name: phone, kind: sms, address: "+15550100003"}]}
  schedules:
    shop:
      timezone: Europe/Berlin
      layers:
        - {name: week, people: [ana, ben], rotation: weekly, handoff: Mon 09:00,
          start: 2026-01-05}
  paging:
    sms: {kind: twilio, api_url: "{inbox}/twilio", account_sid: demo, auth_token: demo,
      from: "+15550100000"}
  policies:
    default:
      steps:
        - {notify: "schedule:shop", timeout: 1m}
        - {notify: "schedule:shop:secondary", timeout: 1m}
        - {notify: carla, timeout: 5m}

# What follows from a severity: critical alerts open a P0, high ones a P1, medium ones a P2.
incidents:
  auto_resolve: 1m
  severities:
    P0:
      actions:
        - Page on-call engineer immediately
        - {do: post, channel: chat}
        - Begin status page updates
        - Start incident timeline documentation
        - Agree with support on what to answer
    P1: {actions: [{do: post, channel: chat}]}
    P2: {escalation: none}

# http://…/status: what everybody may know.
status_page:
  title: The demo shop
  groups:
    - name: Shop
      components:
        - {name: Website, monitor: 'up{job="shop"}', services: [shop],
          alerts: 'service="shop",severity="critical"', description: Look around and buy}
        - {name: Orders, monitor: 'up{job="worker"}', services: [worker],
          alerts: 'service="worker",severity="critical"', description: Orders are packed and sent}
    - name: Partners
      components:
        - {name: Delivery times, monitor: 'up{job="partner"}', services: [partner]}
"""


def config_of(inbox: str, shop: str) -> str:
    """The demo's `tocsin.yaml`, of those addresses."""
    text = _CONFIG.replace("{inbox_server}", inbox.removeprefix("http://"))
    return text.replace("{inbox}", inbox).replace("{shop}", shop)


RULES = """\
# Written by `tocsin demo` at its first start; edit it as you like, it is read again by itself.
groups:
  - name: shop
    rules:
      - alert: HighErrorRate
        expr: sum by (job, service) (rate(http_requests_total{status_code=~"5.."}[1m])) > 0.1
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.job }} answers with errors"
          description: "{{ $value | humanize }} requests a second fail."

      - alert: HighResponseTime
        expr: >-
          histogram_quantile(0.95,
          sum by (job, service, le) (rate(http_request_duration_seconds_bucket[1m]))) > 2
        for: 1m
        labels: {severity: warning}
        annotations:
          summary: "{{ $labels.job }} is slow"
          description: "One request in twenty takes more than {{ $value | humanizeDuration }}."

      - alert: DatabaseConnectionFailure
        expr: increase(database_connection_errors_total[2m]) > 5
        for: 20s
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.job }} cannot reach its database"
          description: '{{ $value | printf "%.0f" }} connections failed in the last 2 minutes.'

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
"""The demo's `rules.yml`."""
