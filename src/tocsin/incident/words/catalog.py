"""Which words are said at which moment to whom? `incidents.templates`, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import msgspec

from tocsin.incident.words import defaults
from tocsin.incident.words.fields import FIELDS, PUBLIC, SAMPLE, Occasion, Value, values_of
from tocsin.incident.words.template import Notation, Template, template_of
from tocsin.kit.document import Document, Entries, Scalar, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.typed import decode


class Moment(Enum):
    """When something is said."""

    INITIAL = "initial"
    UPDATE = "update"
    RESOLUTION = "resolution"


class Audience(Enum):
    """To whom."""

    INTERNAL = "internal"
    """Colleagues: channels and internal mail lists."""
    PUBLIC = "public"
    """Readers of the status page."""
    CUSTOMERS = "customers"
    """Mail lists of those outside."""


_MOMENTS = {
    **{one.value: one for one in Moment},
    "initialAlert": Moment.INITIAL,
    "updateMessage": Moment.UPDATE,
    "resolutionMessage": Moment.RESOLUTION,
    "initial_alert": Moment.INITIAL,
    "update_message": Moment.UPDATE,
    "resolution_message": Moment.RESOLUTION,
}
"""As they may be written; the spelling of programs means the same."""
_OTHERS = {"status_page": Audience.PUBLIC}


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """One template as a mapping; `text` is for colleagues."""

    text: str = ""
    internal: str = ""
    public: str = ""
    status_page: str = ""
    customers: str = ""
    subject: str = ""
    customers_subject: str = ""
    notation: Notation | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What is said at one moment to one audience; the subject is of mails."""

    text: Template
    subject: Template


@dataclass(frozen=True, slots=True)
class Said:
    """Words that were filled."""

    text: str
    subject: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """All templates in force."""

    words: Mapping[tuple[Moment, Audience], Words] = field(default_factory=dict)

    def say(self, moment: Moment, audience: Audience, values: Mapping[str, Value]) -> Said:
        """The words of a moment; raises Rejected when they cannot be made."""
        found = self.words[moment, audience]
        subject = " ".join(found.subject.fill(values).split())
        return Said(found.text.fill(values), subject)


def catalog_of(document: Document | None) -> Catalog:
    """The shipped templates with those that are given; raises ConfigError with place and remedy."""
    words = _shipped()
    if document is None or document.data is None:
        return Catalog(words)
    if not isinstance(document.node, Entries):
        raise document.error("expected a mapping such as {initial: …, update: …, resolution: …}")
    for key in document.node.nodes:
        moment = _MOMENTS.get(key)
        part = document.get(key)
        if moment is None or part is None:
            known = ", ".join(one.value for one in Moment)
            near = nearest(key, _MOMENTS)
            raise document.error(f"unknown template; known are {known}", key, nearest=near)
        _read(part, moment, words)
    return Catalog(words)


def known_to(audience: Audience) -> Mapping[str, str]:
    """The fields that words for an audience may name: outside, only what is not private."""
    if audience is Audience.INTERNAL:
        return FIELDS
    return {name: meaning for name, meaning in FIELDS.items() if name in PUBLIC}


def tried(template: Template) -> str:
    """The template filled with an example; raises Rejected when that fails."""
    example = Occasion(
        at_ms=SAMPLE.opened_ms,
        text="The deploy is being taken back.",
        eta="in 20 minutes",
        author="ana",
        severity_description="Complete service outage",
        external_url="https://tocsin.example.com",
        status_page_url="https://status.example.com",
    )
    return template.fill(values_of(SAMPLE, example))


def _read(part: Document, moment: Moment, words: dict[tuple[Moment, Audience], Words]) -> None:
    if isinstance(part.node, Scalar):
        given = _Given(text=decode(part, str))
        _set(part, (), given.text, given, (moment, Audience.INTERNAL), words)
        return
    given = decode(part, _Given)
    if given.text and given.internal:
        raise part.error("text and internal mean the same; keep one", "internal")
    if given.public and given.status_page:
        raise part.error("public and status_page mean the same; keep one", "status_page")
    texts = {
        "text": (given.text, Audience.INTERNAL),
        "internal": (given.internal, Audience.INTERNAL),
        "public": (given.public, Audience.PUBLIC),
        "status_page": (given.status_page, Audience.PUBLIC),
        "customers": (given.customers, Audience.CUSTOMERS),
    }
    for key, (text, audience) in texts.items():
        if text:
            _set(part, (key,), text, given, (moment, audience), words)
    subjects = {"subject": Audience.INTERNAL, "customers_subject": Audience.CUSTOMERS}
    for key, audience in subjects.items():
        if source := getattr(given, key):
            before = words[moment, audience]
            subject = _checked(part, (key,), source, given.notation, audience)
            words[moment, audience] = Words(before.text, subject)


def _set(
    part: Document,
    path: tuple[str, ...],
    source: str,
    given: _Given,
    which: tuple[Moment, Audience],
    words: dict[tuple[Moment, Audience], Words],
) -> None:
    text = _checked(part, path, source, given.notation, which[1])
    words[which] = Words(text, words[which].subject)


def _checked(
    part: Document,
    path: tuple[str, ...],
    source: str,
    notation: Notation | None,
    audience: Audience,
) -> Template:
    try:
        template = template_of(source, notation, known_to(audience))
        tried(template)
    except Rejected as error:
        raise part.error(str(error), *path) from error
    return template


def _shipped() -> dict[tuple[Moment, Audience], Words]:
    found: dict[tuple[Moment, Audience], Words] = {}
    for moment in Moment:
        for audience, prefix in (
            (Audience.INTERNAL, ""),
            (Audience.PUBLIC, "PUBLIC_"),
            (Audience.CUSTOMERS, "CUSTOMERS_"),
        ):
            text = getattr(defaults, f"{prefix}{moment.name}")
            outside = audience is not Audience.INTERNAL
            subjects = defaults.CUSTOMERS_SUBJECTS if outside else defaults.SUBJECTS
            found[moment, audience] = Words(
                template_of(text, Notation.BRACES, known_to(audience)),
                template_of(subjects[moment.value], Notation.BRACES, known_to(audience)),
            )
    return found
