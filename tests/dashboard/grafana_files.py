"""Three dashboards in the shapes that Grafana's public schema describes, written for these tests.

A host in today's form, a service in the form before version 5, and logs beside metrics as the API
wraps them.
"""

from __future__ import annotations

from typing import Any

PROMETHEUS = {"type": "prometheus", "uid": "${source}"}
LOKI = {"type": "loki", "uid": "lines"}


def _panel(number: int, kind: str, title: str, place: tuple[int, ...], **more: Any) -> Any:
    x, y, w, h = place
    return {
        "id": number,
        "type": kind,
        "title": title,
        "datasource": PROMETHEUS,
        "gridPos": {"x": x, "y": y, "w": w, "h": h},
        **more,
    }


def _target(expr: str, legend: str = "", **more: Any) -> dict[str, Any]:
    return {"refId": "A", "expr": expr, "legendFormat": legend, **more}


HOST: dict[str, Any] = {
    "uid": "host-today",
    "title": "Machines",
    "schemaVersion": 39,
    "tags": ["linux"],
    "time": {"from": "now-24h", "to": "now"},
    "refresh": "1m",
    "annotations": {"list": [{"builtIn": 1, "name": "Annotations & Alerts"}, {"name": "Deploys"}]},
    "templating": {
        "list": [
            {"name": "source", "type": "datasource", "query": "prometheus"},
            {
                "name": "node",
                "label": "Machine",
                "type": "query",
                "query": {"query": "label_values(node_uname_info, instance)", "refId": "x"},
                "regex": "/(.*):9100/",
                "multi": True,
                "includeAll": True,
                "current": {"value": ["$__all"]},
            },
            {"name": "step", "type": "interval", "query": "1m,5m,1h", "current": {"value": "5m"}},
            {"name": "filters", "type": "adhoc"},
        ]
    },
    "panels": [
        _panel(
            1,
            "stat",
            "CPU",
            (0, 0, 6, 4),
            targets=[
                _target('1 - avg(rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))')
            ],
            fieldConfig={
                "defaults": {
                    "unit": "percentunit",
                    "max": 1,
                    "thresholds": {
                        "mode": "absolute",
                        "steps": [
                            {"color": "green", "value": None},
                            {"color": "orange", "value": 0.8},
                            {"color": "red", "value": 0.95},
                        ],
                    },
                    "mappings": [{"type": "value"}],
                }
            },
            options={"reduceOptions": {"calcs": ["mean"]}, "graphMode": "none"},
        ),
        _panel(
            2,
            "timeseries",
            "Network of $node",
            (6, 0, 18, 8),
            repeat="node",
            targets=[
                _target("rate(node_network_receive_bytes_total[$step])", "{{device}} in"),
                _target("rate(node_network_transmit_bytes_total[$step])", "__auto", hide=True),
            ],
            fieldConfig={
                "defaults": {"unit": "Bps", "custom": {"stacking": {"mode": "normal"}}},
                "overrides": [{"matcher": {}}],
            },
        ),
        {
            "id": 3,
            "type": "row",
            "title": "Disks",
            "collapsed": True,
            "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1},
            "panels": [
                _panel(
                    4, "bargauge", "Full", (0, 9, 12, 8), targets=[_target("node_filesystem_x")]
                ),
                _panel(5, "nodeGraph", "Map", (12, 9, 12, 8)),
            ],
        },
    ],
}

SERVICE: dict[str, Any] = {
    "title": "Service of old",
    "schemaVersion": 12,
    "rows": [
        {
            "title": "Now",
            "height": "250px",
            "panels": [
                {
                    "id": 1,
                    "type": "singlestat",
                    "title": "Errors",
                    "span": 4,
                    "format": "percent",
                    "valueName": "current",
                    "colorValue": True,
                    "colors": ["rgba(50, 172, 45, 0.97)", "rgba(237, 129, 40, 0.89)", "red"],
                    "thresholds": "1,5",
                    "sparkline": {"show": True},
                    "targets": [_target("sum(errors)")],
                },
                {
                    "id": 1,
                    "type": "graph",
                    "title": "Requests",
                    "span": 8,
                    "stack": True,
                    "yaxes": [{"format": "reqps"}, {"format": "short"}],
                    "legend": {"show": True, "alignAsTable": True},
                    "alert": {"name": "many"},
                    "thresholds": [{"value": 100, "colorMode": "critical", "op": "gt"}],
                    "targets": [_target("rate(http_requests_total[5m])", "{{code}}")],
                },
                {
                    "id": 2,
                    "type": "graph",
                    "title": "Wide",
                    "span": 12,
                    "datasource": "InfluxDB main",
                    "targets": [{"refId": "A", "query": "SELECT 1"}],
                },
            ],
        },
        {"collapse": True, "title": "Later", "panels": [{"type": "text", "content": "# hi"}]},
    ],
}

LOGS: dict[str, Any] = {
    "meta": {"slug": "x"},
    "dashboard": {
        "uid": "logs-and-more",
        "title": "Lines",
        "schemaVersion": 36,
        "links": [
            {"type": "dashboards", "title": "Others"},
            {"title": "Wiki", "url": "https://w.example"},
        ],
        "templating": {
            "list": [
                {
                    "name": "app",
                    "type": "custom",
                    "query": "api, Shop : shop",
                    "current": {"value": "api"},
                },
                {"name": "find", "type": "textbox", "query": "timed out"},
                {"name": "region", "type": "constant", "query": "eu"},
            ]
        },
        "panels": [
            _panel(
                1,
                "logs",
                "Lines",
                (0, 0, 24, 8),
                datasource=LOKI,
                targets=[_target('{app="$app", level=~"error|warn"} |= "timed out"')],
            ),
            _panel(
                2,
                "timeseries",
                "Lines a second",
                (0, 8, 12, 8),
                datasource=LOKI,
                targets=[_target('sum by (level) (rate({app="$app"} [1m]))')],
            ),
            _panel(
                3, "logs", "Parsed", (12, 8, 12, 8), targets=[_target('{app="x"} | json | a > 1')]
            ),
            _panel(4, "heatmap", "Heat", (0, 16, 12, 8), targets=[_target("rate(x_bucket[5m])")]),
            _panel(5, "piechart", "Pie", (12, 16, 6, 8), targets=[_target("topk(5, x)")]),
            _panel(
                6,
                "table",
                "Table",
                (18, 16, 6, 8),
                targets=[_target("up")],
                transformations=[{"id": "organize"}, {"id": "merge"}],
            ),
            _panel(
                7, "text", "", (0, 24, 24, 3), options={"mode": "html", "content": "<b>bold</b>"}
            ),
            _panel(8, "stat", "Lib", (0, 27, 6, 4), libraryPanel={"uid": "l"}, targets=[]),
            _panel(9, "gauge", "G", (6, 27, 6, 4), timeFrom="1h", targets=[_target("up")]),
        ],
    },
}
