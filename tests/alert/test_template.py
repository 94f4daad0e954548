"""What templates of rules say; the expected texts are those of promtool."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tocsin.alert.rules.template import World, check, expand
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels, from_mapping

LABELS = from_mapping({"instance": "db1.example.org:9104", "job": "db", "__name__": "m"})
WORLD = World(from_mapping({"region": "eu"}), "https://tocsin.example.org/base")


async def ask(expression: str) -> Sequence[tuple[Labels, float]]:
    if expression == "bad":
        raise Rejected("no such thing")
    if expression == "none":
        return []
    return [
        (from_mapping({"instance": "b", "__value__": "v"}), 2.0),
        (from_mapping({"instance": "a"}), 1.0),
    ]


async def said(text: str, value: float = 0.25) -> str:
    return (await expand(text, "Down", LABELS, value, world=WORLD, ask=ask))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ $labels.job }} {{ .Labels.job }} {{ $value }} {{ .Value }}", "db db 0.25 0.25"),
        ("[{{ $labels.nope }}]", "[]"),
        ("{{ $externalLabels.region }} {{ $externalURL }}", "eu https://tocsin.example.org/base"),
        ("{{ externalURL }}{{ pathPrefix }}", "https://tocsin.example.org/base/base"),
        ('{{ printf "%.1f|%s|%q" $value $labels.job "x" }}', '0.2|db|"x"'),
        ("{{ humanize 1234567.0 }} {{ humanize 0.0012 }} {{ humanize 0.0 }}", "1.235M 1.2m 0"),
        ("{{ humanize1024 1048576.0 }} {{ humanize1024 0.5 }}", "1Mi 0.5"),
        ("{{ humanizeDuration 93784.0 }}", "1d 2h 3m 4s"),
        ("{{ humanizeDuration 0.0123 }} {{ humanizeDuration -61.0 }}", "12.3ms -1m 1s"),
        ("{{ humanizePercentage 0.12345 }}", "12.35%"),
        ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        ('{{ humanize "12345" }}', "12.35k"),
        ('{{ with query "q" }}{{ . | first | value }}{{ end }}', "2"),
        ('{{ range sortByLabel "instance" (query "q") }}{{ .Labels.instance }}{{ end }}', "ab"),
        ('{{ query "q" | first | label "instance" }}', "b"),
        ('{{ query "q" | first | strvalue }}', "v"),
        ('{{ if query "none" }}some{{ else }}none{{ end }}', "none"),
        ('{{ reReplaceAll "(.*)\\\\.example\\\\.org:.*" "$1!" $labels.instance }}', "db1!"),
        ('{{ if match "^db" $labels.job }}yes{{ end }}', "yes"),
        ('{{ title "a bc" }} {{ toUpper "a" }} {{ toLower "B" }}', "A Bc A b"),
        ("{{ stripPort $labels.instance }}", "db1.example.org"),
        ("{{ stripDomain $labels.instance }}", "db1:9104"),
        ("{{ stripDomain `10.0.0.1:80` }}", "10.0.0.1:80"),
        ('{{ tableLink "up == 0" }}', "/graph?g0.expr=up+%3D%3D+0&g0.tab=1"),
        ('{{ parseDuration "1h30m" }}', "5400"),
        ('{{ define "t" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template "t" (args 1 "x") }}', "1-x"),
        ("{{ if gt $value 0.2 }}high{{ else }}low{{ end }}", "high"),
        ("no template at all: }}", "no template at all: }}"),
    ],
)  # fmt: skip
async def test_a_template_says(text: str, expected: str) -> None:
    assert await said(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{{ first (query "none") }}', "vector with no elements"),
        ('{{ query "bad" }}', "no such thing"),
        ("{{ .Nope }}", "can't evaluate field Nope"),
        ('{{ humanize "x" }}', "invalid syntax"),
        ("{{ humanizeTimestamp 1e18 }}", "cannot be represented"),
        ("{{ toTime 1e18 }}", "cannot be represented"),
        ("{{ toTime -1e300 }}", "cannot be represented"),
        ('{{ template "gone" }}', "gone"),
        ('{{ reReplaceAll "(" "" "x" }}', "error parsing regexp"),
    ],
)
async def test_a_failing_template_says_so_in_its_place(text: str, reason: str) -> None:
    words, problem = await expand(text, "Down", LABELS, 1.0, world=WORLD, ask=ask)
    assert words.startswith("<error expanding template: error executing template __alert_Down:")
    assert words.endswith(">")
    assert reason in words
    assert reason in problem


@pytest.mark.parametrize("text", ["{{ nope }}", "{{", "{{ $x }}", "{{ if }}x{{ end }}"])
def test_what_is_no_template_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Rejected, match=r"template:1:"):
        check(text, "Down")


async def test_a_template_that_never_ends_is_ended() -> None:
    endless = '{{ define "t" }}{{ template "t" . }}{{ end }}{{ template "t" . }}'
    assert (await said(endless)).startswith("<error expanding template:")


@pytest.mark.parametrize(
    "text",
    ['{{ printf "%999999999d" 1 }}', '{{ printf "%.10001f" 1.0 }}', '{{ printf "%*d" 99999 1 }}',
     '{{ printf "a %-0' + "9" * 5_000 + 'd" 1 }}'],
)  # fmt: skip
async def test_a_text_that_is_nothing_but_blanks_is_refused(text: str) -> None:
    assert "printf: a width or precision of more than 10,000" in await said(text)


async def test_numbers_beside_a_width_are_no_width() -> None:
    assert await said('{{ printf "20000 %5d 100%% 20000 %v" 99999 99999 }}') == (
        "20000 99999 100% 20000 99999"
    )
