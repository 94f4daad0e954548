"""What is said when nobody wrote a template: under Alertmanager's names, with its meaning."""

from __future__ import annotations

from tocsin.notify import service_templates

TEXT = (
    service_templates.TEXT
    + """\
{{ define "__alertmanager" }}Alertmanager{{ end -}}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}\
{{ end -}}
{{ define "__subject" }}[{{ toUpper .Status }}{{ if eq .Status "firing" }}:\
{{ len .Alerts.Firing }}{{ end }}] {{ join " " .GroupLabels.SortedPairs.Values }} \
{{ if gt (len .CommonLabels) (len .GroupLabels) }}\
({{ join " " (.CommonLabels.Remove .GroupLabels.Names).Values }}){{ end }}{{ end -}}
{{ define "__description" }}{{ end -}}
{{ define "__text_alert_list" }}{{ range . }}Labels:
{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}Annotations:
{{ range .Annotations.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}Source: {{ .GeneratorURL }}
{{ end }}{{ end -}}
{{ define "slack.default.title" }}{{ template "__subject" . }}{{ end -}}
{{ define "slack.default.username" }}{{ template "__alertmanager" . }}{{ end -}}
{{ define "slack.default.fallback" }}{{ template "slack.default.title" . }} | \
{{ template "slack.default.titlelink" . }}{{ end -}}
{{ define "slack.default.callbackid" }}{{ end -}}
{{ define "slack.default.pretext" }}{{ end -}}
{{ define "slack.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end -}}
{{ define "slack.default.iconemoji" }}{{ end -}}
{{ define "slack.default.iconurl" }}{{ end -}}
{{ define "slack.default.text" }}{{ end -}}
{{ define "slack.default.footer" }}{{ end -}}
{{ define "pagerduty.default.description" }}{{ template "__subject" . }}{{ end -}}
{{ define "pagerduty.default.client" }}{{ template "__alertmanager" . }}{{ end -}}
{{ define "pagerduty.default.clientURL" }}{{ template "__alertmanagerURL" . }}{{ end -}}
{{ define "pagerduty.default.instances" }}{{ template "__text_alert_list" . }}{{ end -}}
{{ define "email.default.subject" }}{{ template "__subject" . }}{{ end -}}
"""
)

HTML = (
    TEXT
    + """\
{{ define "__html_alert" }}
<div style="padding: 12px 0; border-top: 1px solid #ddd">
<strong>Labels</strong><br>
{{ range .Labels.SortedPairs }}{{ .Name }} = {{ .Value }}<br>
{{ end }}\
{{ if gt (len .Annotations) 0 }}<strong>Annotations</strong><br>
{{ range .Annotations.SortedPairs }}{{ .Name }} = {{ .Value }}<br>
{{ end }}{{ end }}\
{{ end -}}
{{ define "__html_source" }}<a href="{{ .GeneratorURL }}" style="color: #1a5fb4">Source</a>
</div>
{{ end -}}
{{ define "email.default.html" }}<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ template "__subject" . }}</title>
</head>
<body style="margin: 0; padding: 20px; background: #f6f6f6">
<div style="max-width: 600px; margin: 0 auto; background: #fff; font: 14px/1.6 sans-serif">
{{ if gt (len .Alerts.Firing) 0 }}\
<div style="padding: 20px; background: #c01c28; color: #fff; font-size: 16px">\
{{ else }}\
<div style="padding: 20px; background: #26a269; color: #fff; font-size: 16px">\
{{ end }}
{{ len .Alerts }} alert{{ if gt (len .Alerts) 1 }}s{{ end }} for
{{ range .GroupLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}
</div>
<div style="padding: 20px">
<p><a href="{{ .ExternalURL }}/alerts" style="color: #1a5fb4">View the alerts</a></p>
{{ if .Actions }}<p>{{ range .Actions }}<a href="{{ .Value }}" style="display: inline-block; \
margin: 0 8px 8px 0; padding: 10px 16px; background: #1a5fb4; color: #fff; \
text-decoration: none">{{ .Name }}</a>{{ end }}</p>{{ end }}\
{{ if gt (len .Alerts.Firing) 0 }}
<p><strong>[{{ len .Alerts.Firing }}] Firing</strong></p>
{{ range .Alerts.Firing }}{{ template "__html_alert" . }}{{ if $.ExternalURL }}\
<a href="{{ $.ExternalURL }}/alerts/{{ .Fingerprint }}" style="color: #1a5fb4">\
Open the alert</a> · \
{{ end }}{{ template "__html_source" . }}{{ end }}
{{ end }}\
{{ if gt (len .Alerts.Resolved) 0 }}
<p><strong>[{{ len .Alerts.Resolved }}] Resolved</strong></p>
{{ range .Alerts.Resolved }}{{ template "__html_alert" . }}{{ if $.ExternalURL }}\
<a href="{{ $.ExternalURL }}/alerts/{{ .Fingerprint }}" style="color: #1a5fb4">\
Open the alert</a> · \
{{ end }}{{ template "__html_source" . }}{{ end }}
{{ end }}\
</div>
</div>
<p style="text-align: center; color: #777; font: 12px sans-serif">\
<a href="{{ .ExternalURL }}" style="color: #777">Sent by Tocsin</a></p>
</body>
</html>
{{ end -}}
"""
)
