"""What makes applications send their errors here? Snippets for the SDKs of Sentry and without."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from tocsin.web.pages.connect import Snippet


def dsn_of(base: str, key: str, number: int | str) -> str:
    """The address with a key that an SDK is given: `https://<key>@<host>/<project number>`."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{key}@{parts.netloc}{parts.path.rstrip('/')}/{number}"


def error_snippets(base: str, dsn: str, key: str, first: str = "") -> Sequence[Snippet]:
    """Snippets for whatever has errors; `dsn` is a project's, `key` has the scope ingest. That of
    the platform `first` stands before the others."""
    told = (*_of_sdks(dsn), *_of_others(base, dsn, key))
    return sorted(told, key=lambda one: not _is_of(one.name, first))


def _of_sdks(dsn: str) -> tuple[Snippet, ...]:
    return (
        Snippet(
            "Python",
            "pip install sentry-sdk",
            "import sentry_sdk\n\n"
            f'sentry_sdk.init(\n    dsn="{dsn}",\n    release="shop@1.4.2",\n'
            '    environment="production",\n)\n\n'
            "1 / 0  # the first issue",
        ),
        Snippet(
            "Node.js",
            "npm install @sentry/node",
            "const Sentry = require('@sentry/node')\n\n"
            f"Sentry.init({{\n  dsn: '{dsn}',\n  release: 'shop@1.4.2',\n"
            "  environment: 'production',\n})\n\n"
            "Sentry.captureException(new Error('the first issue'))",
        ),
        Snippet(
            "JavaScript in browsers",
            "npm install @sentry/browser, or @sentry/react, @sentry/vue, …",
            "import * as Sentry from '@sentry/browser'\n\n"
            f"Sentry.init({{\n  dsn: '{dsn}',\n  release: 'web@1.4.2',\n}})\n\n"
            "throw new Error('the first issue')",
        ),
    )


def _of_others(base: str, dsn: str, key: str) -> tuple[Snippet, ...]:
    return (
        Snippet(
            "A shell",
            "one event by hand, to try it",
            f"curl -fsS -H 'Content-Type: application/json' \\\n"
            f"  -H 'X-Sentry-Auth: Sentry sentry_version=7, sentry_key={_key_of(dsn)}' \\\n"
            '  -d \'{"message":"the first issue","level":"error","platform":"other"}\' \\\n'
            f"  {base}/api/{dsn.rpartition('/')[2]}/store/",
        ),
        Snippet(
            "OpenTelemetry",
            "exceptions that spans and log records hold become issues by themselves",
            f"export OTEL_EXPORTER_OTLP_ENDPOINT={base}\n"
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"
            f"export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{quote(key)}",
        ),
        Snippet(
            "Log lines",
            "a line of the level error with a stack becomes an issue by itself",
            f"curl -fsS -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n"
            '  -d \'{"level":"error","service":"shop","message":"card declined",\n'
            '       "stack":"Error: card declined\\n    at charge (/app/pay.js:41:9)"}\' \\\n'
            f"  {base}/api/logs/lines",
        ),
    )


def _key_of(dsn: str) -> str:
    return urlsplit(dsn).username or "KEY"


def _is_of(name: str, platform: str) -> bool:
    """Whether a snippet is for a platform, by the words that SDKs use for themselves."""
    if not platform:
        return False
    if platform.startswith("javascript") or platform in ("react", "vue", "browser"):
        return name.startswith("JavaScript")
    return name.lower().startswith(platform.lower()[:4])
