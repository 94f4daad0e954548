"""A `prometheus.yml` is used as it stands; mistakes are pointed at."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tocsin.kit.document import ConfigError
from tocsin.kit.yaml import load, loads
from tocsin.scrape.config import read_plan
from tocsin.scrape.relabel import Relabeling
from tocsin.scrape.target import Target, make_target

FULL = """
global:
  scrape_interval: 15s
  scrape_timeout: 12s
  evaluation_interval: 30s
  external_labels: {region: eu}
  sample_limit: 1000
  body_size_limit: 10MB
  keep_dropped_targets: 5
  metric_name_validation_scheme: utf8
runtime: {gogc: 75}
rule_files: [rules/*.yml]
alerting:
  alertmanagers: [{static_configs: [{targets: ['localhost:9093']}]}]
storage: {tsdb: {out_of_order_time_window: 30m}}
otlp: {promote_resource_attributes: [service.name]}
scrape_configs:
  - job_name: full
    honor_labels: yes
    honor_timestamps: false
    track_timestamps_staleness: true
    scrape_interval: 1m
    scrape_timeout: 30s
    scrape_protocols: [PrometheusText0.0.4]
    fallback_scrape_protocol: PrometheusText0.0.4
    metrics_path: /m
    scheme: https
    params: {module: [http_2xx]}
    basic_auth: {username: u, password_file: p}
    tls_config: {ca_file: ca.pem, min_version: TLS12}
    proxy_url: http://proxy:3128
    no_proxy: 10.0.0.0/8
    follow_redirects: false
    enable_http2: false
    enable_compression: false
    http_headers: {X-Org: {values: [x]}}
    sample_limit: 0
    label_limit: 30
    target_limit: 10
    native_histogram_bucket_limit: 100
    always_scrape_classic_histograms: true
    static_configs: [{targets: ['a:1', 'b:2'], labels: {env: prod}}]
    file_sd_configs: [{files: ['targets/*.json'], refresh_interval: 1m}]
    http_sd_configs: [{url: 'http://sd/targets', authorization: {credentials: x}}]
    dns_sd_configs: [{names: [a.example], type: A, port: 9100}]
    docker_sd_configs:
      - {host: 'unix:///var/run/docker.sock', filters: [{name: label, values: [a]}]}
    relabel_configs: [{source_labels: [__address__], target_label: where}]
    metric_relabel_configs: [{regex: tmp_.*, action: labeldrop}]
  - job_name: plain
    static_configs: [{targets: [localhost]}]
"""


def test_every_key_is_known_and_global_defaults_apply() -> None:
    plan = read_plan(loads(FULL), Path("/etc"))
    full, plain = plan.jobs
    assert [warning.partition(":")[0] for warning in plan.warnings] == ["alerting", "otlp"]
    assert plan.external_labels == (("region", "eu"),)
    assert (full.interval, full.timeout, full.sample_limit) == (60.0, 30.0, 0)
    assert (full.body_size_limit, full.keep_dropped_targets) == (10 << 20, 5)
    assert full.config.honor_labels
    assert (plain.interval, plain.timeout, plain.sample_limit) == (15.0, 12.0, 1000)


def test_discoveries_that_are_not_there_yet_are_warnings_that_name_the_job() -> None:
    text = """
remote_write: [{url: 'http://x'}]
scrape_configs:
  - job_name: cluster
    kubernetes_sd_configs: [{role: node, anything: {goes: here}}]
    consul_sd_configs: [{server: 'c:8500'}]
"""
    plan = read_plan(loads(text, "prometheus.yml"), Path())
    assert [job.name for job in plan.jobs] == ["cluster"]
    assert "remote_write" in plan.warnings[0]
    assert sum("job cluster" in warning for warning in plan.warnings) == 2
    assert any("prometheus.yml:5:5" in warning for warning in plan.warnings)


def test_keys_that_do_nothing_yet_are_warnings_that_name_their_place() -> None:
    text = """
global: {query_log_file: q.log, scrape_failure_log_file: f.log}
alerting: {alertmanagers: [{static_configs: [{targets: ['am:9093']}]}]}
otlp: {promote_resource_attributes: [service.name]}
scrape_configs:
  - job_name: a
    scrape_failure_log_file: f.log
    convert_classic_histograms_to_nhcb: true
    proxy_url: http://proxy
    proxy_connect_header: {X: [y]}
"""
    warnings = read_plan(loads(text), Path()).warnings
    named = {warning.split("; ")[0].rpartition(": ")[0] for warning in warnings}
    assert named == {
        "alerting",
        "otlp",
        "global.query_log_file",
        "global.scrape_failure_log_file",
        "job a: scrape_failure_log_file",
        "job a: convert_classic_histograms_to_nhcb",
        "job a: proxy_connect_header",
    }


MISTAKES = [
    pytest.param("scrape_config: []", 'did you mean "scrape_configs"', id="a section"),
    pytest.param("scrape_configs: [{job_nam: a}]", 'did you mean "job_name"', id="a key"),
    pytest.param("scrape_configs: [{job_name: ''}]", "job_name is empty", id="no name"),
    pytest.param("scrape_configs: [{job_name: a}, {job_name: a}]", "two jobs", id="a name twice"),
    pytest.param("scrape_configs: [{job_name: a, scrape_interval: 5}]", "duration", id="no unit"),
    pytest.param("scrape_configs: [{job_name: a, scrape_interval: 1s, scrape_timeout: 2s}]",
                 "longer than scrape_interval", id="a timeout that is too long"),
    pytest.param("scrape_configs: [{job_name: a, scheme: ftp}]", "http", id="a scheme"),
    pytest.param("scrape_configs: [{job_name: a, bearer_token: x, basic_auth: {username: u}}]",
                 "exclude each other", id="two kinds of credentials"),
    pytest.param("scrape_configs: [{job_name: a, static_configs: [{targets: ['http://a/']}]}]",
                 "host:port", id="an URL as target"),
    pytest.param("scrape_configs: [{job_name: a, sample_limit: -1}]", "sample_limit", id="a limit"),
    pytest.param("scrape_configs: [null]", "empty", id="an empty entry"),
    pytest.param("scrape_configs: [{job_name: a, relabel_configs: [null]}]", "target_label",
                 id="an empty rule"),
    pytest.param("scrape_configs: [{job_name: a, file_sd_configs: [{files: [x.txt]}]}]", "json",
                 id="a file of another kind"),
    pytest.param("scrape_configs: [{job_name: a, dns_sd_configs: [{names: [x], type: A}]}]",
                 "port", id="DNS without port"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_a_mistake_is_said(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_plan(loads(text), Path())


def test_further_files_are_read_and_listed(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("scrape_configs: [{job_name: b}]")
    (tmp_path / "prometheus.yml").write_text(
        "scrape_config_files: ['*ore.yml']\nscrape_configs: [{job_name: a}]\n"
    )
    plan = read_plan(load(tmp_path / "prometheus.yml"), tmp_path)
    assert [job.name for job in plan.jobs] == ["a", "b"]
    assert plan.sources == (tmp_path / "more.yml",)


COMPARED = """
global: {scrape_interval: 20s}
scrape_configs:
  - job_name: app
    metrics_path: /probe
    params: {module: [http_2xx]}
    static_configs:
      - targets: ['https.example:443', 'a.example:81', 'b.example:9100', '[::1]:80', 'drop.me:1']
        labels: {env: prod, __meta_zone: z1}
      - targets: ['c.example:1']
        labels: {job: other, instance: named, __scheme__: https}
    relabel_configs:
      - {source_labels: [__address__], regex: 'drop.*', action: drop}
      - {source_labels: [__address__], target_label: __param_target}
      - {source_labels: [__meta_zone, env], separator: '/', target_label: place}
      - {source_labels: [__address__], modulus: 7, target_label: shard, action: hashmod}
      - {regex: '__meta_(.+)', action: labelmap}
      - {source_labels: [env], regex: 'pr(.*)', target_label: '${1}_x', replacement: '$1-$0'}
"""


def test_targets_have_the_labels_that_promtool_shows(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    (tmp_path / "p.yml").write_text(COMPARED)
    command = ["promtool", "check", "service-discovery", "--timeout=1s", "p.yml", "app"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    shown = {
        entry["discoveredLabels"]["__address__"]: entry.get("labels") or {}
        for entry in json.loads(done.stdout)
    }
    job = read_plan(loads(COMPARED), tmp_path).jobs[0]
    relabeling = Relabeling(job.config.relabel_configs)
    assert len(shown) == 6
    for group in job.config.static_configs:
        for labels in group.group("0").targets:
            target = make_target(job, labels, relabeling)
            ours = dict(target.labels) if isinstance(target, Target) else {}
            theirs = shown[labels["__address__"]]
            if not theirs:
                assert ours == {}
                continue
            assert ours == {k: v for k, v in theirs.items() if not k.startswith("__")}
