from __future__ import annotations

import msgspec

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
