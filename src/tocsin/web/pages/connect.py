"""How does what people have send here, or ask here? Snippets with their own address and key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from starlette.requests import Request

from tocsin.web.services import services

PLACEHOLDER = "YOUR_KEY"
"""What stands for a key until there is one."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """What to write where, for one thing that people have."""

    name: str
    where: str
    text: str


def address_of(request: Request) -> str:
    """How others reach this Tocsin: as configured, else as the browser did."""
    return services(request).config.external_url.rstrip("/") or str(request.base_url).rstrip("/")


def statsd_of(request: Request) -> str:
    """The UDP address of StatsD, empty when it is not open."""
    listen = services(request).config.effective().get("listen")
    return str(listen.get("statsd") or "") if isinstance(listen, Mapping) else ""


def browser(base: str, key: str) -> Snippet:
    """For pages of a site; `key` is a browser key."""
    return Snippet(
        "A page of your site",
        "JavaScript",
        f"navigator.sendBeacon('{base}/api/metrics?key={key}',\n"
        "  JSON.stringify({ name: 'page_view', value: 1, tags: { page: location.pathname } }))",
    )


def sending(base: str, key: str, statsd: str = "") -> Sequence[Snippet]:
    """Snippets for whatever sends; `key` has the scope ingest. `statsd` is its address, if open."""
    return (
        Snippet(
            "Prometheus",
            "prometheus.yml of the Prometheus that forwards",
            f"remote_write:\n  - url: {base}/api/v1/write\n"
            f"    authorization:\n      credentials: {key}",
        ),
        Snippet(
            "OpenTelemetry SDK",
            "the environment of your application",
            f"export OTEL_EXPORTER_OTLP_ENDPOINT={base}\n"
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"
            f"export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{quote(key)}",
        ),
        Snippet(
            "A script or a cron job",
            "a shell; as to a Pushgateway",
            f"echo 'backup_last_success_timestamp_seconds '$(date +%s) \\\n"
            f"  | curl -fsS -H 'Authorization: Bearer {key}' --data-binary @- \\\n"
            f"    {base}/metrics/job/backup",
        ),
        Snippet(
            "trackMetric of a web application",
            "JavaScript; in a browser use a browser key instead",
            "export const trackMetric = (name, value, tags) =>\n"
            f"  fetch('{base}/api/metrics', {{\n    method: 'POST',\n"
            "    headers: {\n      'Content-Type': 'application/json',\n"
            f"      Authorization: 'Bearer {key}',\n    }},\n"
            "    body: JSON.stringify({ name, value, tags, timestamp: Date.now() }),\n  })",
        ),
        _statsd(base, statsd),
    )


def _statsd(base: str, statsd: str) -> Snippet:
    host, _, port = statsd.rpartition(":")
    host = urlsplit(base).hostname or "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
    if statsd:
        send = f"echo 'jobs.done:1|c|#queue:mail' > /dev/udp/{host}/{port}"
        return Snippet("StatsD and DogStatsD", "a bash shell; UDP, no key", send)
    return Snippet(
        "StatsD and DogStatsD",
        "off until tocsin.yaml says this; then UDP to that address, no key",
        "listen:\n  statsd: 127.0.0.1:8125",
    )


def scraping() -> Sequence[Snippet]:
    """Snippets for what Tocsin fetches by itself."""
    return (
        Snippet(
            "An exporter",
            "tocsin.yaml; it is read again by itself",
            "prometheus:\n  scrape_configs:\n    - job_name: node\n"
            "      static_configs:\n        - targets: [localhost:9100]",
        ),
        Snippet(
            "Your prometheus.yml, unchanged",
            "tocsin.yaml",
            "prometheus: /etc/prometheus/prometheus.yml",
        ),
    )


def asking(base: str, key: str) -> Sequence[Snippet]:
    """Snippets for whatever asks; `key` has the scope read."""
    return (
        Snippet(
            "Grafana",
            "provisioning/datasources/tocsin.yaml of Grafana",
            "apiVersion: 1\ndatasources:\n  - name: Tocsin\n    type: prometheus\n"
            f"    access: proxy\n    url: {base}\n    isDefault: true\n"
            "    jsonData:\n      httpMethod: POST\n      httpHeaderName1: Authorization\n"
            f"    secureJsonData:\n      httpHeaderValue1: Bearer {key}",
        ),
        Snippet(
            "A terminal",
            "a shell",
            f"curl -fsS -H 'Authorization: Bearer {key}' \\\n  '{base}/api/v1/query?query=up'",
        ),
    )
