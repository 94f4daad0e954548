"""What makes applications send their lines here? Snippets for an empty page of logs."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from tocsin.web.pages.connect import Snippet


def log_snippets(base: str, key: str) -> Sequence[Snippet]:
    """Snippets for whatever ships lines; `key` has the scope ingest."""
    return (
        Snippet(
            "A first line",
            "a shell",
            f"curl -fsS -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n"
            '  -d \'{"level":"info","message":"hello","service":"shell"}\' \\\n'
            f"  {base}/api/logs/lines",
        ),
        Snippet(
            "winston (Node.js)",
            "npm install winston winston-elasticsearch",
            "import winston from 'winston'\n"
            "import { ElasticsearchTransport } from 'winston-elasticsearch'\n\n"
            "export const logger = winston.createLogger({\n"
            "  transports: [new ElasticsearchTransport({\n"
            f"    clientOpts: {{ node: '{base}/elasticsearch',\n"
            f"      auth: {{ bearer: '{key}' }} }},\n  }})],\n}})",
        ),
        Snippet(
            "Loki's clients: Promtail, Alloy, winston-loki",
            "their configuration; the address is Loki's own",
            f"clients:\n  - url: {base}/loki/api/v1/push\n    bearer_token: {key}",
        ),
        Snippet(
            "OpenTelemetry SDK or Collector",
            "the environment of your application",
            f"export OTEL_EXPORTER_OTLP_ENDPOINT={base}\n"
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"
            "export OTEL_LOGS_EXPORTER=otlp\n"
            f"export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{quote(key)}",
        ),
        Snippet(
            "Docker containers",
            "the command that runs them, with Loki's log driver",
            "docker plugin install grafana/loki-docker-driver --alias loki "
            "--grant-all-permissions\n"
            "docker run --log-driver loki \\\n"
            f"  --log-opt loki-url={base.replace('://', f'://tocsin:{key}@')}/loki/api/v1/push "
            "…",
        ),
    )
