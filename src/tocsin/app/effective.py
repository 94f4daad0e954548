"""Which configuration is in force, what changed, and how is it shown without its secrets?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import yaml

from tocsin.alert.routing.calendar import ClockTime
from tocsin.app.settings_tree import Config
from tocsin.kit.document import Document
from tocsin.kit.quantity import Duration, Size
from tocsin.kit.secret import HIDDEN, Secret

_SECRET_KEY = re.compile(
    r"(?:^|_)(?:password|passwd|secret|secret_key|token|token_id|credentials|api_key|routing_key|"
    r"service_key|user_key|client_certificate_key|bearer_token|webhook_url|slack_api_url)$"
)
_SECRET_WITHIN = {
    "url": ("webhook_configs", "actions"),
    "api_url": ("slack_configs",),
    "key": ("tls_config", "smtp_tls_config"),
}
"""Keys that hold a secret only directly below these: what Prometheus and Alertmanager hide too."""
_SECRET_OF_CHANNELS = ("url", "api_url")
_SECRET_BELOW = ("secrets", "proxy_connect_header")
_USERINFO = re.compile(r"(://[^/\s:@]*):[^/\s]+@")

_LIVE = (
    "prometheus",
    "alertmanager",
    "severities",
    "answers",
    "alerting",
    "incidents",
    "ingest",
    "logs",
    "traces",
    "oncall",
    "query",
    "retention",
    "scrape",
    "alerts",
    "indicators",
    "slos",
    "status_page",
    "dashboards",
    "errors",
    "monitors",
    "heartbeats",
    "projects",
)
"""What `app.product` puts in force on a reload; everything else is read at the start only."""

_NOT_LIVE = (
    "scrape.nearby",
    "ingest.body",
    "ingest.statsd",
    "ingest.pushgateway",
    "query.max_concurrency",
    "query.slow",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One key whose value differs; `is_live` when a reload can apply it without a restart."""

    key: str
    is_live: bool


def effective(config: Config) -> dict[str, object]:
    """The whole configuration as plain data, defaults included and secrets hidden."""
    shown = _plain(config, is_hidden=True)
    assert isinstance(shown, dict)
    return shown


def effective_yaml(config: Config) -> str:
    """The same as a file that could be read again, but for the secrets."""
    return yaml.safe_dump(effective(config), sort_keys=False, allow_unicode=True)


def shown_yaml(document: Document | None) -> str:
    """An embedded file as YAML text with its secrets hidden; empty when there is none."""
    if document is None:
        return ""
    hidden = _plain(document, is_hidden=True)
    return yaml.safe_dump(hidden, sort_keys=False, allow_unicode=True)


def diff(old: Config, new: Config) -> tuple[Change, ...]:
    """What changed, by dotted key in order; embedded files count as one key each."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    keys = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
    return tuple(Change(key, not needs_restart(key)) for key in keys)


def needs_restart(key: str) -> bool:
    """Whether a change of that key is applied only by the next start."""
    return not _is_below(key, _LIVE) or _is_below(key, _NOT_LIVE)


def _is_below(key: str, tops: tuple[str, ...]) -> bool:
    return any(key == top or key.startswith(f"{top}.") for top in tops)


def _leaves(config: Config) -> Iterator[tuple[str, object]]:
    yield from _leaves_of(_plain(config, is_hidden=False), "")


def _leaves_of(value: object, prefix: str) -> Iterator[tuple[str, object]]:
    if prefix in ("prometheus", "alertmanager") or not isinstance(value, dict):
        yield prefix, value
        return
    for key, child in value.items():
        yield from _leaves_of(child, f"{prefix}.{key}" if prefix else key)


def _plain(value: object, *, is_hidden: bool, path: tuple[str, ...] = ()) -> object:
    match value:
        case Secret():
            return HIDDEN if is_hidden else value.reveal()
        case Document():
            return _plain(value.data, is_hidden=is_hidden, path=path)
        case msgspec.Struct():
            fields = msgspec.structs.fields(value)
            named = {field.encode_name: getattr(value, field.name) for field in fields}
            return _plain(named, is_hidden=is_hidden, path=path)
        case Mapping():
            return {
                str(key): _plain(child, is_hidden=is_hidden, path=(*path, str(key)))
                for key, child in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_plain(item, is_hidden=is_hidden, path=path) for item in value]
        case Duration() | Size() | ClockTime():
            return str(value)
        case str():
            return _shown_text(value, path) if is_hidden else str(value)
        case int() | float() if is_hidden and not isinstance(value, bool) and _is_secret(path):
            return HIDDEN  # a password of digits alone, without quotes
        case _:
            return value


def _shown_text(text: str, path: tuple[str, ...]) -> str:
    if text and _is_secret(path):
        return HIDDEN
    return _USERINFO.sub(rf"\1:{HIDDEN}@", text)


def _is_secret(path: tuple[str, ...]) -> bool:
    """Whether what stands there, by its keys from the top, is a secret."""
    if not path:
        return False
    *above, key = (part.lower() for part in path)
    if _SECRET_KEY.search(key) or (above and above[-1] in _SECRET_WITHIN.get(key, ())):
        return True
    if above[:-1] == ["alerting", "channels"] and key in _SECRET_OF_CHANNELS:
        return True
    if above[-2:] == ["actions", "headers"]:
        return True
    return key in _SECRET_BELOW or any(part in _SECRET_BELOW for part in above)
