"""What makes applications send their spans here? Snippets for an empty page of traces."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from tocsin.web.pages.connect import Snippet


def trace_snippets(base: str, key: str) -> Sequence[Snippet]:
    """Snippets for whatever sends spans; `key` has the scope ingest."""
    return (
        Snippet(
            "Any OpenTelemetry SDK",
            "the environment of your application",
            f"export OTEL_SERVICE_NAME=my-service\n"
            f"export OTEL_EXPORTER_OTLP_ENDPOINT={base}\n"
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"
            "export OTEL_TRACES_EXPORTER=otlp\n"
            f"export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{quote(key)}",
        ),
        Snippet(
            "Python",
            "a shell, with the environment above; no line of code changes",
            "pip install opentelemetry-distro opentelemetry-exporter-otlp\n"
            "opentelemetry-bootstrap -a install\n"
            "opentelemetry-instrument python app.py",
        ),
        Snippet(
            "Node.js",
            "a shell, with the environment above; no line of code changes",
            "npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node\n"
            "node --require @opentelemetry/auto-instrumentations-node/register app.js",
        ),
        Snippet(
            "OpenTelemetry Collector",
            "its configuration",
            "exporters:\n  otlphttp/tocsin:\n"
            f"    endpoint: {base}\n    headers:\n      authorization: Bearer {key}\n"
            "service:\n  pipelines:\n    traces:\n      exporters: [otlphttp/tocsin]",
        ),
        Snippet(
            "A first span",
            "a shell",
            f"curl -fsS -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n"
            '  -d \'{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",'
            '"value":{"stringValue":"shell"}}]},"scopeSpans":[{"spans":[{"name":"hello",'
            '"traceId":"\'$(openssl rand -hex 16)\'","spanId":"\'$(openssl rand -hex 8)\'",'
            '"startTimeUnixNano":"\'$(date +%s)\'000000000",'
            '"endTimeUnixNano":"\'$(date +%s)\'250000000"}]}]}]}\' \\\n'
            f"  {base}/v1/traces",
        ),
    )
