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
        ('{{ (1435065584.128 | toTime).Format "2006-01-02" }}', "2015-06-23"),
        ("{{ with toTime 1435065584.128 }}{{ .Year }} {{ .Month }} {{ .Day }}{{ end }}",
         "2015 June 23"),
        ('{{ with toTime 0 }}{{ .Weekday }} {{ printf "%d" .Month }}{{ end }}', "Thursday 1"),
        ("{{ 1435065584.128 | toTime }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        ('{{ range query "q" }}{{ . }}{{ end }}',
         "{map[__value__:v instance:b] 2}{map[instance:a] 1}"),
        ("{{ . }}", "{map[__name__:m instance:db1.example.org:9104 job:db] map[region:eu]"
         " https://tocsin.example.org/base 0.25}"),
        ('{{ title "don\'t a_b c-d é" }} {{ toUpper "straße" }}', "Don'T A_b C-D É STRAßE"),
        ('{{ humanize "0x1p4" }} {{ humanize "1_000" }}', "16 1k"),
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


BEGIN = "<error expanding template: error executing template __alert_Down: template: __alert_Down:"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('{{ humanize "abc" }}', "1:115", '<humanize "abc">: error calling humanize:'
         ' strconv.ParseFloat: parsing "abc": invalid syntax'),
        ('{{ humanize "1e400" }}', "1:115", '<humanize "1e400">: error calling humanize:'
         ' strconv.ParseFloat: parsing "1e400": value out of range'),
        ('{{ query "none" | first | value }}', "1:130", "<first>: error calling first:"
         " first() called on vector with no elements"),
        ("{{ humanizeTimestamp 1e20 }}", "1:115", "<humanizeTimestamp 1e20>: error calling"
         " humanizeTimestamp: 1e+20 cannot be represented as a nanoseconds timestamp since it"
         " overflows int64"),
        ("{{ .Nope }}", "1:115", "<.Nope>: can't evaluate field Nope in type struct { Labels"
         " map[string]string; ExternalLabels map[string]string; ExternalURL string;"
         " Value float64 }"),
        ("{{ .Labels.job.x }}", "1:122",
         "<.Labels.job.x>: can't evaluate field x in type string"),
        ("{{ $labels.job.x.y }}", "1:122",
         "<$labels.job.x.y>: can't evaluate field x in type string"),
        ("{{ $value.foo }}", "1:121", "<$value.foo>: can't evaluate field foo in type float64"),
        ("{{ first }}", "1:115", "<first>: wrong number of args for first: want 1 got 0"),
        ("{{ if gt $value 1000 }}{{ end }}", "1:118",
         "<gt $value 1000>: error calling gt: incompatible types for comparison"),
        ('{{ template "nope" }}', "1:124", '<{{template "nope"}}>: template "nope" not defined'),
        ('a\nb {{ humanize "x" }}', "2:5", '<humanize "x">: error calling humanize:'
         ' strconv.ParseFloat: parsing "x": invalid syntax'),
    ],
)  # fmt: skip
async def test_a_failing_template_says_it_in_prometheus_s_words(
    text: str, place: str, words: str
) -> None:
    assert await said(text) == f'{BEGIN}{place}: executing "__alert_Down" at {words}>'


@pytest.mark.parametrize(
    "text",
    ['{{ ("{0.__class__.__init__.__globals__}").format . }}', "{{ $labels.job.format . }}",
     "{{ $labels.job.ljust 999999999999 }}", '{{ range query "q" }}{{ .__class__ }}{{ end }}',
     '{{ (query "q").append }}', "{{ $value.as_integer_ratio }}"],
)  # fmt: skip
async def test_a_template_does_not_reach_into_python(text: str) -> None:
    assert "can't evaluate field" in await said(text)


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
