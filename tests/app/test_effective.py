from __future__ import annotations

import msgspec
import pytest

from tocsin.app.effective import Change, diff, effective, effective_yaml, shown_yaml
from tocsin.app.settings_tree import Config
from tocsin.kit.yaml import decode, loads


def config(text: str) -> Config:
    return decode(loads(text), Config)


def test_secrets_are_hidden_wherever_they_stand() -> None:
    shown = effective_yaml(
        config("""
state: postgresql://me:hunter2@db/tocsin
store: {password: hunter2, password_file: /run/pw}
prometheus:
  scrape_configs:
  - basic_auth: {username: me, password: hunter2}
    authorization: {credentials: hunter2}
    oauth2: {client_secret: hunter2, client_id: me}
""")
    )
    assert "hunter2" not in shown
    assert "postgresql://me:<secret>@db/tocsin" in shown
    assert "password_file: /run/pw" in shown
    assert "username: me" in shown


def test_an_embedded_file_is_shown_without_its_secrets() -> None:
    document = loads("remote_write: [{basic_auth: {password: hunter2}, url: 'http://x'}]")
    assert shown_yaml(document) == (
        "remote_write:\n- basic_auth:\n    password: <secret>\n  url: http://x\n"
    )
    assert shown_yaml(None) == ""


@pytest.mark.parametrize(
    "text",
    [
        "global: {slack_api_url: 'https://hooks.example/T/hunter2'}",
        "receivers: [{slack_configs: [{api_url: 'https://hooks.example/T/hunter2'}]}]",
        "receivers: [{webhook_configs: [{url: 'https://example.com/hunter2'}]}]",
        "receivers: [{pushover_configs: [{user_key: hunter2}]}]",
        "receivers: [{rocketchat_configs: [{token_id: hunter2}]}]",
        "x: {tls_config: {key: hunter2}}",
        "x: {oauth2: {client_certificate_key: hunter2}}",
        "x: {http_headers: {X-Key: {secrets: [hunter2]}}}",
        "x: {proxy_connect_header: {Proxy-Authorization: [hunter2]}}",
        "x: {proxy_url: 'http://me:hunter2@hunter2@proxy:1'}",
        "x: {basic_auth: {password: 12345678}}",
    ],
)
def test_what_prometheus_and_alertmanager_hide_is_hidden(text: str) -> None:
    shown = shown_yaml(loads(text))
    assert "hunter2" not in shown
    assert "12345678" not in shown
    assert "<secret>" in shown


def test_addresses_that_are_no_secrets_are_shown() -> None:
    text = (
        "global: {opsgenie_api_url: 'https://a.example/'}\n"
        "receivers: [{pagerduty_configs: [{url: 'https://b.example/'}]}]\n"
    )
    shown = shown_yaml(loads(text))
    assert "https://a.example/" in shown
    assert "https://b.example/" in shown


def test_the_effective_configuration_is_plain_data_and_can_be_read_again() -> None:
    plain = effective(Config())
    assert msgspec.json.decode(msgspec.json.encode(plain)) == plain
    assert config(effective_yaml(Config())) == Config()


def test_what_changed_is_told_with_whether_it_is_live() -> None:
    old = config("listen: {http: '127.0.0.1:1'}\nstore: {password: a}\nprometheus: {a: 1}\n")
    new = config("listen: {http: '127.0.0.1:2'}\nstore: {password: b}\nprometheus: {a: 2}\n"
                 "query: {timeout: 5s}\n")  # fmt: skip
    assert diff(old, new) == (
        Change("listen.http", is_live=False),
        Change("prometheus", is_live=True),
        Change("query.timeout", is_live=True),
        Change("store.password", is_live=False),
    )
    assert diff(new, new) == ()
