from __future__ import annotations

import string
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.quantity import Duration, Size
from tocsin.kit.secret import Secret
from tocsin.kit.yaml import ConfigError, Document, decode, load, loads


class Listen(msgspec.Struct, frozen=True):
    http: str = "127.0.0.1:7777"
    backlog: Annotated[int, msgspec.Meta(ge=1)] = 10


class Ping(msgspec.Struct, frozen=True, tag="ping", tag_field="type"):
    every: Duration


class Page(msgspec.Struct, frozen=True, tag="page", tag_field="type"):
    url: str


class Range(msgspec.Struct, frozen=True):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    listen: Listen = Listen()
    mode: Literal["off", "on"] = "on"
    loud: bool = False
    share: float = 0.5
    labels: dict[str, str] = {}
    names: tuple[str, ...] = ()
    pair: tuple[int, str] = (1, "a")
    size: Size = Size(0)
    password: Secret | None = None
    checks: tuple[Ping | Page, ...] = ()
    span: Range | None = None
    either: str | list[str] = ""
    kept: Document | None = None
    of_type: int = msgspec.field(default=0, name="type")


def read(text: str, **environment: str) -> Sheet:
    return decode(loads(text, "t.yaml", environment=environment, verbatim=("kept",)), Sheet)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "listen:\n  htp: x\n",
            't.yaml:2:3: listen.htp: unknown key; known here: backlog, http; did you mean "http"?',
            id="an unknown key names its nearest",
        ),
        pytest.param(
            "listen: [1]\n",
            "t.yaml:1:9: listen: expected a mapping, got a list",
            id="a list is not a mapping",
        ),
        pytest.param(
            "listen:\n  backlog: many\n",
            "t.yaml:2:12: listen.backlog: expected a whole number, got 'many'",
            id="a word is not a number",
        ),
        pytest.param(
            "listen: {backlog: 0}",
            "t.yaml:1:19: listen.backlog: expected `int` >= 1, got 0",
            id="a bound is said",
        ),
        pytest.param(
            "mode: offf",
            't.yaml:1:7: mode: expected "off" or "on", got \'offf\'; did you mean "off"?',
            id="a choice lists what may be chosen",
        ),
        pytest.param(
            "loud: maybe", "t.yaml:1:7: loud: expected true or false, got 'maybe'", id="boolean"
        ),
        pytest.param(
            "labels: {a: [1]}", "t.yaml:1:13: labels.a: expected a text, got a list", id="in a dict"
        ),
        pytest.param(
            "names:\n- a\n- {}\n", "t.yaml:3:3: names[1]: expected a text, got a mapping", id="list"
        ),
        pytest.param(
            "pair: [1]", "t.yaml:1:7: pair: expected a list of 2 values, got a list", id="pair"
        ),
        pytest.param(
            "size: 5 parsec",
            "t.yaml:1:7: size: expected a size such as 512MiB or 10GB, got '5 parsec'",
            id="a size of its own type",
        ),
        pytest.param(
            "checks: [{type: ping}]", 't.yaml:1:10: checks[0]: the key "every" is missing', id="req"
        ),
        pytest.param(
            "checks: [{type: pig}]",
            't.yaml:1:17: checks[0].type: expected "page" or "ping", got \'pig\'; '
            'did you mean "ping"?',
            id="a tag chooses the struct",
        ),
        pytest.param(
            "checks: [{type: ping, every: 5}]",
            "t.yaml:1:30: checks[0].every: expected a duration such as 15s, 1h30m or 30d, got '5'",
            id="a duration needs its unit",
        ),
        pytest.param(
            "span: {low: 2, high: 1}", "t.yaml:1:7: span: low is above high", id="the struct's rule"
        ),
        pytest.param(
            "loud: true\nloud: false\n",
            "t.yaml:2:1: loud: this key is already given in line 1",
            id="a key given twice",
        ),
        pytest.param(
            "share: ${SHARE}",
            "t.yaml:1:8: the environment variable SHARE is not set; "
            "set it or write ${SHARE:-default}",
            id="a variable that is not set",
        ),
        pytest.param(
            "a: [", "t.yaml:2:1: not YAML: did not find expected node content (while parsing a "
            "flow node)", id="not YAML",
        ),
        pytest.param(
            "a:\n\tb: 1", "t.yaml:2:1: not YAML: found character that cannot start any token "
            "(while scanning for the next token); indent with spaces", id="tabs",
        ),
        pytest.param(
            "a: 1\n---\nb: 1", "t.yaml:2:1: expected one document, found a second `---`", id="two"
        ),
        pytest.param("[1]", "t.yaml:1:1: expected a mapping, got a list", id="a list at the top"),
        pytest.param("? [a]\n: 1", "t.yaml:1:3: a key must be a plain text", id="a list as a key"),
        pytest.param(
            "a: !!python/object:os.system {}",
            "t.yaml:1:4: the tag tag:yaml.org,2002:python/object:os.system is not supported; "
            "remove it",
            id="a tag that would make objects",
        ),
        pytest.param("a: *b", "t.yaml:1:4: the alias *b stands before its anchor", id="alias"),
        pytest.param("a: &b [*b]", "t.yaml:1:8: the alias *b stands before its anchor", id="cycle"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_remedy(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value) == message


def test_the_parts_of_a_mistake_can_be_read() -> None:
    with pytest.raises(ConfigError) as caught:
        read("listen:\n  htp: x\n")
    error = caught.value
    assert (error.place.file, error.place.line, error.place.column) == ("t.yaml", 2, 3)
    assert (error.key, error.nearest) == ("listen.htp", "http")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        pytest.param("", "mode", "on", id="nothing is needed"),
        pytest.param("listen:\n", "listen", Listen(), id="a key without a value keeps its default"),
        pytest.param("mode: off", "mode", "off", id="off is a word where a word is expected"),
        pytest.param("loud: on", "loud", True, id="on is true where a boolean is expected"),
        pytest.param("share: 1", "share", 1.0, id="a whole number is a number"),
        pytest.param("labels: {a: 010, b: true}", "labels", {"a": "010", "b": "true"}, id="texts"),
        pytest.param("labels: {8080: x}", "labels", {"8080": "x"}, id="keys are texts"),
        pytest.param("names: [12:30]", "names", ("12:30",), id="no numbers to the base 60"),
        pytest.param("size: 1.5GiB", "size", 3 << 29, id="a size"),
        pytest.param("type: 5", "of_type", 5, id="a renamed field"),
        pytest.param("either: [a]", "either", ["a"], id="the second of a union"),
        pytest.param("either: a", "either", "a", id="the first of a union"),
        pytest.param(
            "checks: [{type: page, url: u}, {type: ping, every: 1m}]",
            "checks",
            (Page("u"), Ping(Duration(60))),
            id="structs chosen by tag",
        ),
        pytest.param("span: {low: 1, high: 1}", "span", Range(1, 1), id="an optional struct"),
        pytest.param("share: ${SHARE:-0.25}", "share", 0.25, id="a default of a variable"),
        pytest.param("share: $EMPTY${EMPTY:-1}", "share", None, id="only braces are replaced"),
        pytest.param("names: ['$${A}', '${NAME}!']", "names", ("${A}", "bo!"), id="escapes"),
        pytest.param("listen:\n  backlog: ${SET}", "listen", Listen(backlog=7), id="a number"),
        pytest.param(
            "listen: {<<: [{backlog: 2}, {backlog: 3}], http: a}", "listen", Listen("a", 2), id="<<"
        ),
    ],
)
def test_values_are_read_as_meant(text: str, field: str, value: object) -> None:
    if value is None:
        with pytest.raises(ConfigError, match="expected a number"):
            read(text, EMPTY="")
        return
    assert getattr(read(text, NAME="bo", SET="7", EMPTY=""), field) == value


def test_a_kept_part_is_not_expanded_and_knows_its_places() -> None:
    sheet = read("kept:\n  relabel:\n  - replacement: ${1}x\n")
    assert sheet.kept is not None
    assert sheet.kept.data == {"relabel": [{"replacement": "${1}x"}]}
    error = sheet.kept.error("wrong", "relabel", 0, "replacement")
    assert str(error) == "t.yaml:3:5: kept.relabel[0].replacement: wrong"


def test_a_secret_never_shows_itself() -> None:
    sheet = read("password: hunter2")
    assert sheet.password is not None
    assert sheet.password.reveal() == "hunter2"
    shown = [repr(sheet), str(sheet.password), f"{sheet.password:>10}"]
    assert not any("hunter2" in text for text in shown)
    with pytest.raises(TypeError):
        msgspec.json.encode(sheet.password)


def test_many_aliases_cannot_fill_the_memory() -> None:
    lines = ["a: &a [1,1,1,1,1,1,1,1,1,1]"]
    for before, name in zip(string.ascii_lowercase, string.ascii_lowercase[1:12], strict=False):
        lines.append(f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]")
    with pytest.raises(ConfigError, match="more than 1000000 values once aliases are followed"):
        loads("\n".join(lines))


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        loads(text)


def test_aliases_cannot_nest_deeper_either() -> None:
    lines = ["a0: &a0 [1]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 200))]
    with pytest.raises(ConfigError, match="nested deeper than 100 levels"):
        loads("\n".join(lines))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml:1:1: cannot read the file: No such file"):
        load(tmp_path / "none.yaml")


def test_a_file_that_is_not_utf8_says_where(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(ConfigError, match=r"latin.yaml:2:4: expected UTF-8 text"):
        load(path)


_yamlish = st.text(st.sampled_from("ab01 -:[]{}&*!|>'\"#\n\t?,.%@`~$<\x00é"), max_size=60)
_keys = st.sampled_from([*Sheet.__struct_fields__, "x"])


def mistake(text: str) -> ConfigError | None:
    try:
        read(text)
    except ConfigError as error:
        return error
    return None


@given(st.one_of(_yamlish, st.text(max_size=40)))
def test_junk_is_a_document_or_a_mistake_never_a_crash(text: str) -> None:
    error = mistake(text)
    assert error is None or (error.place.line >= 1 and error.place.column >= 1)


@given(_keys, _yamlish)
def test_junk_under_a_known_key_is_a_mistake_never_a_crash(key: str, text: str) -> None:
    error = mistake(f"{key}: {text}")
    assert error is None or str(error).startswith("t.yaml:")
