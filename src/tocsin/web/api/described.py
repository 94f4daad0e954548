"""What do addresses take that their code does not say by its types? For the API's description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query string (or of the form, where one may post)."""

    name: str
    words: str
    example: str = ""
    required: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """`summary` is for handlers that have no words of their own; `example` is a body."""

    summary: str = ""
    parameters: tuple[Parameter, ...] = ()
    media: tuple[str, ...] = ()
    """The kinds of body that are read, beside those that a struct describes."""
    example: str = ""


_QUERY = Parameter("query", "A PromQL expression.", "up", required=True)
_START = Parameter("start", "Epoch seconds or RFC 3339.", "2026-05-04T13:00:00Z")
_END = Parameter("end", "Epoch seconds or RFC 3339.", "2026-05-04T14:00:00Z")
_MATCH = Parameter("match[]", "Selects series; may be given several times.", "up", many=True)
_AT = Parameter("time", "Epoch seconds or RFC 3339; now if left out.")
_LIMIT = Parameter("limit", "The most that is answered; a warning says that there was more.")
_BOUNDS = (
    Parameter("timeout", "A duration such as 30s; what the configuration allows at most."),
    _LIMIT,
    Parameter("lookback_delta", "How far back a sample counts, such as 5m."),
    Parameter("stats", "With any value, what was read and how long it took."),
    Parameter("explain", "With 1, what each part of the query read and how long it took."),
)
_TIMES = (_START, _END)
_SECONDS = (
    Parameter("start", "Epoch seconds; an hour before the end if left out."),
    Parameter("end", "Epoch seconds; now if left out."),
)
_NEEDED_TIMES = (
    Parameter("start", _START.words, _START.example, required=True),
    Parameter("end", _END.words, _END.example, required=True),
    Parameter("step", "Seconds or a duration.", "1m", required=True),
)
_ASKED = Parameter("q", "What to look for.", "service:api level>=warn")
_RANGE = (
    Parameter("from", "A time, or now-1h; an hour before the end if left out.", "now-1h"),
    Parameter("to", "A time; now if left out.", "now"),
)
_ORDER = Parameter("order", "desc (the newest first) or asc.")
_LOGQL = Parameter("query", "A LogQL query.", '{service_name="api"} |= "timed out"', required=True)
_PUSHED = '{"name": "user_action", "value": 1, "tags": {"action": "save"}}'
_OTLP = (PROTOBUF, JSON)
_NDJSON = "application/x-ndjson"

DESCRIBED: Mapping[str, Described] = {
    "/api/v1/query": Described(parameters=(_QUERY, _AT, *_BOUNDS)),
    "/api/v1/query_range": Described(parameters=(_QUERY, *_NEEDED_TIMES, *_BOUNDS)),
    "/api/v1/query_exemplars": Described(parameters=(_QUERY, *_TIMES)),
    "/api/v1/format_query": Described(parameters=(_QUERY,)),
    "/api/v1/parse_query": Described(parameters=(_QUERY,)),
    "/api/v1/series": Described(
        parameters=(
            Parameter("match[]", _MATCH.words, "up", required=True, many=True),
            *_TIMES,
            _LIMIT,
        )
    ),
    "/api/v1/labels": Described(parameters=(_MATCH, *_TIMES, _LIMIT)),
    "/api/v1/label/{name}/values": Described(parameters=(_MATCH, *_TIMES, _LIMIT)),
    "/api/v1/metadata": Described(
        parameters=(Parameter("metric", "This metric alone; all if left out.", "up"), _LIMIT)
    ),
    "/api/v1/status/tsdb": Described(parameters=(_LIMIT,)),
    "/api/v1/targets": Described(
        parameters=(
            Parameter("state", "active, dropped or any (if left out)."),
            Parameter("scrapePool", "The targets of this job alone."),
        )
    ),
    "/api/v1/targets/metadata": Described(
        parameters=(
            Parameter("match_target", 'A selector of targets, as {job="node"}.'),
            Parameter("metric", "This metric alone."),
            _LIMIT,
        )
    ),
    "/federate": Described(
        parameters=(Parameter("match[]", _MATCH.words, "up", required=True, many=True),)
    ),
    "/api/v1/read": Described(media=(PROTOBUF,)),
    "/api/v1/write": Described("Prometheus remote write 1.0 and 2.0, snappy.", media=(PROTOBUF,)),
    "/v1/metrics": Described("OTLP metrics, as protobuf or JSON.", media=_OTLP),
    "/api/v1/otlp/v1/metrics": Described(
        "OTLP metrics where Prometheus takes them, as protobuf or JSON.", media=_OTLP
    ),
    "/v1/logs": Described("OTLP logs, as protobuf or JSON.", media=_OTLP),
    "/v1/traces": Described("OTLP traces, as protobuf or JSON.", media=_OTLP),
    "/api/v2/spans": Described(media=(JSON,)),
    "/jaeger/api/operations": Described(
        parameters=(
            Parameter("service", "The service's name.", "shop", required=True),
            Parameter("spanKind", "Spans of this kind alone.", "server"),
        )
    ),
    "/jaeger/api/traces": Described(
        parameters=(
            Parameter("service", "Needed unless `traceID` is given.", "shop"),
            Parameter("operation", "A span's name."),
            Parameter("tags", "Attributes as a JSON object of texts.", '{"error":"true"}'),
            Parameter("minDuration", "A span's duration at the least.", "1.5s"),
            Parameter("maxDuration", "A span's duration at the most."),
            Parameter("start", "Microseconds since the epoch."),
            Parameter("end", "Microseconds since the epoch; now if left out."),
            Parameter("lookback", "How long before the end, such as 2h; two days if left out."),
            Parameter("limit", "Traces at the most, 200 or fewer; 20 if left out."),
            Parameter("traceID", "These traces instead.", many=True),
        )
    ),
    "/jaeger/api/dependencies": Described(
        parameters=(
            Parameter("endTs", "Milliseconds since the epoch.", required=True),
            Parameter("lookback", "Milliseconds; a day if left out."),
        )
    ),
    "/tempo/api/search": Described(
        parameters=(
            Parameter("q", "A TraceQL condition on a span.", "{ status = error }"),
            Parameter("tags", "Attributes and parts of their values.", "service.name=shop"),
            Parameter("minDuration", "A span's duration at the least.", "1.5s"),
            Parameter("maxDuration", "A span's duration at the most."),
            *_SECONDS,
            Parameter("limit", "Traces at the most, 1000 or fewer; 20 if left out."),
        )
    ),
    **dict.fromkeys(
        ("/tempo/api/search/tags", "/tempo/api/v2/search/tags"),
        Described(parameters=(Parameter("scope", "resource, span or intrinsic."), *_SECONDS)),
    ),
    **dict.fromkeys(
        ("/tempo/api/search/tag/{tag}/values", "/tempo/api/v2/search/tag/{tag}/values"),
        Described(parameters=(Parameter("q", "Of these spans alone, in TraceQL."), *_SECONDS)),
    ),
    "/api/metrics": Described(
        "Measurements of applications and browsers: one, a list, or an object with `metrics`.",
        media=(JSON,),
        example=_PUSHED,
    ),
    "/api/analytics/web-vitals": Described("Core web vitals of a page.", media=(JSON,)),
    "/api/analytics/page-performance": Described("How a page loaded.", media=(JSON,)),
    "/api/analytics/slow-render": Described("A component that rendered slowly.", media=(JSON,)),
    "/api/analytics/page-view": Described("A page that was seen.", media=(JSON,)),
    "/api/dashboards": Described(
        parameters=(
            Parameter("q", "Words of the title, the description and the tags.", "checkout"),
            Parameter("tag", "One of its tags.", "shop"),
        )
    ),
    "/api/dashboards/import": Described(
        media=(JSON, "application/yaml", TEXT),
        parameters=(
            Parameter("dry", "With 1, only told and not kept."),
            Parameter("uid", "Another uid than the file's."),
            Parameter("replace", "With 1, another version of the dashboard of that uid."),
        ),
    ),
    "/api/dashboards/marks": Described(parameters=_RANGE),
    "/api/dashboards/{uid}/file": Described(
        parameters=(Parameter("format", "yaml or json.", "yaml"),)
    ),
    "/api/incidents": Described(
        parameters=(
            Parameter("status", "all, or statuses with commas; what is not over if left out."),
            Parameter("severity", "Severities with commas.", "P0,P1"),
            Parameter("q", "Words of the title, the description, services, tags."),
            Parameter("since", "Opened, or not over, since: a time, or a length such as 7d."),
            Parameter("until", "Opened before: a time, or a length from now."),
            Parameter("before", "Those with a smaller id than that, for the next page."),
            Parameter("limit", "How many; 100 if left out, at most 1000."),
        )
    ),
    "/api/incidents/{number}/timeline": Described(
        parameters=(Parameter("after", "Only what came after that entry."),)
    ),
    "/api/incidents/{number}/images": Described(
        parameters=(Parameter("name", "The file's name."), Parameter("text", "What it shows.")),
        media=("image/png", "image/jpeg", "image/gif", "image/webp"),
    ),
    "/api/logs": Described(
        media=(JSON,),
        example='{"logs": [{"level": "error", "message": "card declined", "url": "/checkout"}]}',
    ),
    "/api/logs/lines": Described(
        parameters=(
            Parameter("service", "Of lines that name none.", "checkout"),
            Parameter("host", "Of lines that name none."),
            Parameter("environment", "Of lines that name none."),
            Parameter("source", "Where the lines come from, such as a file."),
            Parameter("mapping", "Which fields are which parts.", "body=text,level=sev"),
        ),
        media=(_NDJSON, TEXT, JSON),
        example="2026-05-04 13:00:00,123 ERROR payment: card declined",
    ),
    "/api/logs/search": Described(parameters=(_ASKED, *_RANGE, _LIMIT, _ORDER)),
    "/api/logs/count": Described(parameters=(_ASKED, *_RANGE)),
    "/api/logs/histogram": Described(
        parameters=(_ASKED, *_RANGE, Parameter("step", "Seconds; some 100 bars if left out."))
    ),
    "/api/logs/values": Described(
        parameters=(
            _ASKED,
            *_RANGE,
            Parameter("field", "The field.", "service", required=True),
            _LIMIT,
        )
    ),
    "/api/logs/fields": Described(parameters=(_ASKED, *_RANGE, _LIMIT)),
    "/api/logs/tail": Described(
        parameters=(_ASKED, Parameter("since", "Lines from then on come first.", "now-5m"))
    ),
    "/api/logs/export": Described(
        parameters=(
            _ASKED,
            *_RANGE,
            Parameter("format", "ndjson or csv.", "ndjson"),
            _ORDER,
            Parameter("limit", "The most lines; all if left out."),
        )
    ),
    "/loki/api/v1/query_range": Described(
        parameters=(_LOGQL, *_TIMES, Parameter("step", "Seconds or a duration."), _LIMIT)
    ),
    "/loki/api/v1/query": Described(parameters=(_LOGQL, _AT)),
    "/loki/api/v1/push": Described(media=(PROTOBUF, JSON)),
    "/datadog/api/v2/logs": Described("Logs of Datadog clients.", media=(JSON, TEXT)),
    "/datadog/v1/input": Described("Logs of Datadog clients, version 1.", media=(JSON, TEXT)),
    "/elasticsearch/_bulk": Described(
        media=(_NDJSON, JSON),
        example='{"index": {"_index": "shop-logs"}}\n{"@timestamp": "2026-05-04T13:00:00Z", '
        '"message": "card declined"}\n',
    ),
    "/elasticsearch/{index}/_bulk": Described(media=(_NDJSON, JSON)),
    "/elasticsearch/{index}/_doc": Described(media=(JSON,)),
    "/datadog/api/v1/series": Described("Series of Datadog clients, version 1.", media=(JSON,)),
    "/datadog/api/v2/series": Described(
        "Series of Datadog clients, version 2.", media=(JSON, PROTOBUF)
    ),
    "/metrics/job/{rest}": Described(media=(TEXT, PROTOBUF), example="backup_last_success 1"),
    "/metrics/job@base64/{rest}": Described(media=(TEXT, PROTOBUF)),
    "/api/cardinality": Described(
        "How many series there are, what costs most, and which limits refused something."
    ),
    "/api/senders": Described("Who sent how much since the start."),
    "/api/drop-rules": Described("The rules that keep series out."),
    "/api/notifications": Described(
        parameters=(
            Parameter("receiver", "Those to this receiver alone.", "team"),
            Parameter("state", "States, commas between them; `troubled` for what may be lost."),
            Parameter("alert", "An alert's fingerprint, or part of its name.", "DatabaseDown"),
            Parameter("since", "A time, or a duration before now such as 24h."),
            Parameter("until", "A time, or a duration before now."),
            Parameter("before", "Those with a smaller id alone, for the next page."),
            _LIMIT,
        )
    ),
    "/api/audit": Described(
        parameters=(
            _LIMIT,
            Parameter("before", "Entries with a smaller id alone, for the next page."),
        )
    ),
}
"""By the address's path in the description."""

FOR_PROGRAMS = (
    *("/api/", "/v1/", "/metrics", "/federate", "/-/", "/health", "/datadog/"),
    *("/elasticsearch", "/loki/", "/jaeger/", "/tempo/"),
)
"""How the addresses begin that programs use; the others are pages."""

GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Ask",
        "As Prometheus answers: GET, or POST with a form.",
        ("/api/v1/query", "/api/v1/format", "/api/v1/parse", "/api/v1/series", "/api/v1/label"),
    ),
    (
        "Send",
        "Each protocol as its clients speak it. Bodies may be compressed.",
        (
            *("/api/v1/write", "/api/v1/otlp", "/v1/", "/metrics/", "/api/metrics"),
            *("/api/analytics", "/api/prom/", "/api/v2/spans"),
        ),
    ),
    ("Elasticsearch clients", "As Elasticsearch 8 answers.", ("/elasticsearch",)),
    ("Loki clients", "As Loki answers.", ("/loki/",)),
    ("Datadog clients", "As the agent answers.", ("/datadog/",)),
    (
        "Other servers",
        "Remote read, federation and Tocsin's own metrics.",
        ("/api/v1/read", "/federate", "/metrics"),
    ),
    ("What is scraped and known", "", ("/api/v1/",)),
    (
        "Traces",
        "In the language of the page; Jaeger's and Tempo's own addresses answer as these do.",
        ("/api/traces", "/jaeger/", "/tempo/"),
    ),
    (
        "Dashboards",
        "Panels, their versions and files; Grafana's are read too.",
        ("/api/dashboards",),
    ),
    ("Incidents", "Open, answer, note and resolve.", ("/api/incidents",)),
    (
        "Status page",
        "What the public is told; what it reads is at `/status/api/v2` without a key.",
        ("/api/status-page", "/status"),
    ),
    (
        "Health",
        "Open to everybody; reload is for administrators.",
        ("/-/", "/health", "/api/health"),
    ),
    ("Tocsin itself", "Keys, people, limits, configuration, backups.", ("/api/",)),
)
"""Name, a word, and how the addresses of the group begin; the first that fits counts."""


def group_of(path: str) -> str:
    """The name of the group that an address belongs to."""
    return next(name for name, _, starts in GROUPS if path.startswith(starts))
