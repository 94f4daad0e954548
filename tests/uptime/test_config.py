"""Mistakes in `monitors` are refused with a remedy."""

from __future__ import annotations

import pytest

from tocsin.kit.document import ConfigError
from tocsin.kit.typed import decode
from tocsin.kit.yaml import loads
from tocsin.uptime.config import MonitorConfig, StatusClass


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{name: a}", "none of them is given", id="nothing to ask"),
        pytest.param("{name: a, url: 'http://a', dns: a}", "url and dns are given", id="two"),
        pytest.param("{name: a, url: 'ftp://a'}", "https://example.com", id="another protocol"),
        pytest.param("{name: a, url: 'http://me:hush@a'}", "use basic_auth", id="a password"),
        pytest.param("{name: a, tcp: 'a'}", "host:port", id="no port"),
        pytest.param("{name: a, tcp: 'a:70000'}", "host:port", id="no such port"),
        pytest.param("{name: a, url: 'http://a', every: 1s}", "at least 5s", id="too often"),
        pytest.param(
            "{name: a, url: 'http://a', every: 10s, timeout: 9s}",
            "2 attempts of up to 9s do not fit",
            id="attempts that overlap",
        ),
        pytest.param("{name: a, url: 'http://a', status: [20x]}", "200, or 2xx", id="no status"),
        pytest.param("{name: a, url: 'http://a', matches: '('}", "regexp", id="no pattern"),
        pytest.param("{name: a, tcp: 'a:1', contains: x}", "contains is of url", id="not its own"),
        pytest.param("{name: a, url: 'http://a', record: MX}", "record is of dns", id="nor this"),
        pytest.param("{name: a, url: 'http://a', labels: {job: x}}", "by Tocsin", id="its label"),
        pytest.param("{name: a, url: 'http://a', retry: 2}", "retries", id="an unknown key"),
    ],
)
def test_a_mistake_is_told(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        decode(loads(text), MonitorConfig)


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("url: 'https://a/b'", "http", "https://a/b"),
        ("tcp: '[::1]:5432'", "tcp", "[::1]:5432"),
        ("dns: a.example", "dns", "a.example"),
    ],
)
def test_the_target_is_a_label_and_so_a_plain_text(text: str, kind: str, target: str) -> None:
    one = decode(loads(f"{{name: it, {text}}}"), MonitorConfig)
    assert (one.kind, one.target, type(one.target)) == (kind, target, str)


@pytest.mark.parametrize(
    ("written", "status", "covers"),
    [("2xx", 204, True), ("2xx", 302, False), ("404", 404, True), ("404", 400, False)],
)
def test_a_class_of_statuses_covers_them(written: str, status: int, covers: bool) -> None:
    assert StatusClass.from_config(written).covers(status) is covers
