from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.app.config import Loaded, load_config
from tocsin.app.effective import diff, effective
from tocsin.app.settings_tree import Config, HostPort
from tocsin.kit.yaml import ConfigError, decode, loads

EXAMPLE = Path(__file__).parents[2] / "examples" / "tocsin.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str, **overrides: str) -> Loaded:
    Path("tocsin.yaml").write_text(text)
    flags = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_config(None, flags, environment={"PORT": "9999"})


def test_nothing_is_required(folder: Path) -> None:
    result = load_config()
    assert result.config.listen.http == "127.0.0.1:7777"
    assert result.config.data == str(folder / "tocsin-data")
    assert result.sources == ()
    assert result.warnings == ()


def test_the_file_in_the_current_folder_is_read(folder: Path) -> None:
    result = loaded("log: {level: debug}\n")
    assert result.config.log.level == "debug"
    assert result.sources == (folder / "tocsin.yaml",)


def test_flags_win_over_the_file(folder: Path) -> None:
    result = loaded("listen: {http: '127.0.0.1:1', otlp_http: off}\n", listen__http="127.0.0.1:0")
    assert result.config.listen.http == "127.0.0.1:0"
    assert result.config.listen.otlp_http == ""


def test_a_flag_can_turn_login_off_beside_other_settings_of_it(folder: Path) -> None:
    auth = loaded("auth: {session_days: 3}\n", auth__mode="off").config.auth
    assert (auth.is_off, auth.session_days) == (True, 3)


def test_the_environment_fills_values(folder: Path) -> None:
    assert loaded("listen: {http: '127.0.0.1:${PORT}'}\n").config.listen.http == "127.0.0.1:9999"


def test_limits_may_stand_at_the_top(folder: Path) -> None:
    text = "ingest: {max_past: 1h}\nlimits: {max_series: 7}\n"
    config = loaded(text).config
    assert config.ingest.limits.max_series == 7
    assert str(config.ingest.max_past) == "1h"
    assert loaded("limits: {max_series: 8}\n").config.ingest.limits.max_series == 8


def test_relative_paths_start_at_the_file(folder: Path) -> None:
    below = folder / "etc"
    below.mkdir()
    (below / "t.yaml").write_text("data: kept\nstore: {password_file: pw}\n")
    config = load_config("etc/t.yaml").config
    assert config.data == str(below / "kept")
    assert config.store.password_file == str(below / "pw")
    assert load_config("etc/t.yaml", {"data": "here"}).config.data == str(folder / "here")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "listen:\n  htpp: x\n",
            "tocsin.yaml:2:3: listen.htpp: unknown key; known here: external_url, http, otlp_grpc, "
            'otlp_http, statsd; did you mean "http"?',
            id="an unknown key",
        ),
        pytest.param(
            "retentoin: {}\n",
            "tocsin.yaml:1:1: retentoin: unknown key; known here: alerting, ",
            id="an unknown section",
        ),
        pytest.param(
            "reports: []\n",
            "tocsin.yaml:1:1: reports: this version of Tocsin does not have reports yet; "
            "remove the key",
            id="a part that comes later",
        ),
        pytest.param(
            "listen: {http: 7777}\n",
            "tocsin.yaml:1:16: listen.http: expected host:port such as 127.0.0.1:7777, or off, "
            "got '7777'",
            id="a port without a host",
        ),
        pytest.param(
            "listen: {http: off}\n",
            "tocsin.yaml:1:9: listen: http cannot be off: pages, APIs and health checks live there",
            id="no port at all",
        ),
        pytest.param(
            "auth: maybe\n",
            'tocsin.yaml:1:7: auth: expected "on", "off" or a mapping, got \'maybe\'',
            id="a wrong short form",
        ),
        pytest.param(
            "listen: {http: '0.0.0.0:1'}\nauth: off\n",
            "tocsin.yaml:2:1: auth: login can be off only while every port is on loopback, but "
            "0.0.0.0:1 is not; listen on 127.0.0.1 or turn login on",
            id="no login where others reach it",
        ),
        pytest.param(
            "prometheus: none.yml\n",
            "tocsin.yaml:1:1: prometheus: there is no file ",
            id="a named file that is not there",
        ),
        pytest.param(
            "state: mysql://x\n",
            "tocsin.yaml:1:8: state: expected a URL that starts with sqlite:/// or postgresql://",
            id="a database that is not known",
        ),
        pytest.param(
            "limits: {max_serie: 5}\n",
            "tocsin.yaml:1:10: ingest.limits.max_serie: unknown key; known here: ",
            id="limits at the top",
        ),
        pytest.param(
            "limits: {}\ningest: {limits: {}}\n",
            "tocsin.yaml:1:1: limits: these are given in ingest.limits already; keep one",
            id="limits given twice",
        ),
        pytest.param(
            "query: {timeout: 5}\n",
            "tocsin.yaml:1:18: query.timeout: expected a duration such as 15s, 1h30m or 30d, "
            "got '5'",
            id="a duration without its unit",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(folder: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    assert str(caught.value).startswith(message)


def test_a_mistake_in_a_flag_is_told_too(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"^command line:1:1: listen\.http: expected host:port"):
        load_config(None, {"listen.http": "here"})


def test_an_embedded_prometheus_is_kept_as_it_stands(folder: Path) -> None:
    text = "prometheus:\n  scrape_configs:\n  - relabel_configs: [{replacement: '${1}'}]\n"
    result = loaded(text)
    assert result.prometheus is not None
    data = {"scrape_configs": [{"relabel_configs": [{"replacement": "${1}"}]}]}
    assert result.prometheus.data == data
    assert result.prometheus.place("scrape_configs", 0).line == 3
    assert result.prometheus_folder == folder


def test_a_named_prometheus_is_read_and_watched(folder: Path) -> None:
    below = folder / "etc"
    below.mkdir()
    (below / "prometheus.yml").write_text("global: {scrape_interval: 5s}\n")
    result = loaded("prometheus: etc/prometheus.yml\n")
    assert result.prometheus is not None
    assert result.prometheus.data == {"global": {"scrape_interval": "5s"}}
    assert result.prometheus.name == str(below / "prometheus.yml")
    assert result.prometheus_folder == below
    assert result.sources == (folder / "tocsin.yaml", below / "prometheus.yml")


def test_ports_that_others_reach_without_tls_are_warned_of(folder: Path) -> None:
    text = "listen: {http: '0.0.0.0:7777'}\n"
    assert "without TLS" in loaded(text).warnings[0]
    behind_proxy = "listen: {http: '0.0.0.0:7777', external_url: https://t.example.com}\n"
    assert loaded(behind_proxy).warnings == ()


def test_the_example_is_right() -> None:
    result = load_config(EXAMPLE, environment={})
    assert isinstance(result.config, Config)
    assert result.prometheus is not None


@pytest.mark.parametrize(
    ("address", "is_loopback"),
    [("127.0.0.1:1", True), ("localhost:1", True), ("[::1]:1", True), ("", True), (":80", False),
     ("0.0.0.0:1", False), ("[::]:1", False), ("host.example:1", False), ("10.0.0.1:1", False)],
)  # fmt: skip
def test_a_loopback_address_is_known(address: str, is_loopback: bool) -> None:
    assert HostPort.from_config(address).is_loopback is is_loopback


_yamlish = st.text(st.sampled_from("ab01 -:[]{}&*!|>'\"#\n\t?,.%@`~$<\x00é"), max_size=40)


@given(st.sampled_from(Config.__struct_fields__), _yamlish)
def test_junk_under_a_known_key_is_a_mistake_never_a_crash(key: str, text: str) -> None:
    try:
        config = decode(loads(f"{key}: {text}", "t.yaml", environment={}), Config)
    except ConfigError:
        return
    assert effective(config)
    assert diff(Config(), config) is not None
