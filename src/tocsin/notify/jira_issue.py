"""What does an issue of Jira say about a group of alerts, and by what is it found again?

https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issues/
"""

from __future__ import annotations

import json
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.yaml import loads
from tocsin.notify.http_sender import Filling, HttpConfig, Wanted
from tocsin.notify.pagerduty import dedup_key
from tocsin.notify.wire import truncated

_LONGEST_SUMMARY = 255
_LONGEST_DESCRIPTION = 32_767
_LONGEST_VALUE = 32_767
API_URL = Wanted("api_url", "jira_api_url")


class JiraText(msgspec.Struct, frozen=True, kw_only=True):
    """A template, and whether an issue that is there already gets it too."""

    template: str = ""
    enable_update: bool = True

    @classmethod
    def from_config(cls, text: str) -> JiraText:
        """A template alone."""
        return cls(template=text)


class JiraLabels(msgspec.Struct, frozen=True, kw_only=True):
    """Labels, and whether an issue that is there already gets them too."""

    values: tuple[str, ...] = ()
    enable_update: bool = True


class JiraConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `jira_configs`."""

    api_url: str = ""
    api_type: Literal["auto", "cloud", "datacenter"] = "auto"
    project: str
    issue_type: str
    summary: JiraText = JiraText(template='{{ template "jira.default.summary" . }}')
    description: JiraText = JiraText(template='{{ template "jira.default.description" . }}')
    labels: tuple[str, ...] | JiraLabels = ()
    priority: str = '{{ template "jira.default.priority" . }}'
    reopen_transition: str = ""
    resolve_transition: str = ""
    wont_fix_resolution: str = ""
    reopen_duration: Duration = Duration(0)
    fields: dict[str, object] = msgspec.field(default_factory=dict)

    @property
    def all_labels(self) -> JiraLabels:
        """Both ways of writing them."""
        labels = self.labels
        return labels if isinstance(labels, JiraLabels) else JiraLabels(values=labels)


def issue_body(config: JiraConfig, fill: Filling, base: str, *, is_new: bool) -> dict[str, object]:
    """What creates the group's issue, or brings it up to date."""
    description = truncated(fill(config.description.template), _LONGEST_DESCRIPTION)
    priority = fill(config.priority)
    labels = config.all_labels
    names = sorted([*(fill(label) for label in labels.values), group_label(fill)])
    fields: dict[str, object] = {
        "description": _document(description) if _is_v3(base) else description,
        "issuetype": {"name": fill(config.issue_type)},
        "labels": names,
        "priority": {"name": priority} if priority else None,
        "project": {"key": fill(config.project)},
        "summary": truncated(fill(config.summary.template), _LONGEST_SUMMARY),
    }
    kept = {
        "description": config.description.enable_update,
        "labels": labels.enable_update,
        "summary": config.summary.enable_update,
    }
    fields = {
        name: value for name, value in fields.items() if value and (is_new or kept.get(name, True))
    }
    own = {name: _typed(value, fill) for name, value in config.fields.items()}
    return {"fields": dict(sorted({**fields, **own}.items()))}


def search(config: JiraConfig, fill: Filling, base: str) -> tuple[str, dict[str, object]]:
    """Where to ask for the group's issue, and what."""
    wanted = []
    if config.wont_fix_resolution:
        wanted.append(f"resolution != {_quoted(config.wont_fix_resolution)}")
    minutes = int(config.reopen_duration // 60)
    if fill.is_firing and config.reopen_transition and minutes > 0:
        wanted.append(f"(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m)")
    else:
        wanted.append("statusCategory != Done")
    wanted.append(f"project={_quoted(fill(config.project))}")
    wanted.append(f"labels={_quoted(group_label(fill))}")
    jql = f"{' and '.join(wanted)} order by status ASC,resolutiondate DESC"
    body: dict[str, object] = {"fields": ["status"], "jql": jql, "maxResults": 2}
    host = urlsplit(base).hostname or ""
    is_cloud = config.api_type == "cloud" or host.endswith("atlassian.net")
    if config.api_type == "datacenter" or not is_cloud:
        return f"{base}/search", body
    # The cloud knows this search in version 3 only.
    return f"{base.replace('/rest/api/2', '/rest/api/3', 1)}/search/jql", body


def group_label(fill: Filling) -> str:
    """What marks the issue of a group, as Alertmanager has it."""
    return f"ALERT{{{dedup_key(fill.notice)}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _is_v3(base: str) -> bool:
    return base.endswith("/3")


def _document(text: str) -> object:
    """Version 3 wants Atlassian's document format, which the template must make."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise Rejected(
            "description: version 3 of Jira's API wants a document in JSON, and the template makes "
            "none; write one, or use /rest/api/2 in api_url"
        ) from error


def _typed(value: object, fill: Filling) -> object:
    """Templates filled at any depth. What a text then means in YAML is sent: `10` is a number."""
    if isinstance(value, dict):
        return {fill(str(key)): _typed(inner, fill) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner, fill) for inner in value]
    if not isinstance(value, str):
        return value
    text = fill(value)
    try:
        meant = loads(text, "fields").data if text else None
    except ConfigError:
        return text
    return truncated(text, _LONGEST_VALUE) if isinstance(meant, str) else _typed(meant, fill)
