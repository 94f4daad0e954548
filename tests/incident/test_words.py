"""Communication templates: three notations, all of them safe, checked before they are needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.incident.words import jinja_template
from tocsin.incident.words.catalog import Audience, Moment, catalog_of
from tocsin.incident.words.fields import (
    FIELDS,
    PUBLIC,
    SAMPLE,
    Occasion,
    duration_text,
    values_of,
)
from tocsin.incident.words.template import Notation, notation_of, template_of
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import loads

OCCASION = Occasion(
    at_ms=1_790_000_600_000,
    text="The deploy is taken back.",
    eta="14:30 UTC",
    author="ana",
    external_url="https://tocsin.example.com",
    name_of=lambda name: {"ana": "Ana Ruiz", "ben": "Ben Okafor"}.get(name, name),
)
VALUES = values_of(SAMPLE, OCCASION)

SEED_UPDATE = """
**INCIDENT UPDATE**

**Incident**: {incident_id}
**Status**: {status}
**Progress**: {progress_description}
**ETA**: {estimated_resolution}
**Next Update**: {next_update_time}
    """


def test_every_field_has_a_value_and_every_value_is_a_field() -> None:
    assert VALUES.keys() == FIELDS.keys()
    assert FIELDS.keys() >= PUBLIC


def test_a_text_in_single_braces_is_filled_as_its_author_wrote_it() -> None:
    assert template_of(SEED_UPDATE).fill(VALUES).splitlines() == [
        "**INCIDENT UPDATE**",
        "",
        "**Incident**: INC-2026-0042",
        "**Status**: open",
        "**Progress**: The deploy is taken back.",
        "**ETA**: 14:30 UTC",
        "**Next Update**: 2026-09-21 14:43 UTC",
    ]


@pytest.mark.parametrize(
    ("source", "notation", "text"),
    [
        pytest.param("{severity} {title}", Notation.BRACES, "P0 Checkout fails for every customer"),
        pytest.param("a {json: 1} stays", Notation.BRACES, "a {json: 1} stays"),
        pytest.param("{services}", Notation.BRACES, "checkout, payments"),
        pytest.param("{{ severity }} {{ assignee|upper }}", Notation.JINJA2, "P0 ANA RUIZ"),
        pytest.param("{{ services }}", Notation.JINJA2, "checkout, payments"),
        pytest.param(
            "{% for one in services %}{{ loop.index }}.{{ one }} {% endfor %}",
            Notation.JINJA2,
            "1.checkout 2.payments",
        ),
        pytest.param(
            "{% if severity in ['P0', 'P1'] %}urgent{% else %}calm{% endif %}",
            Notation.JINJA2,
            "urgent",
        ),
        pytest.param("{{ .Severity }} {{ .next_update_time }}", Notation.GO, None),
        pytest.param("{{ .IncidentID }} {{ .IncidentId }}", Notation.GO, None),
        pytest.param("{{ range .Services }}[{{.}}]{{ end }}", Notation.GO, "[checkout][payments]"),
        pytest.param(
            '{{ if eq .Severity "P0" }}{{ .Assignee | toUpper }}{{ end }}', Notation.GO, "ANA RUIZ"
        ),
        pytest.param('{{ join ", " .Tags }}', Notation.GO, "database"),
    ],
)
def test_a_template_is_understood_in_the_notation_it_is_written_in(
    source: str, notation: Notation, text: str | None
) -> None:
    assert notation_of(source) is notation
    filled = template_of(source).fill(VALUES)
    assert text is None or filled == text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("a\nb {severty}", "line 2 of the template: unknown field {severty}; did you"),
        pytest.param("a\n\n{{ severty }}", "line 3 of the template: unknown field 'severty'"),
        pytest.param("{% if false %}{{ nothing }}{% endif %}", "unknown field 'nothing'"),
        pytest.param("{{ .Severty }}", "unknown field 'Severty'; did you mean \"severity\"?"),
        pytest.param("{{ if .severity }}\n{{ $.nope }}{{ end }}", "line 2 of the template"),
        pytest.param("{{ severity", "line 1 of the template: {{ is not closed"),
        pytest.param("a\n{{ {{ title }}", "line 2 of the template: {{ holds another one"),
        pytest.param("{{ title" + " " * 1000 + "}}", "longer than 1000 characters"),
        pytest.param("{{ title }}" * 301, "at most 300 tags"),
        pytest.param("{{ title" + "|upper" * 40 + " }}", "nested too deeply"),
        pytest.param("{% if title %}" * 40 + "{% endif %}" * 40, "nested too deeply"),
        pytest.param("{{ .severity | nosuch }}", "nosuch"),
        pytest.param("{{ severity.__class__ }}", "a field has no parts: .__class__"),
        pytest.param("{{ severity['__class__'] }}", "only a number may stand in brackets"),
        pytest.param("{{ ''.__class__.__mro__ }}", "a field has no parts"),
        pytest.param("{{ severity|attr('x') }}", "the filter 'attr' is not there"),
        pytest.param("{{ '%999999999d'|format(1) }}", "the filter 'format' is not there"),
        pytest.param("{{ severity|center(999999999) }}", "the filter 'center' is not there"),
        pytest.param("{{ 'a' * 999999999 }}", "mul is not allowed"),
        pytest.param("{{ 10 ** 10 ** 10 }}", "pow is not allowed"),
        pytest.param("{{ '%0999999999d' % 1 }}", "mod is not allowed"),
        pytest.param("{{ range(9) }}", "call is not allowed"),
        pytest.param("{{ lipsum }}", "unknown field 'lipsum'"),
        pytest.param("{{ self }}", "unknown field 'self'"),
        pytest.param("{% set x = title ~ title %}{{ x }}", "assign is not allowed"),
        pytest.param("{% include 'x' %}", "include is not allowed"),
        pytest.param("{% macro a() %}{% endmacro %}", "macro is not allowed"),
        pytest.param("{% for a in 'x' %}{% endfor %}", "a loop goes through a field"),
        pytest.param(
            "{% for a in tags %}{% for b in tags %}{% for c in tags %}{% endfor %}{% endfor %}"
            "{% endfor %}",
            "loops stand at most 2 deep",
        ),
        pytest.param("x" * 20_001, "at most 20,000 characters"),
    ],
)
def test_a_template_that_would_fail_at_night_is_refused_by_day(source: str, words: str) -> None:
    with pytest.raises(Rejected) as refused:
        template_of(source)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("{{ title" + "|replace('e', 'eeeeeeeeee')" * 12 + " }}", id="replaced"),
        pytest.param(
            "{% for a in alerts %}{% for b in alerts %}"
            + "{{ description }}" * 50
            + "{% endfor %}{% endfor %}",
            id="looped",
        ),
    ],
)
def test_a_text_that_grows_without_bound_ends_early(source: str) -> None:
    many = {**VALUES, "alerts": tuple("abc" for _ in range(200)), "title": "e" * 500}
    with pytest.raises(Rejected, match="grows beyond 100,000 characters"):
        template_of(source).fill(many)


def test_what_a_field_says_is_never_read_as_a_template() -> None:
    evil = {**VALUES, "title": "{{ 7*7 }} {severity} {{ .Severity }}"}
    for source in ("{title}", "{{ title }}", "{{ .Title }}"):
        assert template_of(source).fill(evil) == "{{ 7*7 }} {severity} {{ .Severity }}"


@given(st.text(alphabet="{}%. abseverity_|()'0", max_size=40))
def test_any_text_is_a_template_or_is_refused(source: str) -> None:
    try:
        said = template_of(source).fill(VALUES)
    except Rejected:
        return
    assert "{severity}" not in said, "what is a field is filled in"
    if not set(source) & set("{}"):
        assert said.strip() == source.strip()


def test_shipped_words_say_what_the_playbooks_say() -> None:
    said = catalog_of(None).say(Moment.INITIAL, Audience.INTERNAL, VALUES)
    assert said.subject == "[P0] INC-2026-0042: Checkout fails for every customer"
    assert "**Severity**: P0\n**Service**: checkout, payments" in said.text
    resolved = catalog_of(None).say(Moment.RESOLUTION, Audience.INTERNAL, VALUES).text
    assert "https://tocsin.example.com/postmortems/INC-2026-0042" in resolved


def test_words_for_those_outside_name_nothing_of_the_inside() -> None:
    text = "templates:\n  update:\n    text: '{severity}'\n    public: '{title} is down'\n"
    part = loads(text, "tocsin.yaml").get("templates")
    with pytest.raises(ConfigError) as refused:
        catalog_of(part)
    assert refused.value.place.line == 4
    assert "unknown field {title}" in str(refused.value)


def test_templates_may_be_written_as_programs_export_them() -> None:
    text = "templates:\n  initialAlert: 'Severity {severity}'\n  resolution: {subject: done}\n"
    catalog = catalog_of(loads(text, "tocsin.yaml").get("templates"))
    assert catalog.say(Moment.INITIAL, Audience.INTERNAL, VALUES).text == "Severity P0"
    assert catalog.say(Moment.RESOLUTION, Audience.INTERNAL, VALUES).subject == "done"
    assert "**Duration**" in catalog.say(Moment.RESOLUTION, Audience.INTERNAL, VALUES).text


def test_an_unknown_moment_is_refused_with_place_and_remedy() -> None:
    part = loads("templates:\n  updat: x\n", "tocsin.yaml").get("templates")
    with pytest.raises(ConfigError, match=r"tocsin.yaml:2:3: templates.updat: .*mean \"update\""):
        catalog_of(part)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "less than a minute"),
        (125 * 60_000, "2 h 5 min"),
        (26 * 3_600_000, "1 d 2 h"),
        (-5, "less than a minute"),
    ],
)
def test_durations_are_told_as_people_say_them(ms: int, text: str) -> None:
    assert duration_text(ms) == text


_LONG = dict.fromkeys(FIELDS, "x" * 20000) | {"services": ("checkout",) * 200}


@pytest.mark.parametrize(
    "source",
    [
        "{title}" * 2_000,
        "{% for a in title|list %}{% for b in title|list %}{% endfor %}{% endfor %}",
        "{% for a in title %}{% for b in title %}{% if a == 'q' %}z{% endif %}{% endfor %}"
        "{% endfor %}",
        "{% if title|sort|first == 'q' %}z{% endif %}",
        "{% for a in services %}{% for b in services %}{{ title }}{% endfor %}{% endfor %}",
        "{{ services|join(title) }}",
    ],
)
def test_a_template_that_says_little_or_much_of_long_fields_is_stopped(source: str) -> None:
    with pytest.raises(Rejected, match=r"at most 1,000 values|grows beyond"):
        template_of(source).fill(_LONG)


def test_a_loop_that_says_nothing_is_stopped_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja_template, "_SECONDS", -1.0)
    with pytest.raises(Rejected, match="takes longer"):
        template_of("{% for a in services %}{% endfor %}", Notation.JINJA2).fill(_LONG)


@pytest.mark.parametrize(
    "source",
    [
        "{{ $x := .title }}" + "{{ $x = print $x $x }}" * 40,
        "{{ $x := .title }}" + "{{ $x = urlquery $x }}" * 40,
        "{{ $x := .title }}" + "{{ $x = js $x }}" * 40,
        "{{ $x := .title }}" + "{{ $x = html $x }}" * 40,
        '{{ $x := .title }}{{ $x = printf "%s%[1]s%[1]s%[1]s%[1]s%[1]s" $x }}',
        '{{ $x := printf "%999999999s" "a" }}',
        '{{ $x := printf "%.999999999f" 1.5 }}',
        '{{ $x := printf "%*d" 99999999 1 }}',
        "{{ $x := join .title .services }}",
    ],
)
def test_no_go_template_fills_the_memory(source: str) -> None:
    long = dict.fromkeys(FIELDS, "\\&% '" * 4000) | {"services": ("checkout",) * 200}
    with pytest.raises(Rejected, match=r"grows beyond|width or precision"):
        template_of(source, Notation.GO).fill(long)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('{{ print "a" 1 2 "b" 3 }}', "a1 2b3"),
        ('{{ println "a" 1 }}.', "a 1\n."),
        ('{{ printf "%-5s|%3d|%d%%" "ab" 7 9 }}', "ab   |  7|9%"),
        ("{{ html \"<a href='x'>\" }}", "&lt;a href=&#39;x&#39;&gt;"),
        ('{{ urlquery "a b&c" }}', "a+b%26c"),
        ("{{ js `'<` }}", "\\'\\u003C"),
        ('{{ join " and " .services }}', "checkout and payments"),
        ('{{ .severity | printf "%s!" | toLower }}', "p0!"),
    ],
)
def test_what_go_templates_call_is_as_in_go(source: str, text: str) -> None:
    assert template_of(source, Notation.GO).fill(VALUES) == text


@pytest.mark.parametrize(
    "source",
    ['{{ ("{0.__class__.__init__.__globals__}").format . }}', '{{ ("a").ljust 999999999999 }}'],
)
def test_a_go_template_does_not_reach_into_python(source: str) -> None:
    with pytest.raises(Rejected, match="can't evaluate field"):
        template_of(source, Notation.GO).fill(VALUES)
