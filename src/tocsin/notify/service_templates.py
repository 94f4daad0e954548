"""What the other services are told when nobody wrote a template: under Alertmanager's names, with
its bytes; `twilio.…` and `apprise.…` are Tocsin's own."""

from __future__ import annotations

TEXT = """\
{{ define "__annotations" }}{{ join " " .CommonAnnotations.SortedPairs.Values }}{{ end -}}
{{ define "__text_alert_list_markdown" }}{{ range . }}
Labels:
{{ range .Labels.SortedPairs }}  - {{ .Name }} = {{ .Value }}
{{ end }}
Annotations:
{{ range .Annotations.SortedPairs }}  - {{ .Name }} = {{ .Value }}
{{ end }}
Source: {{ .GeneratorURL }}
{{ end }}
{{ end -}}
{{ define "__alert_parts" }}
{{ if gt (len .Alerts.Firing) 0 }}
Alerts Firing:
{{ template "__text_alert_list" .Alerts.Firing }}
{{ end }}
{{ if gt (len .Alerts.Resolved) 0 }}
Alerts Resolved:
{{ template "__text_alert_list" .Alerts.Resolved }}
{{ end }}
{{ end -}}
{{ define "__alert_parts_dense" }}{{ template "__annotations" . }}
{{ if gt (len .Alerts.Firing) 0 }}Alerts Firing:
{{ template "__text_alert_list" .Alerts.Firing }}{{ end }}
{{ if gt (len .Alerts.Resolved) 0 }}Alerts Resolved:
{{ template "__text_alert_list" .Alerts.Resolved }}{{ end }}{{ end -}}
{{ define "__alert_parts_markdown" }}
{{ if gt (len .Alerts.Firing) 0 }}
# Alerts Firing:
{{ template "__text_alert_list_markdown" .Alerts.Firing }}
{{ end }}
{{ if gt (len .Alerts.Resolved) 0 }}
# Alerts Resolved:
{{ template "__text_alert_list_markdown" .Alerts.Resolved }}
{{ end }}
{{ end -}}
{{ define "discord.default.content" }}{{ end -}}
{{ define "discord.default.title" }}{{ template "__subject" . }}{{ end -}}
{{ define "discord.default.message" }}{{ template "__alert_parts" . }}{{ end -}}
{{ define "jira.default.summary" }}{{ template "__subject" . }}{{ end -}}
{{ define "jira.default.description" }}{{ template "__alert_parts_markdown" . }}{{ end -}}
{{ define "jira.default.priority" }}\
{{ $high := false }}{{ $medium := false }}{{ $low := false }}\
{{ range list .Alerts.Firing .Alerts.Resolved }}{{ if not (or $high $medium $low) }}{{ range . }}\
{{ if eq .Labels.severity "critical" }}{{ $high = true }}{{ end }}\
{{ if eq .Labels.severity "warning" }}{{ $medium = true }}{{ end }}\
{{ if eq .Labels.severity "info" }}{{ $low = true }}{{ end }}\
{{ end }}{{ end }}{{ end }}\
{{ if $high }}High{{ else if $medium }}Medium{{ else if $low }}Low{{ end }}{{ end -}}
{{ define "mattermost.default.username" }}{{ template "__alertmanager" . }}{{ end -}}
{{ define "mattermost.default.color" }}\
{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}{{ end -}}
{{ define "mattermost.default.title" }}{{ template "__subject" . }}{{ end -}}
{{ define "mattermost.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end -}}
{{ define "mattermost.default.fallback" }}{{ template "__subject" . }} | \
{{ template "__alertmanagerURL" . }}{{ end -}}
{{ define "mattermost.default.text" }}{{ template "__alert_parts_markdown" . }}{{ end -}}
{{ define "msteams.default.summary" }}{{ template "__subject" . }}{{ end -}}
{{ define "msteams.default.title" }}{{ template "__subject" . }}{{ end -}}
{{ define "msteams.default.text" }}{{ template "__alert_parts_markdown" . }}{{ end -}}
{{ define "msteamsv2.default.title" }}{{ template "__subject" . }}{{ end -}}
{{ define "msteamsv2.default.text" }}{{ template "__alert_parts_markdown" . }}{{ end -}}
{{ define "opsgenie.default.message" }}{{ template "__subject" . }}{{ end -}}
{{ define "opsgenie.default.description" }}{{ template "__alert_parts_dense" . }}{{ end -}}
{{ define "opsgenie.default.source" }}{{ template "__alertmanagerURL" . }}{{ end -}}
{{ define "pushover.default.title" }}{{ template "__subject" . }}{{ end -}}
{{ define "pushover.default.message" }}{{ template "__annotations" . }}\
{{ template "__alert_parts" . }}{{ end -}}
{{ define "pushover.default.url" }}{{ template "__alertmanagerURL" . }}{{ end -}}
{{ define "rocketchat.default.title" }}{{ template "__subject" . }}{{ end -}}
{{ define "rocketchat.default.alias" }}{{ template "__alertmanager" . }}{{ end -}}
{{ define "rocketchat.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end -}}
{{ define "rocketchat.default.emoji" }}{{ end -}}
{{ define "rocketchat.default.iconurl" }}{{ end -}}
{{ define "rocketchat.default.text" }}{{ end -}}
{{ define "sns.default.subject" }}{{ template "__subject" . }}{{ end -}}
{{ define "sns.default.message" }}{{ template "__annotations" . }}\
{{ template "__alert_parts" . }}{{ end -}}
{{ define "telegram.default.message" }}{{ template "__alert_parts" . }}{{ end -}}
{{ define "victorops.default.state_message" }}{{ template "__alert_parts_dense" . }}{{ end -}}
{{ define "victorops.default.entity_display_name" }}{{ template "__subject" . }}{{ end -}}
{{ define "victorops.default.monitoring_tool" }}{{ template "__alertmanager" . }}{{ end -}}
{{ define "webex.default.message" }}{{ template "__annotations" . }}\
{{ template "__alert_parts" . }}{{ end -}}
{{ define "wechat.default.message" }}{{ template "__subject" . }}
{{ template "__alert_parts_dense" . }}
AlertmanagerUrl:
{{ template "__alertmanagerURL" . }}{{ end -}}
{{ define "wechat.default.to_user" }}{{ end -}}
{{ define "wechat.default.to_party" }}{{ end -}}
{{ define "wechat.default.to_tag" }}{{ end -}}
{{ define "wechat.default.agent_id" }}{{ end -}}
{{ define "__summary" }}\
{{ if .Annotations.summary }}{{ .Annotations.summary }}\
{{ else if .Annotations.description }}{{ .Annotations.description }}\
{{ else }}{{ .Labels.alertname }}{{ end }}{{ end -}}
{{ define "twilio.default.sms" }}{{ template "__subject" . }}\
{{ range .Alerts }}
{{ if eq .Status "resolved" }}OK: {{ end }}{{ template "__summary" . }}{{ end }}{{ end -}}
{{ define "twilio.default.speech" }}\
{{ if eq .Status "firing" }}Alert. {{ len .Alerts.Firing }} firing. \
{{ else }}Resolved. {{ end }}\
{{ join ", " .GroupLabels.SortedPairs.Values }}. \
{{ range .Alerts }}{{ template "__summary" . }}. {{ end }}{{ end -}}
{{ define "apprise.default.title" }}{{ template "__subject" . }}{{ end -}}
{{ define "apprise.default.body" }}\
{{ range .Alerts }}{{ toUpper .Status }} {{ template "__summary" . }}
{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}{{ end }}{{ template "__alertmanagerURL" . }}{{ end -}}
"""
